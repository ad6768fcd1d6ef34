//! `cargo workbook` without a command: the contents in 24 lines of 80 columns. The
//! reader's part is open, and the others are folded. The last line says what to type
//! next.

use crate::Outcome;
use crate::book::{Book, Chapter, Exercise, Part, read};
use crate::progress::{State, place, remembered, state, was_done};
use crate::run::{Lane, system};
use crate::terminal::{WIDTH, bold, colour, columns, say};
use std::process::ExitCode;

pub fn command(book: &Book) -> Outcome {
    say(&contents(book, Lane::here(), colour()));
    Ok(ExitCode::SUCCESS)
}

fn contents(book: &Book, lane: Option<Lane>, colour: bool) -> String {
    let (open, next) = next(book, lane);
    let title = "Event Queues by Hand";
    let on = format!("on {}: {}", system(), done(book, book.exercises.iter()));
    let mut out = line(title, &on, colour);
    let exercises = book.exercises.iter();
    out.push_str(&match exercises
        .filter(|exercise| was_done(book, exercise))
        .count()
    {
        0 => "\n".to_string(),
        count => {
            let told = "done before src/, a check or the answer changed: cargo workbook check";
            line("", &format!("{count} {told}"), false)
        }
    });
    for page in book.unnumbered.iter().filter(|page| page.name() == "start") {
        let read = match remembered(book, "read", page.name()) {
            true => "read",
            false => "",
        };
        out.push_str(&line(&format!("     {}", page.title), read, false));
    }
    for (index, part) in book.parts.iter().enumerate() {
        let is_open = index == open;
        let summary = part_summary(book, part);
        let summary = if is_open { "" } else { summary.as_str() };
        out.push_str(&line(&part.title, summary, colour));
        for chapter in part.chapters.iter().filter(|_| is_open) {
            let number = format!("{:>4} {}", chapter.number, chapter.page.title);
            let note = chapter_note(book, chapter, lane);
            out.push_str(&line(&number, &note, false));
        }
    }
    let appendices = book.unnumbered.iter().filter(|page| page.name() != "start");
    let names: Vec<&str> = appendices.map(|page| page.name()).collect();
    if !names.is_empty() {
        let written: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let summary = match written.join(", ") {
            names if names.is_empty() => "not yet written".to_string(),
            names if columns(&names) > 60 => format!("{} pages", written.len()),
            names => format!("read {names}"),
        };
        out.push_str(&line("Appendices", &summary, colour));
    }
    out.push_str("\nread, run or trace N · check, hint, solution or reset N.M · fork DIR · help\n");
    out.push_str(&bold(&format!("Next: {next}"), colour));
    out.push('\n');
    out
}

/// `left`, and `right` at the right margin. What does not fit is cut off.
fn line(left: &str, right: &str, emphasised: bool) -> String {
    let room = match right {
        "" => WIDTH,
        right => WIDTH.saturating_sub(columns(right) + 2),
    };
    let left: String = left.chars().take(room).collect();
    let gap = " ".repeat(WIDTH.saturating_sub(columns(&left) + columns(right)));
    let line = format!("{}{gap}{right}", bold(&left, emphasised));
    format!("{}\n", line.trim_end())
}

fn done<'a>(book: &Book, exercises: impl Iterator<Item = &'a Exercise>) -> String {
    let states: Vec<State> = exercises.map(|exercise| state(book, exercise)).collect();
    let done = states.iter().filter(|state| **state == State::Done).count();
    match states.len() {
        0 => String::new(),
        1 => format!("{done} of 1 exercise done"),
        count => format!("{done} of {count} exercises done"),
    }
}

fn part_summary(book: &Book, part: &Part) -> String {
    let (Some(first), Some(last)) = (part.chapters.first(), part.chapters.last()) else {
        return String::new();
    };
    let written = part
        .chapters
        .iter()
        .any(|chapter| chapter.page.file.is_some());
    let exercises = part
        .chapters
        .iter()
        .flat_map(|chapter| book.exercises_of(chapter.number));
    let state = match done(book, exercises) {
        done if !done.is_empty() => format!(" · {done}"),
        _ if !written => " · not yet written".to_string(),
        _ => String::new(),
    };
    format!("chapters {} to {}{state}", first.number, last.number)
}

fn chapter_note(book: &Book, chapter: &Chapter, lane: Option<Lane>) -> String {
    if chapter.page.file.is_none() {
        return "not yet written".to_string();
    }
    let number = chapter.number.to_string();
    let mut notes = Vec::new();
    match Lane::of(chapter.number) {
        Some(needed) if Some(needed) != lane => notes.push(format!("runs on {}", needed.systems())),
        _ if remembered(book, "run", &number) => notes.push("run".to_string()),
        _ if remembered(book, "read", &number) => notes.push("read".to_string()),
        _ => {}
    }
    notes.extend(minutes(book, chapter));
    let exercises = done(book, book.exercises_of(chapter.number));
    if !exercises.is_empty() {
        notes.push(exercises);
    }
    notes.join(" · ")
}

/// The minutes that the chapter takes, from its page.
fn minutes(book: &Book, chapter: &Chapter) -> Option<String> {
    let page = read(&book.pages().join(chapter.page.file.as_ref()?)).ok()?;
    let mut lines = page.lines();
    let minutes = lines.find_map(|line| line.strip_prefix("*About ")?.strip_suffix("utes.*"));
    minutes.map(String::from)
}

