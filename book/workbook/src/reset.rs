//! `reset` puts back the blank of an exercise, or the example of a chapter. It
//! keeps the reader's file beside it, as `.bak`.

use crate::Outcome;
use crate::book::{Book, names, read, write};
use crate::progress::{State, copy_of_blank, state, store};
use crate::terminal::say;
use std::path::Path;
use std::process::{Command, ExitCode};

/// `cargo workbook reset N.M`.
pub fn exercise(book: &Book, typed: &str) -> Outcome {
    let exercise = book.exercise(typed)?;
    let (label, answer) = (exercise.label(), book.answer(exercise));
    if state(book, exercise) == State::NotStarted {
        say(&format!(
            "There is nothing to put back: {label} is not started.\n"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let kept = put_back(book, &answer, &copy_of_blank(book, exercise)?)?;
    store(book, "hints", &exercise.name, "0");
    let file = book.shown(&answer);
    say(&format!(
        "{file} is the blank again.\nYour file is kept as {kept}.\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// `cargo workbook reset N`.
pub fn example(book: &Book, typed: &str) -> Outcome {
    let chapter = book.chapter(typed)?;
    let Some(name) = book.example(chapter) else {
        return Err(match chapter.page.file {
            Some(_) => format!("Chapter {typed} has no example."),
            None => chapter.not_written(),
        });
    };
    let path = book.root.join("examples").join(format!("{name}.rs"));
    let file = format!("examples/{name}.rs");
    let original = committed(&book.root, &file).map_err(|why| {
        format!(
            "{file} cannot be put back, because {why}. Rename your file, and copy {name}.rs \
             again from the place where you got this folder."
        )
    })?;
    if read(&path)? == original {
        say(&format!(
            "There is nothing to put back: {file} is as it was committed.\n"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let kept = put_back(book, &path, &original)?;
    say(&format!(
        "{file} is as it was committed.\nYour file is kept as {kept}.\n"
    ));
    Ok(ExitCode::SUCCESS)
}

/// The text of `file` in the last commit, or the reason why there is none.
fn committed(root: &Path, file: &str) -> Result<String, String> {
    // The path begins with `./`, because the checkout may be part of a larger repository.
    let output = Command::new("git")
        .current_dir(root)
        .args(["show", &format!("HEAD:./{file}")])
        .output()
        .map_err(|_| "only git knows the original, and git is not installed")?;
    if !output.status.success() {
        return Err(
            "only git knows the original, and this folder is not a git checkout".to_string(),
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.replace("\r\n", "\n"))
}

/// Renames the reader's file, and writes the original where it was. Returns the new name.
fn put_back(book: &Book, file: &Path, original: &str) -> Result<String, String> {
    let kept = file.with_file_name(free_name(file));
    std::fs::rename(file, &kept)
        .map_err(|error| format!("Cannot rename {}: {error}.", book.shown(file)))?;
    write(file, original)?;
    Ok(book.shown(&kept))
}

/// `ex03_1_layout.rs.bak`, with a number if that file exists.
fn free_name(answer: &Path) -> String {
    let file = answer.file_name().unwrap_or_default().to_string_lossy();
    let taken = names(answer.parent().unwrap_or(answer));
    let mut name = format!("{file}.bak");
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{file}.bak{number}");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::{Checkout, SUMMARY};

    #[test]
    fn a_reset_keeps_every_earlier_answer() {
        let files = [
            ("book/src/SUMMARY.md", SUMMARY),
            ("tests/exercises/ex01_1_a.rs", "blank"),
        ];
        let checkout = Checkout::new("reset", &files);
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let answer = book.answer(&book.exercises[0]);
        for (text, kept) in [("mine", "bak"), ("mine again", "bak2")] {
            write(&answer, text).unwrap();
            exercise(&book, "1.1").unwrap();
            let kept = answer.with_file_name(format!("ex01_1_a.rs.{kept}"));
            assert_eq!(read(&kept).unwrap(), text);
            assert_eq!(read(&answer).unwrap(), "blank");
        }
    }

    #[test]
    fn an_edited_example_is_put_back_as_git_has_it() {
        let files = [
            ("book/src/SUMMARY.md", SUMMARY),
            ("book/src/ch01_waiting.md", "# Waiting\n"),
            ("examples/ch01_waiting.rs", "fn main() {}\n"),
        ];
        let checkout = Checkout::new("example", &files);
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let no_checkout = example(&book, "1").unwrap_err();
        assert!(no_checkout.contains("cannot be put back, because only git knows"));
        assert!(
            no_checkout.contains("copy ch01_waiting.rs again"),
            "{no_checkout}"
        );

        let git = |arguments: &[&str]| {
            let identity = [
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "-c",
                "core.hooksPath=/",
            ];
            let mut git = Command::new("git");
            let git = git.current_dir(&checkout.0).args(identity).args(arguments);
            git.output().is_ok_and(|output| output.status.success())
        };
        if !git(&["init"]) {
            eprintln!("an_edited_example_is_put_back_as_git_has_it: cannot run without git");
            return;
        }
        assert!(git(&["add", "."]) && git(&["commit", "-m", "all"]));
        let file = checkout.0.join("examples").join("ch01_waiting.rs");
        example(&book, "1").unwrap();
        let kept = file.with_file_name("ch01_waiting.rs.bak");
        assert!(!kept.exists());
        write(&file, "fn main() { mine() }\n").unwrap();
        example(&book, "1").unwrap();
        assert_eq!(read(&file).unwrap(), "fn main() {}\n");
        assert_eq!(read(&kept).unwrap(), "fn main() { mine() }\n");
        assert_eq!(
            example(&book, "3").unwrap_err(),
            "Chapter 3 has no example."
        );
    }
}
