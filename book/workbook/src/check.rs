//! `check`: checks the reader's copies of the blanks. Each copy is a test target in
//! `book/workbook/tests/`. `examine.rs` builds and runs it; `report.rs` puts what
//! libtest prints into the book's words.

use crate::book::{Book, Exercise, read, write};
use crate::examine::{examine, look};
use crate::progress::{State, copy_of_blank, state};
use crate::report::{Report, gap};
use crate::terminal::{WIDTH, bold, colour, complain, say, wrap};
use crate::{Outcome, contents, hints};
use std::process::ExitCode;

/// `cargo workbook check N.M`.
pub fn command(book: &Book, typed: &str) -> Outcome {
    let exercise = book.exercise(typed)?;
    if state(book, exercise) == State::NotStarted {
        return begin(book, exercise);
    }
    let (label, answer) = (exercise.label(), book.answer(exercise));
    let report = examine(book, exercise)?;
    if let Report::DoesNotCompile { errors, .. } = &report {
        complain(&format!("{errors}\n"));
    }
    say(&format!(
        "{}: {}\n",
        title(book, exercise),
        report.verdict()
    ));
    if report.done() {
        say(&format!(
            "\nTo compare: cargo workbook solution {label}\nNext: {}\n",
            contents::next_step(book)
        ));
        return Ok(ExitCode::SUCCESS);
    }
    say(&report.failures(&book.root));
    let again = match report.ran_nothing() {
        true => format!("Begin again? cargo workbook reset {label} (your file is kept)\n"),
        false => String::new(),
    };
    let file = match report {
        Report::DoesNotCompile { source: true, .. } => return Ok(ExitCode::FAILURE),
        Report::DoesNotCompile { .. } => book.shown(&answer),
        Report::Ran { .. } => place(book, exercise),
    };
    say(&format!(
        "\nYour file:  {file}\nStuck?      cargo workbook hint {label}\n{again}"
    ));
    Ok(ExitCode::FAILURE)
}

/// The first check copies the blank and prints the task. If the reader is to repair
/// code, that code runs first and shows its fault.
fn begin(book: &Book, exercise: &Exercise) -> Outcome {
    let (label, answer) = (exercise.label(), book.answer(exercise));
    let begun = answer.exists();
    if !begun {
        write(&answer, &copy_of_blank(book, exercise)?)?;
    }
    let told = match begun {
        true => "not started: your file is still the blank",
        false => "begun",
    };
    say(&format!("{}: {told}.\n", title(book, exercise)));
    if is_repair(
        &read(&book.blank(exercise))?,
        &read(&book.solution(exercise))?,
    ) {
        let report = look(book, exercise)?;
        let failures = report.first_failures(1, &book.root);
        if !failures.is_empty() {
            say(&format!(
                "\nThis is what your file does wrong now:\n{failures}"
            ));
        }
    }
    let task = hints::task(book, exercise).unwrap_or_default();
    say(&format!(
        "\n{task}\nYour file:  {}\nThen type:  cargo workbook check {label}\n",
        place(book, exercise)
    ));
    Ok(ExitCode::from(u8::from(begun)))
}

fn title(book: &Book, exercise: &Exercise) -> String {
    let title = format!("{} {}", exercise.label(), book.title(exercise));
    bold(&title, colour())
}

/// The reader's file and the line to begin at, in the form that editors understand.
fn place(book: &Book, exercise: &Exercise) -> String {
    let file = book.shown(&book.answer(exercise));
    match gap(book, exercise) {
        Some(line) => format!("{file}:{line}"),
        None => file,
    }
}

/// Whether the blank is complete code with a fault. If it has a `todo!`, or a
/// constant that the reader must predict, it is not.
fn is_repair(blank: &str, solution: &str) -> bool {
    let mut item = "";
    for line in blank.lines() {
        let code = !line.trim().is_empty() && !line.trim_start().starts_with("//");
        if code && !line.starts_with([' ', '}', ']', '#']) {
            item = line;
        }
        let differs = code && !solution.lines().any(|solved| solved == line);
        if line.contains("todo!") || differs && item.starts_with("pub const ") {
            return false;
        }
    }
    true
}

/// `cargo workbook check`.
pub fn all(book: &Book) -> Outcome {
    let (begun, code) = check_begun(book, book.exercises.iter());
    let rest = contents::not_started(book).join(", ");
    if !begun {
        say("You have not begun an exercise yet.\n");
    }
    if !rest.is_empty() {
        say(&wrap(&format!("Not started: {rest}"), "", "    ", WIDTH));
    }
    say(&format!("Next: {}\n", contents::next_step(book)));
    Ok(code)
}

/// `cargo workbook check N`.
pub fn chapter(book: &Book, typed: &str) -> Outcome {
    let chapter = book.chapter(typed)?;
    let number = chapter.number;
    if book.exercises_of(number).next().is_none() {
        return Err(match chapter.page.file {
            Some(_) => format!("Chapter {number} has no exercises."),
            None => chapter.not_written(),
        });
    }
    let (_, code) = check_begun(book, book.exercises_of(number));
    let mut rest = book
        .exercises_of(number)
        .filter(|exercise| state(book, exercise) == State::NotStarted);
    if let Some(first) = rest.next() {
        let others = rest.map(|exercise| format!(", {}", exercise.label()));
        say(&format!(
            "Not started: {label}{}\nTo begin: cargo workbook check {label}\n",
            others.collect::<String>(),
            label = first.label()
        ));
    }
    Ok(code)
}

/// Checks the exercises that the reader has begun, and prints a line for each.
/// Returns whether there was one, and success if all of them are done.
fn check_begun<'a>(book: &Book, exercises: impl Iterator<Item = &'a Exercise>) -> (bool, ExitCode) {
    let mut code = ExitCode::SUCCESS;
    let mut begun = false;
    for exercise in exercises {
        let state = state(book, exercise);
        if state == State::NotStarted {
            continue;
        }
        begun = true;
        let title = format!("{} {}", exercise.label(), book.title(exercise));
        let told = if state == State::Done {
            "done.".to_string()
        } else {
            let report = examine(book, exercise);
            if !report.as_ref().is_ok_and(Report::done) {
                code = ExitCode::FAILURE;
            }
            report.map_or_else(|why| why, |report| report.verdict())
        };
        say(&wrap(&format!("{title}: {told}"), "", "    ", WIDTH));
    }
    (begun, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_is_told_from_a_gap_and_from_a_prediction() {
        let book = Book::open().unwrap();
        let repairs = |label: &str| {
            let exercise = book.exercise(label).unwrap();
            let blank = read(&book.blank(exercise)).unwrap();
            is_repair(&blank, &read(&book.solution(exercise)).unwrap())
        };
        for label in ["1.2", "3.1", "3.3", "5.2", "8.2", "10.1", "12.3", "18.2"] {
            assert!(repairs(label), "{label}");
        }
        for label in ["1.1", "2.1", "2.2", "3.2", "8.1", "8.3", "10.2", "16.1"] {
            assert!(!repairs(label), "{label}");
        }
    }
}
