//! `hint` and `solution` show what an exercise has in its `<details>`. Each call of
//! `hint` shows the next hint, and after the last the first again.

use crate::book::{Book, Exercise, Page, read};
use crate::page::render;
use crate::progress::{recall, store};
use crate::terminal::{Screen, say};
use crate::{Outcome, include};
use std::path::PathBuf;
use std::process::ExitCode;

pub fn hint(book: &Book, typed: &str) -> Outcome {
    let exercise = book.exercise(typed)?;
    let mut hints = folded(book, exercise);
    hints.retain(|(summary, _)| summary.starts_with("Hint"));
    let shown: usize = recall(book, "hints", &exercise.name).parse().unwrap_or(0);
    let number = if shown < hints.len() { shown + 1 } else { 1 };
    let label = exercise.label();
    let Some((_, text)) = hints.get(number - 1) else {
        return Err(format!("Exercise {label} has no hints."));
    };
    store(book, "hints", &exercise.name, &number.to_string());
    let after = if number < hints.len() {
        format!("The next hint: cargo workbook hint {label}")
    } else {
        format!("That was the last hint. The solution: cargo workbook solution {label}")
    };
    say(&format!(
        "{label} {}, hint {number} of {}\n\n{text}\n{after}\n",
        book.title(exercise),
        hints.len()
    ));
    Ok(ExitCode::SUCCESS)
}

pub fn solution(book: &Book, typed: &str) -> Outcome {
    let exercise = book.exercise(typed)?;
    let folded = folded(book, exercise);
    let found = folded.iter().find(|(summary, _)| summary == "Solution");
    let file = book.solution(exercise);
    let text = match found {
        Some((_, text)) => text.clone(),
        None => include::without_anchors(&read(&file)?),
    };
    say(&format!(
        "{} {}, the solution\n\n{text}\nThe whole file: {}\n",
        exercise.label(),
        book.title(exercise),
        book.shown(&file)
    ));
    Ok(ExitCode::SUCCESS)
}

/// The printed text of the exercise in its chapter.
pub fn task(book: &Book, exercise: &Exercise) -> Option<String> {
    let (section, page) = book.section(exercise)?;
    let (_, text) = section.split_once('\n')?;
    let text = text.split("<details>").next()?;
    let command = format!("`cargo workbook check {}`", exercise.label());
    Some(render(
        &text.replace(&command, ""),
        &folder(book, page),
        Screen::here(),
    ))
}

fn folder(book: &Book, page: &Page) -> PathBuf {
    let path = book.pages().join(page.file.as_deref().unwrap_or_default());
    path.parent().unwrap_or(&path).to_path_buf()
}

/// The summary and the printed text of each `<details>` of the exercise.
fn folded(book: &Book, exercise: &Exercise) -> Vec<(String, String)> {
    let Some((section, page)) = book.section(exercise) else {
        return Vec::new();
    };
    let folder = folder(book, page);
    details(&section)
        .into_iter()
        .map(|(summary, text)| (summary.to_string(), render(text, &folder, Screen::here())))
        .collect()
}

fn details(section: &str) -> Vec<(&str, &str)> {
    let blocks = section.split("<details>").skip(1);
    blocks
        .filter_map(|block| {
            let (_, block) = block.split_once("<summary>")?;
            let (summary, rest) = block.split_once("</summary>")?;
            let (text, _) = rest.split_once("</details>")?;
            Some((summary.trim(), text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::{Checkout, SUMMARY};

    #[test]
    fn hints_and_solution_are_those_of_the_exercise() {
        let page = "# One\n## Exercises\n### 1.1 First\n\n<details>\n<summary>Hint 1</summary>\n\n\
            Wrong.\n\n</details>\n\n### 1.2 Second one\n\nDo.\n\n<details>\n\
            <summary>Hint 1</summary>\n\nLook at `a`.\n\n</details>\n\n<details>\n\
            <summary>Solution</summary>\n\n```rust\n{{#include ../../a.rs}}\n```\n\n</details>\n";
        let files = [
            ("book/src/SUMMARY.md", SUMMARY),
            ("book/src/ch01_waiting.md", page),
            ("tests/exercises/ex01_2_b.rs", "blank"),
            ("a.rs", "fn a() {}\n"),
        ];
        let checkout = Checkout::new("hints", &files);
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let exercise = &book.exercises[0];
        assert_eq!(book.title(exercise), "Second one");
        let folded = folded(&book, exercise);
        assert_eq!(folded[0], ("Hint 1".into(), "Look at `a`.\n".into()));
        assert_eq!(folded[1], ("Solution".into(), "    fn a() {}\n".into()));
        assert_eq!(folded.len(), 2);
        assert_eq!(task(&book, exercise).unwrap(), "Do.\n");
    }
}
