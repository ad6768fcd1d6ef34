//! `read N --browser`: builds the book with mdBook and opens the page.
//!
//! mdBook is the only program here that is not in the checkout. The workbook looks
//! for it on PATH and in `.workbook/bin`. If it is in neither, the workbook says so
//! and installs it in `.workbook/bin`. If that fails, the terminal shows the page.

use crate::book::Book;
use crate::run::cargo;
use crate::terminal::{complain, say};
use crate::{Outcome, page as pages};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

const VERSION: &str = "0.5.4";
/// The oldest Rust that builds mdBook: 1.88.
const RUST: u32 = 88;

pub fn command(book: &Book, typed: &str) -> Outcome {
    let page = book.page(typed)?;
    if page.file.is_none() {
        return Err(book.chapter(typed)?.not_written());
    }
    let mdbook = match installed(book).map_or_else(|| install(book), Ok) {
        Ok(mdbook) => mdbook,
        Err(why) => {
            complain(&format!("{why} The terminal shows the page instead."));
            return pages::command(book, typed);
        }
    };
    let output = Command::new(mdbook)
        .arg("build")
        .arg(book.root.join("book"))
        .output()
        .map_err(|error| format!("mdBook could not be started: {error}."))?;
    if !output.status.success() {
        complain(&String::from_utf8_lossy(&output.stderr));
        return Err("mdBook could not build the book (see above).".to_string());
    }
    let file = format!("{}.html", page.name());
    let file = book.root.join("book").join("book").join(file);
    if open(&file) {
        say(&format!("Opened {} in your browser.\n", book.shown(&file)));
    } else {
        say(&format!(
            "No browser was found. The page is {}\n",
            file.display()
        ));
    }
    pages::remember_read(book, page);
    Ok(ExitCode::SUCCESS)
}

/// An installed mdBook whose version knows the book's syntax.
fn installed(book: &Book) -> Option<PathBuf> {
    let candidates = [own(book), PathBuf::from("mdbook")];
    candidates.into_iter().find(|mdbook| {
        let version = Command::new(mdbook).arg("--version").output();
        version.is_ok_and(|output| {
            let version = String::from_utf8_lossy(&output.stdout).into_owned();
            version
                .trim()
                .trim_start_matches("mdbook v")
                .starts_with("0.5.")
        })
    })
}

fn own(book: &Book) -> PathBuf {
    let name = format!("mdbook{}", std::env::consts::EXE_SUFFIX);
    book.root.join(".workbook").join("bin").join(name)
}

fn install(book: &Book) -> Result<PathBuf, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    if minor(&version).is_some_and(|minor| minor < RUST) {
        return Err(format!("mdBook needs Rust 1.{RUST} or later."));
    }
    say(&format!(
        "To show pages in a browser, the workbook needs mdBook {VERSION}, which is not\n\
         installed. Cargo now fetches its source and builds it in .workbook/. This takes\n\
         two to three minutes; Ctrl-C stops it.\n\n"
    ));
    let status = cargo(book)
        .args(["install", "mdbook", "--locked", "--version", VERSION])
        .arg("--root")
        .arg(book.root.join(".workbook"))
        .status();
    match status {
        Ok(status) if status.success() => Ok(own(book)),
        _ => Err("mdBook could not be installed; this needs a network.".to_string()),
    }
}

/// The 88 of `rustc 1.88.0 (...)`.
fn minor(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("rustc 1.")?;
    rest.split('.').next()?.parse().ok()
}

/// Opens the file with the system's own program; false if there is none.
fn open(file: &Path) -> bool {
    let mut command = if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/C", "start", ""]);
        command
    } else if cfg!(target_os = "macos") {
        Command::new("open")
    } else {
        let display = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"];
        if !display.iter().any(|name| std::env::var_os(name).is_some()) {
            return false;
        }
        Command::new("xdg-open")
    };
    let child = command
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return false;
    };
    // A program that fails ends soon. A program that still runs is showing the page.
    for _ in 0..30 {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(100)),
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_version_is_understood() {
        assert_eq!(minor("rustc 1.85.1 (4eb161250 2025-03-15)"), Some(85));
        assert_eq!(minor("rustc 1.95.0-nightly (x)"), Some(95));
        assert_eq!(minor("gcc 12"), None);
    }
}
