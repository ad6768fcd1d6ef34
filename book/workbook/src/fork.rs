//! `fork DIR [NAME]`: an event queue of the reader's own. Takes `src/`, the
//! examples, the contract's tests, the manifest and the licences, under a new
//! name; leaves out the book, its exercises, and the anchors of its excerpts.

use crate::Outcome;
use crate::book::{Book, names, read, write};
use crate::include::without_anchors;
use crate::terminal::say;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

/// The tests that are about the book rather than about the crate, each a file
/// or a folder of `tests/`. All others are the contract, and are taken along.
const ABOUT_THE_BOOK: [&str; 6] = [
    "book",
    "workbook",
    "readme",
    "exercises",
    "solutions",
    "checks",
];

/// Names that cargo or the compiler refuses for a package.
#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "build", "const",
    "continue", "core", "crate", "deps", "do", "dyn", "else", "enum", "examples", "extern",
    "false", "final", "fn", "for", "gen", "if", "impl", "in", "incremental", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "proc_macro", "proc-macro", "pub",
    "ref", "return", "self", "static", "std", "struct", "super", "test", "trait", "true", "try",
    "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

pub fn command(book: &Book, directory: &str, name: Option<&str>) -> Outcome {
    let directory = std::path::absolute(directory)
        .map_err(|error| format!("`{directory}` is not a folder's path: {error}."))?;
    let directory = without_dots(&directory);
    let last = directory.file_name().unwrap_or_default().to_string_lossy();
    let name = name.unwrap_or(&last);
    valid_name(name)?;
    valid_directory(book, &directory)?;
    let files = files(book, name)?;
    for (path, text) in &files {
        write(&directory.join(path), text)?;
    }
    say(&format!(
        "{name}: {} files in {}\n\n  cd {}\n  cargo test\n",
        files.len(),
        directory.display(),
        directory.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Everything that the fork consists of: paths from its top folder, and texts.
fn files(book: &Book, name: &str) -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = Vec::new();
    for folder in ["src", "examples"] {
        gather(&book.root, Path::new(folder), &mut files)?;
    }
    for test in names(&book.root.join("tests")) {
        let stem = test.strip_suffix(".rs").unwrap_or(&test);
        if !ABOUT_THE_BOOK.contains(&stem) {
            gather(&book.root, &Path::new("tests").join(&test), &mut files)?;
        }
    }
    for (path, text) in &mut files {
        if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "txt")
        {
            *text = renamed(&without_anchors(text), &name.replace('-', "_"));
        }
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        gather(&book.root, Path::new(licence), &mut files)?;
    }
    let manifest = manifest(&read(&book.root.join("Cargo.toml"))?, name);
    files.push(("Cargo.toml".into(), manifest));
    files.push(("README.md".into(), readme(name)));
    files.push((".gitignore".into(), "/target\n".into()));
    Ok(files)
}

fn readme(name: &str) -> String {
    format!(
        "# {name}\n\nAn event queue over epoll, kqueue and IOCP, forked from evq, the crate of the \
         book\n*Event Queues by Hand*. It has no dependencies.\n\n\
         `cargo test` holds it to the contract; `examples/` shows it at work.\n\n\
         Licensed as evq is, under MIT or Apache-2.0, as you choose.\n"
    )
}

fn gather(root: &Path, path: &Path, files: &mut Vec<(PathBuf, String)>) -> Result<(), String> {
    let full = root.join(path);
    if full.is_dir() {
        for name in names(&full) {
            gather(root, &path.join(name), files)?;
        }
    } else if full.exists() {
        files.push((path.to_path_buf(), read(&full)?));
    }
    Ok(())
}

/// The crate's name in paths: `evq::Poll` and `use evq`. Prose keeps it, and so
/// do the names of `--cfg` switches, which the manifest lists.
fn renamed(text: &str, name: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("evq") {
        let (before, after) = (&rest[..at], &rest[at + 3..]);
        out.push_str(before);
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let whole = !out.ends_with(word) && !after.starts_with(word);
        let used = ["use ", "use ::", "extern crate "];
        let path = after.starts_with("::") || used.iter().any(|before| out.ends_with(before));
        out.push_str(if whole && path { name } else { "evq" });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The manifest under the new name: the workspace is its own, and the targets
/// of the book's tests are gone.
fn manifest(text: &str, name: &str) -> String {
    let mut out = String::new();
    for section in sections(text) {
        let heading = section.lines().next().unwrap_or_default().trim();
        let about_the_book = |target: &&str| section.contains(&format!("name = \"{target}\""));
        if heading.starts_with("[workspace")
            || heading == "[[test]]" && ABOUT_THE_BOOK.iter().any(&about_the_book)
        {
            continue;
        }
        for line in section.lines() {
            let key = line.split('=').next().unwrap_or_default().trim();
            match key {
                "name" if heading == "[package]" => out.push_str(&format!("name = \"{name}\"\n")),
                "repository" | "homepage" | "documentation" if heading == "[package]" => {}
                _ => out.extend([line, "\n"]),
            }
        }
    }
    format!("{}\n\n[workspace]\n", out.trim_end())
}

/// A manifest's sections, each with the comments above it.
fn sections(text: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    for line in text.lines() {
        if line.starts_with('[') {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    sections
}

fn valid_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if letter && name.chars().all(allowed) && !REFUSED.contains(&name) {
        return Ok(());
    }
    Err(format!(
        "`{name}` cannot be a crate's name: use letters, digits, - and _, a letter first, and no \
         word of the language. A name can follow the folder: cargo workbook fork DIR NAME"
    ))
}

fn valid_directory(book: &Book, directory: &Path) -> Result<(), String> {
    let shown = directory.display();
    for folder in ["src", "examples", "tests", "book"] {
        if directory.starts_with(book.root.join(folder)) {
            return Err(format!(
                "{shown} lies in {folder}/ of the book's own crate."
            ));
        }
    }
    if directory.exists() && !directory.is_dir() {
        return Err(format!("{shown} exists and is not a folder."));
    }
    match fs::read_dir(directory).map_or(0, Iterator::count) {
        0 => Ok(()),
        _ => Err(format!("{shown} exists and is not empty.")),
    }
}

/// The path with `.` and `..` taken out.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::{Checkout, SUMMARY};

    #[test]
    fn paths_take_the_new_name_and_prose_keeps_the_old() {
        let text = "use evq::{Poll};\nuse evq as q; // evq is small\n#[cfg(evq_afd)]\n\
            let p: evq::Poll = ::evq::a(revq::b());\n/// `evq::Token`\n";
        assert_eq!(
            renamed(text, "my_queue"),
            "use my_queue::{Poll};\nuse my_queue as q; // evq is small\n#[cfg(evq_afd)]\n\
             let p: my_queue::Poll = ::my_queue::a(revq::b());\n/// `my_queue::Token`\n"
        );
    }

    #[test]
    fn the_manifest_keeps_what_is_the_crates_own() {
        let old = "[package]\nname = \"evq\"\nedition = \"2024\"\n\n[features]\n# Why.\ntrace = []\n\n\
            [workspace]\nmembers = [\"book/workbook\"]\n\n[[test]]\nname = \"exercises\"\n\
            test = false\n\n[[test]]\nname = \"c01\"\nharness = false\n";
        assert_eq!(
            manifest(old, "my-queue"),
            "[package]\nname = \"my-queue\"\nedition = \"2024\"\n\n[features]\n# Why.\n\
             trace = []\n\n[[test]]\nname = \"c01\"\nharness = false\n\n[workspace]\n"
        );
    }

    #[test]
    fn a_fork_holds_the_crate_and_its_contract_but_not_the_book() {
        let checkout = Checkout::new(
            "fork",
            &[
                ("book/src/SUMMARY.md", SUMMARY),
                ("Cargo.toml", "[package]\nname = \"evq\"\n"),
                ("LICENSE-MIT", "evq::licence\n"),
                ("src/lib.rs", "// ANCHOR: a\nmod a;\n// ANCHOR_END: a\n"),
                ("src/deep/a.rs", "use evq::b;\n"),
                ("examples/ch01_a.rs", "use evq::Poll;\n"),
                ("tests/contract/main.rs", "use evq::Poll;\n"),
                ("tests/book.rs", ""),
                ("tests/book/tree.rs", ""),
                ("tests/workbook.rs", ""),
                ("tests/exercises/main.rs", ""),
            ],
        );
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let target = checkout
            .0
            .join("target")
            .join("x")
            .join("..")
            .join("my-queue");
        let typed = target.to_str().unwrap();
        command(&book, typed, None).unwrap();
        let target = without_dots(&target);
        let in_fork = |path: &str| read(&target.join(path));
        assert_eq!(in_fork("src/lib.rs").unwrap(), "mod a;\n");
        assert_eq!(in_fork("src/deep/a.rs").unwrap(), "use my_queue::b;\n");
        assert_eq!(
            in_fork("examples/ch01_a.rs").unwrap(),
            "use my_queue::Poll;\n"
        );
        assert!(in_fork("tests/contract/main.rs").is_ok());
        assert_eq!(names(&target.join("tests")), ["contract"]);
        assert_eq!(in_fork("LICENSE-MIT").unwrap(), "evq::licence\n");
        assert!(in_fork("README.md").unwrap().starts_with("# my-queue\n"));
        let again = command(&book, typed, None).unwrap_err();
        assert!(again.ends_with("exists and is not empty."), "{again}");
        let inside = checkout.0.join("src").join("fork");
        let inside = command(&book, inside.to_str().unwrap(), None).unwrap_err();
        assert!(inside.contains("lies in src/"), "{inside}");
    }

    #[test]
    fn names_that_cargo_refuses_are_refused_first() {
        for name in [
            "", "3d", "a b", "größe", "-a", "fn", "test", "std", "_", "a.b",
        ] {
            assert!(valid_name(name).is_err(), "{name}");
        }
        for name in ["queue", "my-queue", "a_1"] {
            assert!(valid_name(name).is_ok(), "{name}");
        }
    }
}
