//! What the checks found, taken from what libtest prints: the verdict in one
//! sentence, each failing check with its message and place, and the line of
//! the reader's file where the gap is.

use crate::book::{Book, Exercise, read};
use crate::terminal::{WIDTH, wrap};
use std::path::{Component, Path, PathBuf};

#[derive(Debug, PartialEq)]
pub enum Report {
    DoesNotCompile {
        /// Whether it is `src/` that does not compile, rather than the answer.
        source: bool,
        errors: String,
    },
    Ran {
        passed: usize,
        failures: Vec<Failure>,
        /// How the program ended, if not as a test program should.
        crash: Option<String>,
        stderr: String,
    },
}

#[derive(Debug, Default, PartialEq)]
pub struct Failure {
    pub check: String,
    /// File and line, as the compiler wrote them.
    pub place: Option<(String, String)>,
    pub message: String,
    /// What the answer itself printed.
    pub printed: String,
}

impl Failure {
    fn is_told(&self) -> bool {
        self.place.is_some() || !self.message.is_empty()
    }
}

impl Report {
    pub fn done(&self) -> bool {
        match self {
            Report::DoesNotCompile { .. } => false,
            Report::Ran {
                passed,
                failures,
                crash,
                ..
            } => *passed > 0 && failures.is_empty() && crash.is_none(),
        }
    }

    pub fn verdict(&self) -> String {
        match self {
            Report::DoesNotCompile { source: true, .. } => {
                "cannot be checked, because src/ does not compile.".to_string()
            }
            Report::DoesNotCompile { .. } => "does not compile.".to_string(),
            Report::Ran {
                crash: Some(crash),
                failures,
                ..
            } => match failures.last() {
                Some(failure) => format!("stopped in \"{}\" ({crash}).", failure.check),
                None => format!("stopped ({crash})."),
            },
            Report::Ran {
                passed: 0,
                failures,
                ..
            } if failures.is_empty() => {
                "no check ran. Does your file still end with `mod checks;`?".to_string()
            }
            Report::Ran {
                passed, failures, ..
            } if failures.is_empty() => match passed {
                1 => "done, its check passes.".to_string(),
                passed => format!("done, all {passed} checks pass."),
            },
            Report::Ran {
                passed, failures, ..
            } => {
                let count = passed + failures.len();
                let checks = if count == 1 {
                    "check fails"
                } else {
                    "checks fail"
                };
                format!("not yet, {} of {count} {checks}.", failures.len())
            }
        }
    }

    /// The failing checks, each with what it says and where.
    pub fn failures(&self, root: &Path) -> String {
        let Report::Ran {
            failures, stderr, ..
        } = self
        else {
            return String::new();
        };
        let mut out = String::new();
        for failure in failures.iter().filter(|failure| failure.is_told()) {
            let place = match &failure.place {
                Some((file, line)) => format!(" ({}:{line})", shorten(file, root)),
                None => String::new(),
            };
            let heading = format!("{}{place}:", failure.check);
            out.push_str(&format!("\n{}", wrap(&heading, "  ", "  ", WIDTH)));
            for line in failure.message.lines() {
                match line.starts_with(' ') {
                    true => out.push_str(&format!("    {line}\n")),
                    false => out.push_str(&wrap(line, "    ", "    ", WIDTH)),
                }
            }
            if !failure.printed.is_empty() {
                out.push_str("    Your program printed:\n");
            }
            for line in failure.printed.lines() {
                out.push_str(&format!("      {line}\n"));
            }
        }
        if !stderr.is_empty() {
            out.push_str(&format!("\n{stderr}\n"));
        }
        out
    }
}

