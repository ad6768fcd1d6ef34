//! `check` and `reset`: the reader's copies of the blanks, in
//! `book/workbook/tests/`, one test target each.
//!
//! Cargo builds the one target that is asked for, so that a half-typed answer
//! to another exercise is in nobody's way. Its program is then run here rather
//! than by cargo: one that never ends is ended, and what libtest prints is
//! told in the book's words (`report.rs`).

use crate::book::{Book, Exercise, names, read, write};
use crate::progress::{State, copy_of_blank, record, state};
use crate::report::{Report, gap, parse};
use crate::run::cargo;
use crate::terminal::{WIDTH, bold, colour, complain, say, wrap};
use crate::{Outcome, contents, hints};
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long all checks of one exercise may take. One that may block gives up
/// after five seconds by itself, and says what it was waiting for.
const LIMIT: Duration = Duration::from_secs(30);

/// `cargo workbook check N.M`.
pub fn command(book: &Book, typed: &str) -> Outcome {
    let exercise = book.exercise(typed)?;
    let (label, answer) = (exercise.label(), book.answer(exercise));
    let title = bold(&format!("{label} {}", book.title(exercise)), colour());
    let begun = answer.exists();
    if state(book, exercise) == State::NotStarted {
        let copy = copy_of_blank(book, exercise)?;
        if !begun {
            write(&answer, &copy)?;
        }
        let told = match begun {
            true => "not started: your file is still the blank",
            false => "begun",
        };
        let task = hints::task(book, exercise).unwrap_or_default();
        say(&format!(
            "{title}: {told}.\n\n{task}\nYour file:  {}\nThen type:  cargo workbook check {label}\n",
            place(book, exercise)
        ));
        return Ok(ExitCode::from(u8::from(begun)));
    }
    let report = examine(book, exercise)?;
    match report {
        Report::DoesNotCompile { ref errors, .. } => complain(&format!("{errors}\n")),
        Report::Ran { .. } => {}
    }
    say(&format!("{title}: {}\n", report.verdict()));
    if report.done() {
        say(&format!(
            "\nTo compare: cargo workbook solution {label}\nNext: {}\n",
            contents::next_step(book)
        ));
        return Ok(ExitCode::SUCCESS);
    }
    say(&report.failures(&book.root));
    let file = match report {
        Report::DoesNotCompile { source: true, .. } => return Ok(ExitCode::FAILURE),
        Report::DoesNotCompile { .. } => book.shown(&answer),
        Report::Ran { .. } => place(book, exercise),
    };
    say(&format!(
        "\nYour file:  {file}\nStuck?      cargo workbook hint {label}\n"
    ));
    Ok(ExitCode::FAILURE)
}

/// The reader's file and, as an editor understands it, the line to begin at.
fn place(book: &Book, exercise: &Exercise) -> String {
    let file = book.shown(&book.answer(exercise));
    match gap(book, exercise) {
        Some(line) => format!("{file}:{line}"),
        None => file,
    }
}

