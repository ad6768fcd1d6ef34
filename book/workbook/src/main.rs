//! `cargo workbook`: the companion of the book. It prints chapters, runs and
//! traces their examples, checks exercises, and forks the crate.
//!
//! It uses the standard library only, and does not link `evq`, so it still works
//! when a reader breaks `src/`. This file reads the command line, `book.rs` knows
//! where all files are, and each command has its own file.

mod book;
mod browser;
mod check;
mod contents;
mod ctrl_c;
mod examine;
mod fork;
mod highlight;
mod hints;
mod include;
mod page;
mod progress;
mod prose;
mod report;
mod reset;
mod run;
mod terminal;

use book::Book;
use std::process::ExitCode;
use terminal::say;

/// How a command ends: with an exit code, if it has told the reader everything, or
/// with one sentence that `main` prints.
type Outcome = Result<ExitCode, String>;

const HELP: &str = "\
The companion of the book. From anywhere in the checkout:

  cargo workbook                   the contents, your progress, what to type next
  cargo workbook read N            print chapter N here; `read start` comes first
  cargo workbook read N --browser  build the book and open chapter N
  cargo workbook run N             run the chapter's example
  cargo workbook run N --windows   what it prints on Windows; --kqueue likewise
  cargo workbook run N -- ARGS     run it with arguments for the example
  cargo workbook trace N           run it with every foreign call printed
  cargo workbook check N.M         begin exercise N.M, and later check it
  cargo workbook check N           check chapter N's exercises that you have begun
  cargo workbook check             check every exercise that you have begun
  cargo workbook hint N.M          the next hint
  cargo workbook solution N.M      the solution
  cargo workbook reset N.M         put the blank back; yours is kept as .bak
  cargo workbook reset N           put chapter N's example back, the same way
  cargo workbook fork DIR [NAME]   an event queue of your own, without the book

Your answers are in book/workbook/tests/. What the workbook remembers is in
.workbook/. Git ignores both.
";

fn main() -> ExitCode {
    let arguments: Result<Vec<String>, _> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.into_string())
        .collect();
    let outcome = match arguments {
        Ok(arguments) => command(&arguments),
        Err(argument) => Err(format!("{argument:?} is not valid Unicode.")),
    };
    outcome.unwrap_or_else(|sentence| {
        terminal::complain(&terminal::wrap(&sentence, "", "", terminal::WIDTH));
        ExitCode::FAILURE
    })
}

fn command(arguments: &[String]) -> Outcome {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [] | ["help" | "--help" | "-h", ..] | [_, "help" | "--help" | "-h"] = arguments[..] {
        if arguments.is_empty() {
            return contents::command(&Book::open()?);
        }
        say(HELP);
        return Ok(ExitCode::SUCCESS);
    }
    let (name, rest) = (arguments[0], &arguments[1..]);
    match (name, rest) {
        ("read", [page]) => page::command(&Book::open()?, page),
        ("read", [page, "--browser"] | ["--browser", page]) => {
            browser::command(&Book::open()?, page)
        }
        ("run" | "trace", [chapter, rest @ ..]) => {
            let passed_on = rest.strip_prefix(&["--"]).unwrap_or(rest);
            run::command(&Book::open()?, chapter, name == "trace", passed_on)
        }
        ("check", []) => check::all(&Book::open()?),
        ("check", [chapter]) if is_chapter(chapter) => check::chapter(&Book::open()?, chapter),
        ("check", [exercise]) => check::command(&Book::open()?, exercise),
        ("hint", [exercise]) => hints::hint(&Book::open()?, exercise),
        ("solution", [exercise]) => hints::solution(&Book::open()?, exercise),
        ("reset", [chapter]) if is_chapter(chapter) => reset::example(&Book::open()?, chapter),
        ("reset", [exercise]) => reset::exercise(&Book::open()?, exercise),
        ("fork", [directory]) => fork::command(&Book::open()?, directory, None),
        ("fork", [directory, name]) => fork::command(&Book::open()?, directory, Some(name)),
        _ => Err(match usage(name) {
            Some(usage) => format!("Type: cargo workbook {usage}"),
            None if name.parse::<u32>().is_ok() => {
                format!("To read chapter {name}, type: cargo workbook read {name}")
            }
            None if Book::open()?.exercise(name).is_ok() => {
                format!("To begin or check exercise {name}, type: cargo workbook check {name}")
            }
            None => match meant(name) {
                Some(meant) => format!("There is no command `{name}`. Did you mean `{meant}`?"),
                None => {
                    format!("There is no command `{name}`; `cargo workbook help` lists them all.")
                }
            },
        }),
    }
}

/// `3` is a chapter; `3.1` would be an exercise.
fn is_chapter(typed: &str) -> bool {
    typed.parse::<u32>().is_ok()
}

const COMMANDS: [&str; 9] = [
    "read", "run", "trace", "check", "hint", "solution", "reset", "fork", "help",
];

/// The command that the reader probably meant by `typed`.
fn meant(typed: &str) -> Option<&'static str> {
    let typed = typed.to_lowercase();
    let distances = COMMANDS.map(|command| (mistakes(&typed, command), command));
    let (count, command) = distances.into_iter().min_by_key(|(count, _)| *count)?;
    (count <= command.len() / 3).then_some(command)
}

/// How many letters are wrong, missing, extra, or swapped with the next letter.
fn mistakes(typed: &str, meant: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = rows[i][j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

fn usage(name: &str) -> Option<&'static str> {
    Some(match name {
        "read" => "read N, or: read N --browser (N is a chapter's number, or `start`)",
        "run" => "run N (N is a chapter's number), or: run N -- ARGUMENTS",
        "trace" => "trace N (N is a chapter's number), or: trace N -- ARGUMENTS",
        "check" => "check N.M (chapter, dot, exercise), or: check N, or: check",
        "hint" => "hint N.M (chapter, dot, exercise)",
        "solution" => "solution N.M (chapter, dot, exercise)",
        "reset" => "reset N.M (chapter, dot, exercise), or: reset N (the chapter's example)",
        "fork" => "fork DIR [NAME]",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_gets_a_sentence() {
        for typed in [
            "3",
            "3.1",
            "read 3.1",
            "frobnicate",
            "read",
            "read 99",
            "read x --browser",
            "read 1 2 3",
            "run",
            "run -1",
            "trace 99999999999999999999",
            "check 1.999",
            "check a.b",
            "hint",
            "hint .",
            "solution 0.0",
            "reset 99.1",
            "reset 99",
            "check 99",
            "fork",
            "fork target/3d",
            "fork a b c",
        ] {
            let arguments: Vec<String> = typed.split(' ').map(String::from).collect();
            let sentence = command(&arguments).unwrap_err();
            assert_eq!(sentence.trim().lines().count(), 1, "{typed}: {sentence}");
        }
    }

    #[test]
    fn a_near_miss_gets_a_suggestion() {
        for (typed, wanted) in [
            ("raed", "read"),
            ("chekc", "check"),
            ("Check", "check"),
            ("ceck", "check"),
            ("solutions", "solution"),
            ("rest", "reset"),
            ("tarce", "trace"),
            ("hlep", "help"),
        ] {
            let sentence = command(&[typed.to_string()]).unwrap_err();
            assert!(
                sentence.contains(&format!("Did you mean `{wanted}`?")),
                "{sentence}"
            );
        }
        for typed in ["frobnicate", "x", "build", ""] {
            assert_eq!(meant(typed), None, "{typed}");
        }
    }
}