/// Takes apart what a test program printed when it was run with one thread.
pub fn parse(stdout: &str, stderr: &str, crash: Option<String>) -> Report {
    let summary = stdout
        .lines()
        .rfind(|line| line.starts_with("test result: "));
    let passed = summary.and_then(|line| {
        let (before, _) = line.split_once(" passed")?;
        before.rsplit(' ').next()?.parse().ok()
    });
    let failed: Vec<&str> = match (summary, stdout.rsplit_once("\nfailures:\n")) {
        (Some(_), Some((_, list))) => {
            let names = list
                .lines()
                .take_while(|line| !line.starts_with("test result"));
            names.filter(|line| !line.is_empty()).collect()
        }
        (Some(_), None) => Vec::new(),
        // A program that was ended has no summary: its last check did not finish.
        (None, _) => {
            let checks = stdout.lines().filter_map(|line| line.strip_prefix("test "));
            let last = checks
                .filter_map(|line| line.split(" ... ").next())
                .next_back();
            last.into_iter().collect()
        }
    };
    let mut failures: Vec<Failure> = failed
        .into_iter()
        .map(|check| Failure {
            check: sentence(check.trim()),
            ..Failure::default()
        })
        .collect();
    for section in stdout.split("\n---- ").skip(1) {
        let Some((check, text)) = section.split_once(" stdout ----\n") else {
            continue;
        };
        let text = text.split("\nfailures:\n").next().unwrap_or_default();
        let check = sentence(check);
        if let Some(failure) = failures.iter_mut().find(|failure| failure.check == check) {
            describe(failure, text);
        }
    }
    Report::Ran {
        passed: passed.unwrap_or(0),
        failures,
        stderr: match crash {
            Some(_) => stderr.trim().to_string(),
            None => String::new(),
        },
        crash,
    }
}

/// A check's name, which is a sentence, without its underlines.
fn sentence(check: &str) -> String {
    let name = check.rsplit("::").next().unwrap_or(check);
    name.replace('_', " ")
}

fn describe(failure: &mut Failure, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let panics: Vec<(usize, (String, String))> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| Some((index, place(line)?)))
        .collect();
    // A panic within the standard library, which the check has caught, tells less than the
    // check's own, which follows.
    let ours = |(_, (file, _)): &&(usize, (String, String))| {
        !file.starts_with('/') && !Path::new(file).is_absolute()
    };
    let Some((index, place)) = panics.iter().find(ours).or(panics.first()) else {
        failure.message = text.trim().to_string();
        return;
    };
    failure.place = Some(place.clone());
    failure.printed = lines[..panics[0].0].join("\n").trim().to_string();
    let more = |line: &&&str| !line.starts_with("note: ") && !line.starts_with("thread '");
    let message: Vec<&str> = lines[index + 1..]
        .iter()
        .take_while(more)
        .copied()
        .collect();
    let message = message.join("\n").trim_end().to_string();
    failure.message = match message.split_once(" failed: ") {
        Some((assertion, told)) if assertion.starts_with("assertion ") => told.to_string(),
        _ => message,
    };
}

/// The file and line that a line of the transcript names as a panic's.
fn place(line: &str) -> Option<(String, String)> {
    let (_, place) = line.split_once("panicked at ")?;
    let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
    let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some((file.to_string(), line.to_string()))
}

/// A path from the checkout's top folder, without `..`.
fn shorten(file: &str, root: &Path) -> String {
    let mut short = PathBuf::new();
    for component in Path::new(file).components() {
        match component {
            Component::ParentDir => drop(short.pop()),
            other => short.push(other),
        }
    }
    let short = short.strip_prefix(root).unwrap_or(&short);
    short.display().to_string()
}

/// The line of the reader's file to begin at: its `todo!`, or where it first
/// differs from the solution, unless something above the first gap was changed.
pub fn gap(book: &Book, exercise: &Exercise) -> Option<usize> {
    let answer = read(&book.answer(exercise)).ok()?;
    let blank = crate::progress::copy_of_blank(book, exercise).ok()?;
    let solution = read(&book.solution(exercise)).ok()?;
    find_gap(&answer, &blank, &solution)
}

