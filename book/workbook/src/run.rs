//! `run` and `trace`: run a chapter's example, in this system's lane.
//!
//! Six chapters are about the calls of one system. On other systems their examples
//! cannot run; the workbook then shows the recording, if there is one.

use crate::book::{Book, Chapter, read};
use crate::terminal::{bold, colour, say};
use crate::{Outcome, progress};
use std::process::{Command, ExitCode};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lane {
    Epoll,
    Kqueue,
    Iocp,
}

impl Lane {
    /// This system's lane; `None` if evq has no queue for this system.
    pub fn here() -> Option<Lane> {
        match std::env::consts::OS {
            "linux" | "android" => Some(Lane::Epoll),
            "macos" | "ios" | "freebsd" | "dragonfly" | "netbsd" | "openbsd" => Some(Lane::Kqueue),
            "windows" => Some(Lane::Iocp),
            _ => None,
        }
    }

    /// The chapter's lane, if the chapter is about one lane only.
    pub fn of(chapter: u32) -> Option<Lane> {
        match chapter {
            3 | 8 => Some(Lane::Epoll),
            4 | 9 => Some(Lane::Kqueue),
            5 | 11 => Some(Lane::Iocp),
            _ => None,
        }
    }

    /// The chapter that tells for this lane what `chapter` tells for another.
    fn sibling(self, chapter: u32) -> u32 {
        let (raw, selector) = match self {
            Lane::Epoll => (3, 8),
            Lane::Kqueue => (4, 9),
            Lane::Iocp => (5, 11),
        };
        if chapter <= 5 { raw } else { selector }
    }

    pub fn systems(self) -> &'static str {
        match self {
            Lane::Epoll => "Linux",
            Lane::Kqueue => "macOS and the BSDs",
            Lane::Iocp => "Windows",
        }
    }

    fn queue(self) -> &'static str {
        match self {
            Lane::Epoll => "epoll",
            Lane::Kqueue => "kqueue",
            Lane::Iocp => "IOCP",
        }
    }

    /// The ending of a recording's name, and how it was made.
    fn recording(self) -> (&'static str, &'static str) {
        match self {
            Lane::Epoll => ("linux", "Recorded on Linux"),
            Lane::Kqueue => ("macos", "Recorded on macOS"),
            Lane::Iocp => ("windows", "Recorded under Wine"),
        }
    }
}

/// This system's name as the book writes it.
pub fn system() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "android" => "Android",
        "macos" => "macOS",
        "ios" => "iOS",
        "freebsd" => "FreeBSD",
        "dragonfly" => "DragonFly BSD",
        "netbsd" => "NetBSD",
        "openbsd" => "OpenBSD",
        "windows" => "Windows",
        other => other,
    }
}

pub fn command(book: &Book, typed: &str, trace: bool, arguments: &[&str]) -> Outcome {
    let chapter = book.chapter(typed)?;
    let Some(example) = book.example(chapter) else {
        return Err(match chapter.page.file {
            Some(_) => format!("Chapter {} has no example to run.", chapter.number),
            None => chapter.not_written(),
        });
    };
    let verb = if trace { "trace" } else { "run" };
    let (asked, arguments) = match arguments {
        ["--windows"] => (Some(Lane::Iocp), &[][..]),
        ["--kqueue"] => (Some(Lane::Kqueue), &[][..]),
        _ => (None, arguments),
    };
    match (Lane::here(), Lane::of(chapter.number).or(asked)) {
        (here, Some(needed)) if here != Some(needed) => {
            say(&elsewhere(book, chapter, &example, needed, verb));
            return Ok(ExitCode::SUCCESS);
        }
        (None, _) => return Err(format!("evq has no event queue for {}.", system())),
        (Some(here), _) => {
            let lane = format!("on {} with {}", system(), here.queue());
            let title = &chapter.page.title;
            let heading = format!(
                "Chapter {}, {title}: examples/{example}.rs {lane}",
                chapter.number
            );
            say(&format!("{}\n\n", bold(&heading, colour())));
            let source = read(&book.root.join("examples").join(format!("{example}.rs")));
            if let (true, Ok(source)) = (trace, source) {
                say(without_evq(&source));
            }
        }
    }
    let cargo = |verb: &str, arguments: &[&str]| {
        let mut cargo = cargo(book);
        cargo.args([verb, "--quiet", "--example", &example]);
        if trace {
            cargo.args(["--features", "trace"]);
        }
        let status = cargo.args(arguments).status();
        status.map_err(|error| format!("Cannot run cargo: {error}."))
    };
    if !cargo("build", &[])?.success() {
        return Err(format!(
            "examples/{example}.rs, or src/, does not compile (see above)."
        ));
    }
    let status = cargo("run", &[&["--"], arguments].concat())?;
    if !status.success() {
        return Err(format!("examples/{example}.rs failed ({status})."));
    }
    progress::remember(book, "run", &chapter.number.to_string());
    Ok(ExitCode::SUCCESS)
}

