//! Reads what libtest prints, and reports what the checks found: the verdict in one
//! sentence, each failing check with its message and place, and the line of the
//! reader's file where the gap is.

use crate::book::{Book, Exercise, read};
use crate::terminal::{WIDTH, wrap};
use std::path::{Component, Path, PathBuf};

#[derive(Debug, PartialEq)]
pub enum Report {
    DoesNotCompile {
        /// True if `src/` does not compile, false if the answer does not.
        source: bool,
        errors: String,
    },
    Ran {
        passed: usize,
        failures: Vec<Failure>,
        /// How the program ended, if it did not end like a test program.
        crash: Option<String>,
        /// Everything that it printed, if it ended that way before its first check.
        output: String,
    },
}

#[derive(Debug, Default, PartialEq)]
pub struct Failure {
    pub check: String,
    /// File and line, as the compiler wrote them.
    pub place: Option<(String, String)>,
    pub message: String,
    /// The output of the answer itself.
    pub printed: String,
}

impl Failure {
    fn is_told(&self) -> bool {
        self.place.is_some() || !self.message.is_empty() || !self.printed.is_empty()
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
            Report::Ran { .. } if self.ran_nothing() => {
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

    /// Whether no check ran, because the file has lost the lines at its end that include the checks.
    pub fn ran_nothing(&self) -> bool {
        matches!(self, Report::Ran { passed: 0, failures, crash: None, .. } if failures.is_empty())
    }

    /// The failing checks, each with its message and place.
    pub fn failures(&self, root: &Path) -> String {
        self.first_failures(usize::MAX, root)
    }

    /// The first `most` of them, and how many more there are.
    pub fn first_failures(&self, most: usize, root: &Path) -> String {
        let Report::Ran {
            failures, output, ..
        } = self
        else {
            return String::new();
        };
        let mut out = String::new();
        let told = failures.iter().filter(|failure| failure.is_told());
        let more = told.clone().skip(most).count();
        for failure in told.take(most) {
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
            for line in last_lines(&failure.printed) {
                out.push_str(&format!("      {line}\n"));
            }
        }
        match more {
            0 => {}
            1 => out.push_str("\n  One more check fails.\n"),
            more => out.push_str(&format!("\n  {more} more checks fail.\n")),
        }
        if !output.is_empty() {
            out.push_str(&format!("\n{output}\n"));
        }
        out
    }
}

/// The last lines only, because an endless program may print the same line again and again.
fn last_lines(printed: &str) -> Vec<String> {
    const MOST: usize = 20;
    let lines: Vec<&str> = printed.lines().collect();
    let more = lines.len().saturating_sub(MOST);
    let cut = (more > 0).then(|| format!("({more} lines more, then:)"));
    let last = lines[more..].iter().map(|line| line.to_string());
    cut.into_iter().chain(last).collect()
}

/// Divides the output of a test program that ran with one thread and without capturing:
/// the name of each check, and the text up to the next check.
fn sections(output: &str) -> Vec<(&str, &str)> {
    let end = output.rfind("\ntest result: ").unwrap_or(output.len());
    let mut starts = Vec::new();
    let mut at = 0;
    for line in output[..end].split_inclusive('\n') {
        let begun = line.strip_prefix("test ");
        if let Some((check, _)) = begun.and_then(|rest| rest.split_once(" ... ")) {
            if !check.contains(' ') {
                starts.push((check, at, at + "test ".len() + check.len() + " ... ".len()));
            }
        }
        at += line.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|start| start.1).collect();
    let ends = ends.into_iter().chain([end]);
    let section = |((check, _, begin), end): ((_, usize, usize), usize)| {
        let text = &output[begin..end];
        (check, text.split("\nfailures:\n").next().unwrap_or(text))
    };
    starts.iter().copied().zip(ends).map(section).collect()
}

/// The check in which a running program is now.
pub fn running(output: &str) -> Option<String> {
    let (check, _) = sections(output).pop()?;
    Some(sentence(check))
}

/// Reads the output of a test program.
pub fn parse(output: &str, crash: Option<String>) -> Report {
    let ended = output.lines().any(|line| line.starts_with("test result: "));
    let mut passed = 0;
    let mut failures: Vec<Failure> = Vec::new();
    let sections = sections(output);
    for (index, (check, text)) in sections.iter().enumerate() {
        let text = text.trim_end();
        let mut failure = Failure {
            check: sentence(check),
            ..Failure::default()
        };
        if let Some(text) = text.strip_suffix("FAILED") {
            describe(&mut failure, text);
        } else if !ended && index + 1 == sections.len() {
            // The program ended or was stopped during its last check.
            describe(&mut failure, text);
            if failure.place.is_none() {
                failure.printed = std::mem::take(&mut failure.message);
            }
        } else {
            passed += 1;
            continue;
        }
        failures.push(failure);
    }
    Report::Ran {
        passed,
        output: match crash {
            Some(_) if failures.is_empty() => output.trim().to_string(),
            _ => String::new(),
        },
        failures,
        crash,
    }
}

/// A check's name is a sentence with `_` between the words.
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
    // A check may catch a panic inside the standard library and then panic itself. The
    // second message tells more.
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

/// The file and line of a panic, if this line of the output names them.
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

/// The line of the reader's file to begin at: its `todo!`, or the first line that
/// differs from the solution. `None` if the reader has changed a line above the gap.
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

/// The lines that hold code, with their numbers. The path of the checks is left out,
/// because it differs between the files.
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

    const FAILED: &str = "\nrunning 2 tests\ntest checks::it_drains ... \nnoise\nok\n\
        test checks::it_is_packed ... mine\n\nthread 'checks::it_is_packed' (7) panicked at \
        book/workbook/tests/../../../tests/checks/ex03_1_a.rs:26:5:\n\
        assertion `left == right` failed: the struct is packed\n  left: (16, 8)\n right: (12, 4)\n\
        note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\nFAILED\n\n\
        failures:\n\nfailures:\n    checks::it_is_packed\n\n\
        test result: FAILED. 1 passed; 1 failed;\n";

    #[test]
    fn a_failing_check_is_told_with_its_message_and_place() {
        let report = parse(FAILED, None);
        assert!(!report.done());
        assert_eq!(report.verdict(), "not yet, 1 of 2 checks fail.");
        assert_eq!(
            report.failures(Path::new("/nowhere")).replace('\\', "/"),
            "\n  it is packed (tests/checks/ex03_1_a.rs:26):\n    the struct is packed\n      \
             left: (16, 8)\n     right: (12, 4)\n    Your program printed:\n      mine\n"
        );
    }

    #[test]
    fn of_many_failures_the_first_are_told_and_the_others_counted() {
        let three = FAILED.replace(
            "FAILED\n\nfailures",
            "FAILED\ntest checks::b ... \nthread 'checks::b' (8) panicked at a.rs:1:1:\nb\nFAILED\n\
             test checks::c ... \nthread 'checks::c' (8) panicked at a.rs:1:1:\nc\nFAILED\n\nfailures",
        );
        let told = parse(&three, None).first_failures(1, Path::new("/"));
        assert!(told.contains("it is packed"), "{told}");
        assert!(!told.contains("(a.rs"), "{told}");
        assert!(told.ends_with("\n\n  2 more checks fail.\n"), "{told}");
    }

    #[test]
    fn of_two_panics_the_one_outside_the_library_is_told() {
        let twice = FAILED.replace(
            "mine\n\nthread 'checks::it_is_packed' (7) panicked at book",
            "mine\n\nthread 'checks::it_is_packed' (7) panicked at /rustc/5980/library/core/src/time.rs:9:5:\n\
             overflow when adding durations\n\
             thread 'checks::it_is_packed' (7) panicked at book",
        );
        let report = parse(&twice, None);
        assert_eq!(report, parse(FAILED, None));
    }

    #[test]
    fn success_and_no_check_at_all_are_told_apart() {
        let passed = "running 1 test\ntest checks::a ... noise\nok\n\n\
            test result: ok. 1 passed; 0 failed; 0 ignored\n";
        let report = parse(passed, None);
        assert_eq!(report.verdict(), "done, its check passes.");
        assert!(report.done());
        let report = parse("\nrunning 0 tests\n\ntest result: ok. 0 passed;\n", None);
        assert!(!report.done());
        assert!(report.verdict().starts_with("no check ran"));
    }

    #[test]
    fn a_check_that_never_ends_is_named_with_what_it_printed() {
        let crash = Some("still running after 30 seconds".to_string());
        let printed = "running 1 test\ntest checks::it_ends ... one\ntwo\n";
        assert_eq!(running(printed).unwrap(), "it ends");
        assert_eq!(running("\nrunning 1 test\n"), None);
        let report = parse(printed, crash);
        let verdict = "stopped in \"it ends\" (still running after 30 seconds).";
        assert_eq!(report.verdict(), verdict);
        let told = report.failures(Path::new("/"));
        assert!(
            told.ends_with("Your program printed:\n      one\n      two\n"),
            "{told}"
        );
    }

    #[test]
    fn of_endless_lines_the_last_are_shown() {
        let endless = "line\n".repeat(1000);
        let lines = last_lines(&endless);
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[0], "(980 lines more, then:)");
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