/// The part to open, and the command to type next. It comes from the reader's last
/// chapter, then from the chapters after it, then from the skipped ones. Chapters
/// about another system come last.
fn next(book: &Book, lane: Option<Lane>) -> (usize, String) {
    let start = book.unnumbered.iter().find(|page| page.name() == "start");
    let last = place(book);
    if last == 0 && start.is_some_and(|page| !remembered(book, "read", page.name())) {
        return (0, "cargo workbook read start".to_string());
    }
    let foreign = |chapter: &Chapter| {
        let needed = Lane::of(chapter.number);
        needed.is_some() && needed != lane && chapter.number != last
    };
    let mut chapters: Vec<&Chapter> = book.chapters().collect();
    chapters.sort_by_key(|chapter| (foreign(chapter), chapter.number < last));
    let step = chapters
        .iter()
        .find_map(|chapter| Some((chapter.number, unfinished(book, chapter, lane)?)));
    let (number, next) = match step {
        Some((number, step)) => (number, format!("cargo workbook {step}")),
        None if last == 0 => (0, "the first chapter is not yet written".to_string()),
        None => (
            last,
            "cargo workbook fork ../my-queue (every written chapter is done)".to_string(),
        ),
    };
    let has = |part: &Part| part.chapters.iter().any(|chapter| chapter.number == number);
    (book.parts.iter().position(has).unwrap_or(0), next)
}

fn unfinished(book: &Book, chapter: &Chapter, lane: Option<Lane>) -> Option<String> {
    chapter.page.file.as_ref()?;
    let number = chapter.number.to_string();
    let exercise = book
        .exercises_of(chapter.number)
        .find(|exercise| state(book, exercise) != State::Done);
    let begun = book
        .exercises_of(chapter.number)
        .any(|exercise| state(book, exercise) != State::NotStarted);
    let runs = Lane::of(chapter.number).is_none_or(|needed| Some(needed) == lane)
        && book.example(chapter).is_some();
    if !begun && !remembered(book, "read", &number) {
        Some(format!("read {number}"))
    } else if !begun && runs && !remembered(book, "run", &number) {
        Some(format!("run {number}"))
    } else {
        exercise.map(|exercise| format!("check {}", exercise.label()))
    }
}

/// The next command to type, for commands that end a task.
pub fn next_step(book: &Book) -> String {
    next(book, Lane::here()).1
}

/// The exercises that the reader has not begun.
pub fn not_started(book: &Book) -> Vec<String> {
    let exercises = book.exercises.iter();
    exercises
        .filter(|exercise| state(book, exercise) == State::NotStarted)
        .map(Exercise::label)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::Checkout;
    use crate::book::write;
    use crate::progress::{record, remember};

    fn checkout(name: &str) -> Checkout {
        let mut summary = "[Start here](start.md)\n[Words](glossary.md)\n[More]()\n".to_string();
        let mut number = 0;
        for (part, chapters) in [("I", 5), ("II", 9), ("III", 8), ("IV", 3), ("V", 3)] {
            summary.push_str(&format!("# {part}. {}\n", "Part ".repeat(20)));
            for _ in 0..chapters {
                number += 1;
                let title = "Long title ".repeat(9);
                summary.push_str(&format!("- [{title}](ch{number:02}_a.md)\n"));
            }
        }
        let files = [
            ("book/src/SUMMARY.md", summary.as_str()),
            ("tests/exercises/ex01_1_a.rs", "blank"),
            ("tests/exercises/ex07_1_b.rs", "blank"),
            ("book/src/ch01_a.md", "# One\n\n*About 45 minutes.*\n"),
            ("examples/ch01_a.rs", ""),
        ];
        Checkout::new(name, &files)
    }

    #[test]
    fn the_contents_fit_24_lines_of_80_columns_whatever_part_is_open() {
        let checkout = checkout("contents");
        let book = Book::open_at(checkout.0.clone()).unwrap();
        for chapter in 1..=28 {
            remember(&book, "read", &chapter.to_string());
            let text = contents(&book, Some(Lane::Epoll), false);
            assert!(text.lines().count() <= 24, "{text}");
            assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
            assert!(text.contains("read glossary\n"), "{text}");
            assert!(
                chapter > 1 || text.contains("read · 45 min · 0 of 1 "),
                "{text}"
            );
            assert!(text.lines().last().unwrap().starts_with("Next: "), "{text}");
        }
    }

    #[test]
    fn what_comes_next_follows_what_was_done() {
        let checkout = checkout("next");
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let next = || next(&book, Some(Lane::Epoll));
        assert_eq!(next(), (0, "cargo workbook read start".to_string()));
        remember(&book, "read", "start");
        assert_eq!(next().1, "cargo workbook read 1");
        remember(&book, "read", "1");
        assert_eq!(next().1, "cargo workbook run 1");
        remember(&book, "run", "1");
        assert_eq!(next().1, "cargo workbook check 1.1");
        write(&book.answer(&book.exercises[0]), "answer").unwrap();
        record(&book, &book.exercises[0], true);
        assert_eq!(next().1, "cargo workbook read 2");
        let told = || contents(&book, Some(Lane::Epoll), false).contains("1 done before src/");
        assert!(!told());
        write(&checkout.0.join("src/lib.rs"), "changed").unwrap();
        assert!(told());
        record(&book, &book.exercises[0], true);
        remember(&book, "read", "3");
        assert_eq!(next(), (1, "cargo workbook read 6".to_string()));
        remember(&book, "read", "28");
        assert_eq!(next().1, "cargo workbook read 2");
        remember(&book, "read", "7");
        assert_eq!(next(), (1, "cargo workbook check 7.1".to_string()));
    }
}