/// The text before the trace of a program that does not use evq.
fn without_evq(source: &str) -> &'static str {
    if source.contains("evq::") {
        ""
    } else if source.contains("feature = \"trace\"") {
        "This program makes none of evq's calls. It makes its own, and prints them:\n\n"
    } else {
        "This program makes none of evq's calls. It makes its own and prints none of\n\
         them, so you see here what `run` shows. Your system may have a tool that prints\n\
         the calls of any program; Linux has strace.\n\n"
    }
}

/// The text for a chapter that is about another system.
fn elsewhere(book: &Book, chapter: &Chapter, example: &str, needed: Lane, verb: &str) -> String {
    let number = chapter.number;
    let mut out = format!(
        "Chapter {number}, {}, with {} on {}. This is {}.\n",
        chapter.page.title,
        needed.queue(),
        needed.systems(),
        system()
    );
    let (ending, how) = needed.recording();
    let file = book
        .pages()
        .join("outputs")
        .join(format!("{example}.{ending}.txt"));
    match read(&file) {
        Ok(recording) => {
            out.push_str(&format!(
                "{how} (ports, descriptors and times replaced):\n\n"
            ));
            for line in recording.lines() {
                out.push_str(format!("    {line}").trim_end());
                out.push('\n');
            }
            out.push('\n');
        }
        Err(_) => out.push_str("There is no recording of it yet.\n"),
    }
    out.push_str(&format!("Type there: cargo workbook {verb} {number}\n"));
    if let Some(here) = Lane::here() {
        let sibling = Lane::of(number).map_or(number, |_| here.sibling(number));
        let written = |chapter: &&Chapter| chapter.number == sibling;
        if book
            .chapters()
            .find(written)
            .is_some_and(|chapter| book.example(chapter).is_some())
        {
            out.push_str(&format!("And here:   cargo workbook {verb} {sibling}\n"));
        }
    }
    out
}

/// The cargo that runs the workbook, in the checkout's folder.
pub fn cargo(book: &Book) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(&book.root);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::Checkout;

    #[test]
    fn each_lane_has_its_chapters_and_their_siblings() {
        for lane in [Lane::Epoll, Lane::Kqueue, Lane::Iocp] {
            for chapter in [3, 4, 5, 8, 9, 11] {
                assert_eq!(Lane::of(lane.sibling(chapter)), Some(lane));
            }
        }
        assert_eq!(Lane::of(10), None);
    }

    #[test]
    fn of_a_program_without_evq_it_is_said_whose_calls_are_printed() {
        let shape = include_str!("../../../examples/ch06_shape.rs");
        let epoll = include_str!("../../../examples/ch03_raw_epoll.rs");
        let iocp = include_str!("../../../examples/ch05_raw_iocp.rs");
        let echo = include_str!("../../../examples/ch12_echo.rs");
        assert!(without_evq(shape).contains("makes none of evq's calls"));
        assert!(without_evq(shape).contains("prints none"));
        for raw in [epoll, iocp] {
            assert!(without_evq(raw).contains("makes none of evq's calls"));
            assert!(without_evq(raw).contains("and prints them"));
        }
        assert_eq!(without_evq(echo), "");
    }

    #[test]
    fn elsewhere_the_recording_is_shown_with_what_to_type() {
        let summary = "- [A]()\n- [B]()\n- [C](ch03_c.md)\n- [D](ch04_d.md)\n- [E](ch05_e.md)\n";
        let recording = "book/src/outputs/ch05_e.windows.txt";
        let files = [("book/src/SUMMARY.md", summary), (recording, "one\ntwo\n")];
        let checkout = Checkout::new("elsewhere", &files);
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let chapter = |number: &str| book.chapter(number).unwrap();
        let text = elsewhere(&book, chapter("5"), "ch05_e", Lane::Iocp, "run");
        assert!(text.contains("under Wine (ports"), "{text}");
        assert!(text.contains("\n    one\n    two\n"), "{text}");
        assert!(text.contains("Type there: cargo workbook run 5"), "{text}");
        let text = elsewhere(&book, chapter("4"), "ch04_d", Lane::Kqueue, "trace");
        assert!(text.contains("no recording"), "{text}");
    }
}
