//! Builds the checks of one exercise, runs them, and waits for their end.
//!
//! Cargo builds only this exercise's target, so a half-typed answer to another
//! exercise does no harm. The workbook runs the program itself, because it must stop
//! a program that never ends. The program writes to a file, so that what it printed
//! is still there after it was stopped.

use crate::book::{Book, Exercise, read};
use crate::ctrl_c::Ignored;
use crate::progress::record;
use crate::report::{Report, parse, running};
use crate::run::cargo;
use crate::terminal::{colour, complain};
use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long all checks of one exercise may take. A check that may block gives up
/// after five seconds, and says what it was waiting for.
const LIMIT: Duration = Duration::from_secs(30);

/// How many bytes the checks may print: an endless loop fills a disk in minutes.
const MOST: u64 = 16 << 20;

/// Builds and runs the checks of the reader's answer, and records the result.
pub fn examine(book: &Book, exercise: &Exercise) -> Result<Report, String> {
    read(&book.answer(exercise))?;
    let report = look(book, exercise)?;
    record(book, exercise, report.done());
    Ok(report)
}

/// The same, but records nothing: the result of a blank is not the reader's.
pub fn look(book: &Book, exercise: &Exercise) -> Result<Report, String> {
    match build(book, exercise)? {
        Ok(program) => run(book, exercise, &program),
        Err(report) => Ok(report),
    }
}

/// The path of the program that cargo built, or a report of what does not compile.
fn build(book: &Book, exercise: &Exercise) -> Result<Result<String, Report>, String> {
    let colours = if colour() { "always" } else { "never" };
    let mut cargo = cargo(book);
    cargo
        .args(["test", "--quiet", "--no-run", "--package", "workbook"])
        .args(["--test", &exercise.name, "--color", colours])
        .arg("--message-format=json-render-diagnostics");
    let output = patiently(cargo).map_err(|error| format!("Cannot run cargo: {error}."))?;
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

/// Runs cargo to its end, and tells the reader if that takes a while.
fn patiently(mut cargo: Command) -> std::io::Result<Output> {
    let (done, ended) = channel::<()>();
    let teller = thread::spawn(move || {
        let mut wait = Duration::from_secs(1);
        while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            complain("Still compiling");
            wait = Duration::from_secs(10);
        }
    });
    let output = cargo.output();
    drop(done);
    let _ = teller.join();
    output
}

/// The program of test target `name`, from cargo's messages: one line of JSON each.
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
    let path = book.root.join(".workbook").join(&exercise.name);
    fs::create_dir_all(book.root.join(".workbook")).map_err(failed)?;
    // Standard output and error go to one file, so their order is kept.
    let file = File::create(&path).map_err(failed)?;
    let printed = || {
        let bytes = fs::read(&path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    };
    let mut command = Command::new(program);
    command
        .args(["--test-threads=1", "--color=never", "--nocapture"])
        .current_dir(book.root.join("book").join("workbook"))
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stderr(file.try_clone().map_err(failed)?)
        .stdout(file);
    let child = command.spawn().map_err(failed)?;
    drop(command);
    let told = |seconds: u64| match running(&printed()) {
        Some(check) => complain(&format!(
            "Still running after {seconds} s: \"{check}\" (Ctrl-C stops it)"
        )),
        None => complain(&format!(
            "Still running after {seconds} s (Ctrl-C stops it)"
        )),
    };
    let too_much = || fs::metadata(&path).is_ok_and(|file| file.len() > MOST);
    let status = wait(child, LIMIT, too_much, told).map_err(failed)?;
    let output = printed();
    let too_much = too_much();
    let _ = fs::remove_file(&path);
    let crash = match status {
        None if too_much => Some(format!("it printed more than {} MB", MOST >> 20)),
        None => Some(format!("still running after {} seconds", LIMIT.as_secs())),
        Some(status) if interrupted(status) => Some("stopped by Ctrl-C".to_string()),
        Some(status) if !matches!(status.code(), Some(0 | 101)) => Some(status.to_string()),
        Some(_) if !output.contains("\ntest result: ") => {
            Some("the program ended in the middle of a check".to_string())
        }
        Some(_) => None,
    };
    Ok(parse(&output, crash))
}

/// Waits until the child ends. Stops it at the limit, or if it prints too much, and returns `None`.
/// While it runs, tells the reader the seconds.
fn wait(
    mut child: Child,
    limit: Duration,
    too_much: impl Fn() -> bool,
    tell: impl Fn(u64),
) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    let mut next = 1;
    // Ctrl-C ends only the child, so the workbook can show what the child printed.
    let _shield = Ignored::new();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let passed = began.elapsed();
        if passed >= limit || too_much() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        if passed.as_secs() >= next {
            tell(next);
            next = if next == 1 { 5 } else { next + 5 };
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether Ctrl-C ended the program.
fn interrupted(status: ExitStatus) -> bool {
    #[cfg(unix)]
    let by = std::os::unix::process::ExitStatusExt::signal(&status) == Some(2);
    // STATUS_CONTROL_C_EXIT
    #[cfg(not(unix))]
    let by = status.code() == Some(0xc000_013a_u32 as i32);
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"workbook\"},\
            \"executable\":\"/w\"}\n{\"reason\":\"compiler-artifact\",\"target\":{\"kind\":[\"test\"],\
            \"name\":\"ex03_1_a\"},\"executable\":\"C:\\\\t\\\\ex.exe\"}\n";
        assert_eq!(executable(messages, "ex03_1_a").unwrap(), "C:\\t\\ex.exe");
        assert_eq!(executable(messages, "ex03_1"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_takes_long_is_told_of_and_then_stopped() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let told = std::cell::RefCell::new(Vec::new());
        let tell = |seconds| told.borrow_mut().push(seconds);
        let status = wait(child, Duration::from_millis(1500), || false, tell).unwrap();
        assert!(status.is_none());
        assert_eq!(*told.borrow(), [1]);
    }
}
