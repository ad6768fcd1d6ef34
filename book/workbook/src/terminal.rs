//! The terminal: what is printed, in which colours, and how wide.
//!
//! Everything is printed by `say`, which ends the program quietly when nobody
//! reads on (`cargo workbook read 3 | head`), where `println!` would panic.

use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};

/// The width that everything is printed for, in columns.
pub const WIDTH: usize = 80;

/// Whether standard output is a terminal that shows colours, and may.
pub fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    // An old Windows console prints escape sequences as they are; those that
    // understand them unasked say so.
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

/// Prints `text` at once; ends the program when standard output is closed.
pub fn say(text: &str) {
    if cfg!(test) {
        // What a test prints is captured only this way.
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

/// Breaks `text` into lines of `width` columns, each after its prefix: `first`
/// for the first line, `rest` for the others. Control characters, which stand
/// for styles here, take no room.
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
}
