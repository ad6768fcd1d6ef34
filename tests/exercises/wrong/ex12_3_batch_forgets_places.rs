// Fails with: forgotten free places
//! Exercise 12.3: a place in the same batch.

/// Connections by their tokens: a token is a place in the table.
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

    /// Puts a connection where there is room, and returns its token.
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

    /// The connection that an event is for, if it still exists.
    pub fn get(&mut self, token: usize) -> Option<&mut T> {
        self.places.get_mut(token)?.as_mut()
    }

    pub fn remove(&mut self, token: usize) -> Option<T> {
        let connection = self.places.get_mut(token)?.take()?;
        self.vacated.push(token);
        Some(connection)
    }

    pub fn batch_is_over(&mut self) {
        self.free = std::mem::take(&mut self.vacated);
    }
}

#[cfg(test)]
#[path = "../../checks/ex12_3_batch.rs"]
mod checks;
