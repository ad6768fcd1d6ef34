//! The terminal: its colours, its width and its pager.
//!
//! `say` prints everything. If the reader of a pipe stops, as `head` does in
//! `cargo workbook read 3 | head`, `say` ends the program, and `println!` would panic.

use crate::ctrl_c::Ignored;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::process::{Command, Stdio};

/// The width of all output, in columns, except for pages on a terminal.
pub const WIDTH: usize = 80;

/// Longer lines of prose are hard to read.
const LONGEST: usize = 100;

#[derive(Clone, Copy)]
pub struct Screen {
    pub colour: bool,
    /// The width of prose and of code, in columns.
    pub prose: usize,
    pub code: usize,
}

impl Default for Screen {
    fn default() -> Screen {
        Screen::PLAIN
    }
}

impl Screen {
    /// For a file or a pipe.
    pub const PLAIN: Screen = Screen {
        colour: false,
        prose: WIDTH,
        code: WIDTH,
    };

    pub fn here() -> Screen {
        if !stdout().is_terminal() {
            return Screen::PLAIN;
        }
        let columns = size().unwrap_or(WIDTH).max(40);
        Screen {
            colour: colour(),
            prose: columns.min(LONGEST),
            code: columns,
        }
    }
}

/// How many columns the terminal has; `None` if that cannot be found out.
#[cfg(unix)]
fn size() -> Option<usize> {
    // The standard library cannot tell, but every Unix has a program that can.
    let terminal = std::fs::File::open("/dev/tty").ok()?;
    let output = Command::new("stty").arg("size").stdin(terminal).output();
    let said = String::from_utf8(output.ok()?.stdout).ok()?;
    let columns = said.split_whitespace().nth(1)?.parse().ok()?;
    (columns > 0).then_some(columns)
}

#[cfg(windows)]
fn size() -> Option<usize> {
    use std::os::windows::io::AsRawHandle;
    unsafe extern "system" {
        // <https://learn.microsoft.com/en-us/windows/console/getconsolescreenbufferinfo>
        fn GetConsoleScreenBufferInfo(console: *mut std::ffi::c_void, info: *mut [i16; 11]) -> i32;
    }
    // The struct has 11 fields of 16 bits; fields 5 and 7 are the window's left and right columns.
    let mut info = [0; 11];
    // SAFETY: the handle is open, and `info` has the size of the struct.
    let done = unsafe { GetConsoleScreenBufferInfo(stdout().as_raw_handle(), &mut info) };
    let columns = usize::try_from(i32::from(info[7]) - i32::from(info[5]) + 1).ok()?;
    (done != 0).then_some(columns)
}

#[cfg(not(any(unix, windows)))]
fn size() -> Option<usize> {
    None
}

/// Shows a long text. On a terminal, uses the reader's pager or `less`.
pub fn show(text: &str) {
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    if cfg!(test) || !stdout().is_terminal() || dumb {
        return say(text);
    }
    let pager = std::env::var("PAGER").unwrap_or_default();
    let shown = match pager.trim() {
        "" => through(Command::new("less").arg("-R"), text),
        pager if cfg!(unix) => through(Command::new("sh").arg("-c").arg(pager), text),
        pager => through(&mut Command::new(pager), text),
    };
    if !shown {
        say(text);
    }
}

/// Whether this pager exists and has shown the text.
fn through(pager: &mut Command, text: &str) -> bool {
    if std::env::var_os("LESS").is_none() {
        // `less` shows colours, also without `-R`.
        pager.env("LESS", "R");
    }
    let Ok(mut child) = pager.stdin(Stdio::piped()).spawn() else {
        return false;
    };
    let _shield = Ignored::new();
    if let Some(mut pipe) = child.stdin.take() {
        // The write fails if the reader closes the pager early.
        let _ = pipe.write_all(text.as_bytes());
    }
    // 127 means that the shell has not found the program.
    child.wait().is_ok_and(|status| status.code() != Some(127))
}

/// Whether standard output is a terminal that shows colours, and the reader allows them.
pub fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    // An old Windows console prints escape sequences as text. Terminals that understand
    // them set a variable.
    let understood = cfg!(not(windows))
        || std::env::var_os("WT_SESSION").is_some()
        || std::env::var_os("TERM").is_some();
    stdout().is_terminal() && understood && !refused
}

pub fn bold(text: &str, colour: bool) -> String {
    if colour {
        format!("\x1b[1m{text}\x1b[0m")
    } else {
        text.to_string()
    }
}

/// Prints `text` at once. Ends the program if standard output is closed.
pub fn say(text: &str) {
    if cfg!(test) {
        // The test harness captures only what `print!` prints.
        return print!("{text}");
    }
    let mut stdout = stdout().lock();
    let Err(error) = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    else {
        return;
    };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    complain(&format!("Cannot print: {error}."));
    std::process::exit(1);
}

/// Prints a sentence on standard error.
pub fn complain(sentence: &str) {
    let _ = writeln!(stderr().lock(), "{}", sentence.trim_end());
}

/// Breaks `text` into lines of `width` columns. The first line begins with `first`, the
/// others with `rest`. Control characters stand for styles and take no column.
pub fn wrap(text: &str, first: &str, rest: &str, width: usize) -> String {
    let mut lines = String::from(first);
    let mut column = columns(first);
    let mut fresh = true;
    for word in text.split_whitespace() {
        let length = columns(word);
        if !fresh && column + 1 + length > width {
            lines.push('\n');
            lines.push_str(rest);
            column = columns(rest);
            fresh = true;
        }
        if !fresh {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
        fresh = false;
    }
    lines.push('\n');
    lines
}

/// How many columns `text` takes.
pub fn columns(text: &str) -> usize {
    text.chars().filter(|c| !c.is_control()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words_and_every_line_has_its_prefix() {
        let wrapped = wrap("one two three four", "- ", "  ", 11);
        assert_eq!(wrapped, "- one two\n  three\n  four\n");
        assert_eq!(wrap("\x01one\x01 two", "", "", 7), "\x01one\x01 two\n");
    }

    #[test]
    fn a_word_that_is_too_long_has_a_line_of_its_own() {
        assert_eq!(wrap("a bbbbbbbb c", "", "", 4), "a\nbbbbbbbb\nc\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_pager_gets_the_text_and_a_missing_one_is_told() {
        let file = std::env::temp_dir().join(format!("evq-pager-{}", std::process::id()));
        let pager = format!("cat > {}", file.display());
        assert!(through(Command::new("sh").arg("-c").arg(pager), "text\n"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text\n");
        std::fs::remove_file(&file).unwrap();
        let missing = "no-such-pager-here 2>/dev/null";
        assert!(!through(
            Command::new("sh").arg("-c").arg(missing),
            "text\n"
        ));
        assert!(!through(&mut Command::new("no-such-pager-here"), "text\n"));
    }
}
