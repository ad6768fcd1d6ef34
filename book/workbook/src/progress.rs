//! What the reader has done. If an exercise has no copy, or its copy is still the
//! blank, it is not started. Otherwise the last result counts, until the answer, its
//! checks or `src/` change.
//!
//! `.workbook/` holds these results, the chapters that were read and run, and the
//! hints that were shown: files with one line for each entry. If they are lost, no
//! answer is lost, so errors in reading or writing them are ignored.

use crate::book::{Book, Exercise, read, write};
use std::fs;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    NotStarted,
    /// Never checked, or changed since its last check.
    Started,
    Failing,
    Done,
}

/// The text that the reader's copy of a blank begins with.
pub fn copy_of_blank(book: &Book, exercise: &Exercise) -> Result<String, String> {
    let blank = read(&book.blank(exercise))?;
    Ok(blank.replace("../checks/", "../../../tests/checks/"))
}

pub fn state(book: &Book, exercise: &Exercise) -> State {
    let answer = book.answer(exercise);
    let blank = copy_of_blank(book, exercise);
    let is_blank = blank.is_ok_and(|blank| read(&answer).is_ok_and(|answer| answer == blank));
    if is_blank || !answer.exists() {
        return State::NotStarted;
    }
    let hash = format!("{:016x}", hash(book, exercise));
    match recall(book, "results", &exercise.name).split_once(' ') {
        Some((of, "done")) if of == hash => State::Done,
        Some((of, "failing")) if of == hash => State::Failing,
        _ => State::Started,
    }
}

/// Whether it was done, but something has changed since its last check.
pub fn was_done(book: &Book, exercise: &Exercise) -> bool {
    let last = recall(book, "results", &exercise.name);
    last.ends_with(" done") && state(book, exercise) == State::Started
}

pub fn record(book: &Book, exercise: &Exercise, done: bool) {
    let result = if done { "done" } else { "failing" };
    let result = format!("{:016x} {result}", hash(book, exercise));
    store(book, "place", "chapter", &exercise.chapter.to_string());
    store(book, "results", &exercise.name, &result);
}

/// Remembers that chapter `what` was read or run, and that it is the reader's last chapter.
pub fn remember(book: &Book, done: &str, what: &str) {
    store(book, done, what, "yes");
    store(book, "place", "chapter", what);
}

/// The reader's last chapter; 0 if there is none.
pub fn place(book: &Book) -> u32 {
    recall(book, "place", "chapter").parse().unwrap_or(0)
}

pub fn remembered(book: &Book, done: &str, what: &str) -> bool {
    !recall(book, done, what).is_empty()
}

/// The entry for `key` in `.workbook/<file>`; empty if there is none.
pub fn recall(book: &Book, file: &str, key: &str) -> String {
    let text = read(&book.root.join(".workbook").join(file)).unwrap_or_default();
    let mut entries = text.lines().filter_map(|line| line.split_once(' '));
    let entry = entries.find(|(name, _)| *name == key);
    entry.map_or(String::new(), |(_, value)| value.to_string())
}

pub fn store(book: &Book, file: &str, key: &str, value: &str) {
    let path = book.root.join(".workbook").join(file);
    let old = read(&path).unwrap_or_default();
    let others = old
        .lines()
        .filter(|line| line.split(' ').next() != Some(key));
    let mut text: String = others.flat_map(|line| [line, "\n"]).collect();
    text.push_str(&format!("{key} {value}\n"));
    if text != old {
        let _ = write(&path, &text);
    }
}

/// A hash of everything that decides the result: the answer, the checks, `src/` and
/// the system.
fn hash(book: &Book, exercise: &Exercise) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.add(std::env::consts::OS.as_bytes());
    hash.add_tree(&book.answer(exercise));
    hash.add_tree(&book.checks(exercise));
    hash.add_tree(&book.root.join("src"));
    hash.0
}

/// FNV-1a.
struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn add_tree(&mut self, path: &Path) {
        if path.is_dir() {
            for name in crate::book::names(path) {
                self.add(name.as_bytes());
                self.add_tree(&path.join(name));
            }
        } else if let Ok(bytes) = fs::read(path) {
            self.add(&bytes.len().to_le_bytes());
            self.add(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::{Checkout, SUMMARY};

    #[test]
    fn fnv_1a_gives_its_published_values() {
        let of = |text: &str| {
            let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
            hash.add(text.as_bytes());
            hash.0
        };
        assert_eq!(of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_result_counts_until_answer_checks_or_source_change() {
        let blank = "#[path = \"../checks/ex01_1_a.rs\"] mod checks;";
        let files = [
            ("book/src/SUMMARY.md", SUMMARY),
            ("tests/exercises/ex01_1_a.rs", blank),
            ("tests/checks/ex01_1_a.rs", "checks"),
            ("src/lib.rs", "lib"),
        ];
        let checkout = Checkout::new("progress", &files);
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let exercise = &book.exercises[0];
        assert_eq!(state(&book, exercise), State::NotStarted);

        let copy = copy_of_blank(&book, exercise).unwrap();
        assert!(copy.contains("\"../../../tests/checks/ex01_1_a.rs\""));
        write(&book.answer(exercise), &copy).unwrap();
        assert_eq!(state(&book, exercise), State::NotStarted);

        for changed in [
            book.answer(exercise),
            book.checks(exercise),
            checkout.0.join("src").join("lib.rs"),
        ] {
            write(&changed, "changed").unwrap();
            write(&book.answer(exercise), "my answer").unwrap();
            assert_eq!(state(&book, exercise), State::Started);
            record(&book, exercise, true);
            assert_eq!(state(&book, exercise), State::Done);
            record(&book, exercise, false);
            assert_eq!(state(&book, exercise), State::Failing);
            write(&changed, "changed again").unwrap();
            assert_eq!(state(&book, exercise), State::Started);
        }
    }
}
