//! Exercise 12.3: a place in the same batch.

/// A table of connections. A connection's token is its place in the table.
pub struct Table<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
    vacated: Vec<usize>,
}

impl<T> Table<T> {
    pub fn new() -> Table<T> {
        Table {
            places: Vec::new(),
            free: Vec::new(),
            vacated: Vec::new(),
        }
    }

    /// Puts a connection in a free place, and returns its token.
    pub fn insert(&mut self, connection: T) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.places[place] = Some(connection);
                place
            }
            None => {
                self.places.push(Some(connection));
                self.places.len() - 1
            }
        }
    }

    /// The connection with this token, if there is one.
    pub fn get(&mut self, token: usize) -> Option<&mut T> {
        self.places.get_mut(token)?.as_mut()
    }

    // ANCHOR: answer
    /// Removes a connection. The current batch may still have events for it.
    pub fn remove(&mut self, token: usize) -> Option<T> {
        let connection = self.places.get_mut(token)?.take()?;
        self.vacated.push(token);
        Some(connection)
    }

    /// Called after all events of a batch.
    pub fn batch_is_over(&mut self) {
        self.free.append(&mut self.vacated);
    }
    // ANCHOR_END: answer
}

#[cfg(test)]
#[path = "../checks/ex12_3_batch.rs"]
mod checks;