/// `cargo workbook check`.
pub fn all(book: &Book) -> Outcome {
    let mut code = ExitCode::SUCCESS;
    let mut begun = false;
    for exercise in &book.exercises {
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

/// `cargo workbook reset N.M`.
pub fn reset(book: &Book, typed: &str) -> Outcome {
    let exercise = book.exercise(typed)?;
    let (label, answer) = (exercise.label(), book.answer(exercise));
    if state(book, exercise) == State::NotStarted {
        say(&format!(
            "There is nothing to put back: {label} is not started.\n"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let kept = answer.with_file_name(free_name(&answer));
    std::fs::rename(&answer, &kept)
        .map_err(|error| format!("Cannot rename {}: {error}.", book.shown(&answer)))?;
    write(&answer, &copy_of_blank(book, exercise)?)?;
    crate::progress::store(book, "hints", &exercise.name, "0");
    say(&format!(
        "{} is the blank again;\nyours is kept as {}.\n",
        book.shown(&answer),
        book.shown(&kept)
    ));
    Ok(ExitCode::SUCCESS)
}

/// `ex03_1_layout.rs.bak`, or with a number where an older one is kept.
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

/// Builds and runs the checks of the reader's answer, and records the result.
fn examine(book: &Book, exercise: &Exercise) -> Result<Report, String> {
    read(&book.answer(exercise))?;
    let report = match build(book, exercise)? {
        Ok(program) => run(book, exercise, &program)?,
        Err(report) => report,
    };
    record(book, exercise, report.done());
    Ok(report)
}

/// The path of the program that cargo built, or what did not compile.
fn build(book: &Book, exercise: &Exercise) -> Result<Result<String, Report>, String> {
    let colours = if colour() { "always" } else { "never" };
    let output = cargo(book)
        .args(["test", "--quiet", "--no-run", "--package", "workbook"])
        .args(["--test", &exercise.name, "--color", colours])
        .arg("--message-format=json-render-diagnostics")
        .output()
        .map_err(|error| format!("Cannot run cargo: {error}."))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Ok(Err(Report::DoesNotCompile {
            source: errors.contains("could not compile `evq`"),
            errors: errors
                .lines()
                .filter(|line| !line.contains("could not compile `"))
                .flat_map(|line| [line, "\n"])
                .collect(),
        }));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let program = executable(&messages, &exercise.name);
    let program = program.ok_or("Cargo did not say which program it built.")?;
    Ok(Ok(program))
}

/// The program of test target `name` among cargo's messages, one of JSON a line.
fn executable(messages: &str, name: &str) -> Option<String> {
    let artifact = |line: &&str| {
        line.contains("\"reason\":\"compiler-artifact\"")
            && line.contains(&format!("\"name\":\"{name}\""))
    };
    let line = messages.lines().find(artifact)?;
    let (_, path) = line.split_once("\"executable\":\"")?;
    let (path, _) = path.split_once('"')?;
    Some(path.replace("\\\\", "\\"))
}

fn run(book: &Book, exercise: &Exercise, program: &str) -> Result<Report, String> {
    let failed = |error| format!("Cannot run the checks of {}: {error}.", exercise.label());
    let mut child = Command::new(program)
        .args(["--test-threads=1", "--color=never"])
        .current_dir(book.root.join("book").join("workbook"))
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdout = gather(child.stdout.take());
    let stderr = gather(child.stderr.take());
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break Some(status),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            None => {
                child.kill().map_err(failed)?;
                child.wait().map_err(failed)?;
                break None;
            }
        }
    };
    let text = |reader: thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().unwrap_or_default()).replace("\r\n", "\n")
    };
    let crash = match status {
        None => Some(format!("still running after {} seconds", LIMIT.as_secs())),
        Some(status) if !matches!(status.code(), Some(0 | 101)) => Some(status.to_string()),
        Some(_) => None,
    };
    Ok(parse(&text(stdout), &text(stderr), crash))
}

/// Reads everything in a thread of its own, so that the child never waits for us.
fn gather(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::{Checkout, SUMMARY};

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"workbook\"},\
            \"executable\":\"/w\"}\n{\"reason\":\"compiler-artifact\",\"target\":{\"kind\":[\"test\"],\
            \"name\":\"ex03_1_a\"},\"executable\":\"C:\\\\t\\\\ex.exe\"}\n";
        assert_eq!(executable(messages, "ex03_1_a").unwrap(), "C:\\t\\ex.exe");
        assert_eq!(executable(messages, "ex03_1"), None);
    }

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
            reset(&book, "1.1").unwrap();
            let kept = answer.with_file_name(format!("ex01_1_a.rs.{kept}"));
            assert_eq!(read(&kept).unwrap(), text);
            assert_eq!(read(&answer).unwrap(), "blank");
        }
    }
}