fn find_gap(answer: &str, blank: &str, solution: &str) -> Option<usize> {
    let answer = code(answer);
    let todo = answer.iter().find(|(_, line)| line.contains("todo!"));
    if let Some((number, _)) = todo {
        return Some(*number);
    }
    let (blank, solution) = (code(blank), code(solution));
    let common = |a: &[(usize, &str)], b: &[(usize, &str)]| {
        a.iter().zip(b).take_while(|(a, b)| a.1 == b.1).count()
    };
    let first = common(&blank, &solution);
    let (number, _) = answer.get(common(&answer, &solution))?;
    (common(&answer, &blank) >= first || common(&answer, &solution) >= first).then_some(*number)
}

/// The lines that hold code, each with its number. Where the checks are taken
/// in from differs between the files, and does not count.
fn code(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with("//"))
        .filter(|(_, line)| !line.starts_with("#[path"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "\nrunning 2 tests\ntest checks::it_drains ... ok\n\
        test checks::it_is_packed ... FAILED\n\nfailures:\n\n---- checks::it_is_packed stdout ----\n\
        mine\n\nthread 'checks::it_is_packed' (7) panicked at \
        book/workbook/tests/../../../tests/checks/ex03_1_a.rs:26:5:\n\
        assertion `left == right` failed: the struct is packed\n  left: (16, 8)\n right: (12, 4)\n\
        note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n\n\n\
        failures:\n    checks::it_is_packed\n\ntest result: FAILED. 1 passed; 1 failed;\n";

    #[test]
    fn a_failing_check_is_told_with_its_message_and_place() {
        let report = parse(FAILED, "", None);
        assert!(!report.done());
        assert_eq!(report.verdict(), "not yet, 1 of 2 checks fail.");
        assert_eq!(
            report.failures(Path::new("/nowhere")).replace('\\', "/"),
            "\n  it is packed (tests/checks/ex03_1_a.rs:26):\n    the struct is packed\n      \
             left: (16, 8)\n     right: (12, 4)\n    Your program printed:\n      mine\n"
        );
    }

    #[test]
    fn of_two_panics_the_one_outside_the_library_is_told() {
        let twice = FAILED.replace(
            "mine\n\n",
            "mine\n\nthread 'checks::it_is_packed' (7) panicked at /rustc/5980/library/core/src/time.rs:9:5:\n\
             overflow when adding durations\n",
        );
        let report = parse(&twice, "", None);
        assert_eq!(report, parse(FAILED, "", None));
    }

    #[test]
    fn success_and_no_check_at_all_are_told_apart() {
        let passed = "running 1 test\ntest checks::a ... noise\nok\n\n\
            test result: ok. 1 passed; 0 failed; 0 ignored\n";
        let report = parse(passed, "", None);
        assert_eq!(report.verdict(), "done, its check passes.");
        assert!(report.done());
        let report = parse(
            "\nrunning 0 tests\n\ntest result: ok. 0 passed;\n",
            "",
            None,
        );
        assert!(!report.done());
        assert!(report.verdict().starts_with("no check ran"));
    }

    #[test]
    fn a_check_that_never_ends_is_named() {
        let crash = Some("still running after 30 seconds".to_string());
        let report = parse("running 1 test\ntest checks::it_ends ... ", "", crash);
        let verdict = "stopped in \"it ends\" (still running after 30 seconds).";
        assert_eq!(report.verdict(), verdict);
    }

    #[test]
    fn the_gap_is_where_blank_and_solution_part() {
        let blank = "//! A.\nfn a() {\n    b\n}\n";
        let solution = "//! B.\n\nfn a() {\n    c\n}\n";
        assert_eq!(find_gap(blank, blank, solution), Some(3));
        assert_eq!(find_gap("fn a() {\n    x\n}\n", blank, solution), Some(2));
        assert_eq!(find_gap("fn x() {\n    x\n}\n", blank, solution), None);
        assert_eq!(
            find_gap("fn x() {\n    todo!()\n", blank, solution),
            Some(2)
        );
    }
}
