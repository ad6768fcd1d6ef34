use super::*;

#[test]
fn a_late_event_meets_nobody() {
    let mut table = Table::new();
    let old = table.insert("old");
    // In one batch, the old connection ends, a new one is accepted, and then a second event for
    // the old connection comes.
    assert_eq!(table.remove(old), Some("old"));
    let new = table.insert("new");
    assert_eq!(
        table.get(old),
        None,
        "a token was reused within its batch: an event for the old connection reached the new one"
    );
    assert_eq!(table.get(new), Some(&mut "new"));
}

#[test]
fn places_are_reused_after_the_batch() {
    let mut table = Table::new();
    for n in 0..1000 {
        let token = table.insert(n);
        assert!(
            token < 4,
            "one connection at a time, but connection {n} has token {token}: the table only grows"
        );
        assert_eq!(table.remove(token), Some(n));
        table.batch_is_over();
    }
}

#[test]
fn every_connection_has_a_place_of_its_own() {
    let mut table = Table::new();
    let gone = table.insert("gone");
    assert_eq!(table.remove(gone), Some("gone"));
    assert_eq!(table.remove(gone), None, "removed twice");
    table.batch_is_over();
    table.batch_is_over();
    let (first, second) = (table.insert("first"), table.insert("second"));
    assert!(
        first != second,
        "one place, two connections: the place was in the free list twice"
    );
    assert_eq!(table.get(first), Some(&mut "first"));
    assert_eq!(table.get(second), Some(&mut "second"));
}

#[test]
fn free_places_stay_free() {
    let mut table = Table::new();
    // Each round has more connections than the last. Between rounds, no connection ends in a batch.
    for most in 4..8 {
        let tokens: Vec<_> = (0..most).map(|n| table.insert(n)).collect();
        let mut apart = tokens.clone();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(
            apart.len(),
            most,
            "one place, two connections: the place was in the free list twice; the tokens are {tokens:?}"
        );
        assert!(
            apart[most - 1] < most,
            "{most} connections have the tokens {tokens:?}: a batch in which no connection ended has \
             forgotten free places, so the table only grows"
        );
        for token in tokens {
            table.remove(token);
        }
        table.batch_is_over();
        table.batch_is_over();
    }
}

#[test]
fn an_event_for_nobody_is_harmless() {
    let mut table = Table::<()>::new();
    assert_eq!(table.get(7), None);
    assert_eq!(table.remove(7), None);
    table.batch_is_over();
}
