//! `fork DIR [NAME]`: an event queue of the reader's own. Takes `src/`, the
//! tests, the examples that show the crate at work, the manifest and the
//! licences, under a new name. Of the book it keeps nothing: no exercises, no
//! anchors, and no chapter's number.

use crate::Outcome;
use crate::book::{Book, names, read, write};
use crate::include::without_anchors;
use crate::terminal::say;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The tests that are about the book rather than about the crate, each a file
/// or a folder of `tests/`. All others are taken along.
const ABOUT_THE_BOOK: [&str; 6] = [
    "book",
    "workbook",
    "readme",
    "exercises",
    "solutions",
    "checks",
];

/// The examples that show the crate at work, and their names in the fork. All
/// others show what goes wrong without it, and need the chapter beside them.
const EXAMPLES: [(&str, &str); 4] = [
    ("readme", "hello"),
    ("ch12_echo", "echo"),
    ("ch16_udp", "datagrams"),
    ("ch18_custom", "custom"),
];

/// The scripts that hold the declarations to the systems' own headers.
const SCRIPTS: [&str; 2] = [".ci/abi", ".ci/abi.py"];

/// Every word that the language keeps for itself, or may want (2024 edition).
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Names that cargo, or Windows, refuses for a package.
#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "alloc", "build", "core", "deps", "examples", "incremental", "proc_macro", "std", "test",
    "aux", "con", "nul", "prn", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

pub fn command(book: &Book, directory: &str, name: Option<&str>) -> Outcome {
    let directory = std::path::absolute(directory)
        .map_err(|error| format!("`{directory}` is not a folder's path: {error}."))?;
    let directory = without_dots(&directory);
    let last = directory.file_name().unwrap_or_default().to_string_lossy();
    let name = name.unwrap_or(&last);
    valid_name(name, &BTreeSet::new())?;
    valid_directory(book, &directory)?;
    valid_name(name, &taken(book)?)?;
    let files = files(book, name)?;
    write_all(&resolved(&directory), &files)?;
    say(&format!(
        "{name}: {} files in {}\n\n  cd {}\n  cargo test\n",
        files.len(),
        directory.display(),
        directory.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes everything to a folder beside `directory`, which gets its name only
/// when it is whole. What fails leaves nothing.
fn write_all(directory: &Path, files: &[(PathBuf, String)]) -> Result<(), String> {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let begun = directory.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = files
        .iter()
        .try_for_each(|(path, text)| write(&begun.join(path), text));
    let moved = written.and_then(|()| {
        // Another name, other lines. Where there is no rustfmt, they stay as they are.
        let _ = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .arg("fmt")
            .current_dir(&begun)
            .stderr(Stdio::null())
            .status();
        if directory.exists() {
            // Empty, or it would have been refused.
            fs::remove_dir(directory).map_err(|error| error.to_string())?;
        }
        fs::rename(&begun, directory).map_err(|error| error.to_string())
    });
    moved.map_err(|why| {
        let _ = fs::remove_dir_all(&begun);
        format!("Nothing was forked: {}", why.trim_end_matches('.')) + "."
    })
}

/// Everything that the fork consists of: paths from its top folder, and texts.
fn files(book: &Book, name: &str) -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = sources(book)?;
    for file in ["LICENSE-MIT", "LICENSE-APACHE"].iter().chain(&SCRIPTS) {
        gather(&book.root, Path::new(file), &mut files)?;
    }
    for (path, text) in &mut files {
        if path
            .extension()
            .is_some_and(|ending| ending == "rs" || ending == "txt")
        {
            *text = renamed(&without_book(&without_anchors(text)), name);
        }
    }
    let manifest = manifest(&read(&book.root.join("Cargo.toml"))?, name);
    files.push(("Cargo.toml".into(), manifest));
    let lib = files.iter().find(|(path, _)| path.ends_with("lib.rs"));
    let map = lib.map(|(_, text)| map(text)).unwrap_or_default();
    files.push(("README.md".into(), readme(name, &map)));
    files.push((".gitignore".into(), "/target\n".into()));
    Ok(files)
}

/// What is compiled: the crate, its examples, its tests.
fn sources(book: &Book) -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = Vec::new();
    gather(&book.root, Path::new("src"), &mut files)?;
    for (ours, theirs) in EXAMPLES {
        let first = files.len();
        let path = Path::new("examples").join(format!("{ours}.rs"));
        gather(&book.root, &path, &mut files)?;
        for (path, _) in &mut files[first..] {
            path.set_file_name(format!("{theirs}.rs"));
        }
    }
    for test in names(&book.root.join("tests")) {
        let stem = test.strip_suffix(".rs").unwrap_or(&test);
        if !ABOUT_THE_BOOK.contains(&stem) {
            gather(&book.root, &Path::new("tests").join(&test), &mut files)?;
        }
    }
    Ok(files)
}

/// A file's text without what its first lines say of chapters, `Chapters 6 and 10.`,
/// and without a table's last column, if that is `chapter`. No other line speaks of a
/// chapter: a test below sees to it.
fn without_book(text: &str) -> String {
    let (mut out, mut narrower) = (String::new(), false);
    for line in with_new_examples(text).lines() {
        narrower = line.starts_with("//! |") && (narrower || line.ends_with("| chapter |"));
        if let Some(chapters) = line.strip_prefix("//! Chapter") {
            match chapters.split_once(". ") {
                Some((_, rest)) => out += &format!("//! {rest}\n"),
                // The sentence was the whole paragraph.
                None => out.truncate(out.strip_suffix("//!\n").unwrap_or(&out).len()),
            }
        } else {
            let columns = line.trim_end_matches('|').rfind('|').filter(|_| narrower);
            out += &line[..columns.map_or(line.len(), |bar| bar + 1)];
            out.push('\n');
        }
    }
    out
}

/// The examples by the names that they have in the fork.
fn with_new_examples(text: &str) -> String {
    let mut text = text.replace("examples/readme.rs", "examples/hello.rs");
    for (ours, theirs) in EXAMPLES.iter().filter(|(ours, _)| ours.starts_with("ch")) {
        text = text.replace(ours, theirs);
    }
    text
}

/// The files and what they are, from the table in the crate's documentation.
fn map(lib: &str) -> String {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").split_once(" | "));
    let plain = |cell: &str| cell.replace("[`", "`").replace("`]", "`");
    let lines =
        cells.map(|(file, what)| format!("| `src/{} | {} |\n", plain_files(file), plain(what)));
    lines.collect()
}

/// `` a.rs`, `b.rs` ``, each with its folder.
fn plain_files(file: &str) -> String {
    file.replace(", `", ", `src/")
}

fn readme(name: &str, map: &str) -> String {
    include_str!("fork.md")
        .replace("NAME", name)
        .replace("MAP\n", map)
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

/// The crate's name: in paths, such as `evq::Poll` and `use evq`, as Rust writes
/// it, and in prose as it is. Longer words, such as a `--cfg` switch, stay.
fn renamed(text: &str, name: &str) -> String {
    let in_paths = name.replace('-', "_");
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("evq") {
        let (before, after) = (&rest[..at], &rest[at + 3..]);
        out.push_str(before);
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let whole = !out.ends_with(word) && !after.starts_with(word);
        let used = ["use ", "use ::", "extern crate "];
        let path = after.starts_with("::") || used.iter().any(|before| out.ends_with(before));
        out.push_str(match (whole, path) {
            (true, true) => &in_paths,
            (true, false) => name,
            (false, _) => "evq",
        });
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
        let mut comment = String::new();
        let about_the_book = |target: &&str| section.contains(&format!("name = \"{target}\""));
        if heading.starts_with("[workspace")
            || heading == "[[test]]" && ABOUT_THE_BOOK.iter().any(&about_the_book)
        {
            continue;
        }
        for line in section.lines() {
            let key = line.split('=').next().unwrap_or_default().trim();
            if line.starts_with('#') {
                comment.extend([line, "\n"]);
                continue;
            }
            let comment = std::mem::take(&mut comment);
            match key {
                "name" if heading == "[package]" => out.push_str(&format!("name = \"{name}\"\n")),
                "repository" | "homepage" | "documentation" | "autobenches"
                    if heading == "[package]" => {}
                "description" => {
                    out.push_str(&format!("{}\n", line.replace(", made to be read", "")))
                }
                "keywords" => out.push_str(&format!("{}\n", line.replace(", \"teaching\"", ""))),
                "include" => {
                    out.push_str(&format!("{}\n", line.replace("\"/CHANGELOG.md\", ", "")))
                }
                _ => out.extend([comment.as_str(), line, "\n"]),
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

/// `taken` are the names that the code uses for something else.
fn valid_name(name: &str, taken: &BTreeSet<String>) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let letter = name.starts_with(|c: char| c.is_ascii_lowercase());
    let another = "Give another name after the folder: cargo workbook fork DIR NAME";
    if !letter || !name.chars().all(allowed) {
        return Err(format!(
            "`{name}` cannot be a crate's name: use lower-case letters, digits, - and _, a letter \
             first. {another}"
        ));
    }
    if KEYWORDS.contains(&name) || REFUSED.contains(&name) {
        return Err(format!(
            "`{name}` cannot be a crate's name: Rust has a meaning of its own for it. {another}"
        ));
    }
    if taken.contains(&name.replace('-', "_")) {
        return Err(format!(
            "`{name}` cannot be the name of this crate: its code uses that name for something \
             else. {another}"
        ));
    }
    Ok(())
}

/// The names that a crate of the same name would hide, or make ambiguous: in
/// paths before `::`, in `use`, and of modules and types.
fn taken(book: &Book) -> Result<BTreeSet<String>, String> {
    let mut taken = BTreeSet::new();
    for (path, text) in sources(book)? {
        // Targets have names, too.
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        taken.insert(stem.into_owned());
        if path.extension().is_some_and(|extension| extension == "rs") {
            names_in(&text, &mut taken);
        }
    }
    taken.remove("evq");
    Ok(taken)
}

fn names_in(text: &str, taken: &mut BTreeSet<String>) {
    let mut imports = false;
    let mut before = "";
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        let mut rest = line;
        while let Some(at) = rest.find(|c: char| c.is_alphabetic() || c == '_') {
            imports &= !rest[..at].contains(';');
            let word = &rest[at..];
            let end = word.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (word, after) = word.split_at(end.unwrap_or(word.len()));
            imports |= word == "use";
            let declares = ["mod", "as", "struct", "enum", "union", "type", "crate"];
            if imports || declares.contains(&before) || after.starts_with("::") {
                taken.insert(word.to_string());
            }
            (before, rest) = (word, after);
        }
        imports &= !rest.contains(';');
    }
}

fn valid_directory(book: &Book, directory: &Path) -> Result<(), String> {
    let shown = directory.display();
    let (real, root) = (resolved(directory), resolved(&book.root));
    if real.starts_with(&root) && !real.starts_with(root.join("target")) {
        return Err(format!(
            "{shown} lies in the book's own folder. Choose one outside it, such as ../my-queue."
        ));
    }
    if directory.exists() && !directory.is_dir() {
        return Err(format!("{shown} exists and is not a folder."));
    }
    match fs::read_dir(directory).map_or(0, Iterator::count) {
        0 => Ok(()),
        _ => Err(format!("{shown} exists and is not empty.")),
    }
}

/// The path with every symbolic link followed, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    // A link that leads to nothing yet is followed as well.
    let path = match fs::read_link(path) {
        Ok(target) => path.parent().unwrap_or(path).join(target),
        Err(_) => path.to_path_buf(),
    };
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path,
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
    fn paths_and_prose_take_the_new_name_and_longer_words_stay() {
        let text = "use evq::{Poll};\nuse evq as q; // evq is small\n#[cfg(evq_afd)]\n\
            let p: evq::Poll = ::evq::a(revq::b());\n/// `evq::Token`\n";
        assert_eq!(
            renamed(text, "my-queue"),
            "use my_queue::{Poll};\nuse my_queue as q; // my-queue is small\n#[cfg(evq_afd)]\n\
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
    fn what_a_file_says_of_chapters_goes() {
        let text = "//! A queue.\n//!\n//! Chapters 6 and 10. It is shared\n//! by all.\n//!\n\
            //! | file | chapter |\n//! |---|---|\n//! | `a.rs` | 6 |\n//!\n//! | b | c |\n";
        let without = "//! A queue.\n//!\n//! It is shared\n//! by all.\n//!\n\
            //! | file |\n//! |---|\n//! | `a.rs` |\n//!\n//! | b | c |\n";
        assert_eq!(without_book(text), without);
        assert_eq!(
            without_book("//! A queue.\n//!\n//! Chapter 6.\n"),
            "//! A queue.\n"
        );
    }

    fn small_checkout(name: &str) -> Checkout {
        let files = [
            ("book/src/SUMMARY.md", SUMMARY),
            ("Cargo.toml", "[package]\nname = \"evq\"\n"),
            ("LICENSE-MIT", "evq::licence\n"),
            ("src/lib.rs", "// ANCHOR: a\nmod a;\n// ANCHOR_END: a\n"),
            ("src/deep/a.rs", "use evq::b;\n"),
            ("examples/ch01_a.rs", "use evq::Poll;\n"),
            ("examples/ch12_echo.rs", "use evq::Poll;\n"),
            ("tests/contract/main.rs", "use evq::Poll;\n"),
            ("tests/book.rs", ""),
            ("tests/book/tree.rs", ""),
            ("tests/workbook.rs", ""),
            ("tests/exercises/main.rs", ""),
        ];
        Checkout::new(name, &files)
    }

    #[test]
    fn a_fork_holds_the_crate_and_its_contract_but_not_the_book() {
        let checkout = small_checkout("fork");
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
        assert_eq!(names(&target.join("examples")), ["echo.rs"]);
        assert_eq!(
            in_fork("examples/echo.rs").unwrap(),
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
        assert!(inside.contains("lies in the book's own folder"), "{inside}");
    }

    fn slashes(path: &Path) -> String {
        path.to_string_lossy().replace('\\', "/")
    }

    /// Everything that a fork of this checkout holds.
    fn real_fork() -> Vec<(String, String)> {
        let files = files(&Book::open().unwrap(), "my-queue").unwrap();
        let by_path = |(path, text): (PathBuf, String)| (slashes(&path), text);
        files.into_iter().map(by_path).collect()
    }

    /// Whether this is the name of a file that is not among `paths`.
    fn missing(named: &str, paths: &[String]) -> bool {
        let is_path = |c: char| c.is_alphanumeric() || "._-/".contains(c);
        let endings = [".rs", ".md", ".txt", ".py", ".toml", ".svg"];
        let folders = [".ci/", "book/", "benches/", "tests/", "examples/", "src/"];
        let is_file = endings.iter().any(|ending| named.ends_with(ending))
            || folders.iter().any(|folder| named.starts_with(folder));
        let own = ["Cargo.toml", "README.md"].contains(&named);
        if !is_file || own || !named.chars().all(is_path) {
            return false;
        }
        let (inner, folder) = (
            format!("/{named}"),
            format!("{}/", named.trim_end_matches('/')),
        );
        let has =
            |path: &String| path == named || path.ends_with(&inner) || path.starts_with(&folder);
        !paths.iter().any(has)
    }

    #[test]
    fn of_the_book_a_fork_keeps_nothing() {
        let files = real_fork();
        let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
        let mut left = Vec::new();
        for (path, text) in files.iter().filter(|(path, _)| path != "LICENSE-APACHE") {
            for (number, line) in text.lines().enumerate() {
                let lower = line.to_lowercase();
                let named = line.split('`').skip(1).step_by(2);
                let gone: Vec<&str> = named.filter(|name| missing(name, &paths)).collect();
                let book = ["chapter", "book", "anchor:", "anchor_end"];
                if book.iter().any(|word| lower.contains(word)) || !gone.is_empty() {
                    left.push(format!("{path}:{}: {line}", number + 1));
                }
            }
        }
        assert!(
            left.is_empty(),
            "a fork would still speak of the book, or name a file it does not have:\n{}",
            left.join("\n")
        );
    }

    #[test]
    fn a_fork_maps_its_files_and_names_the_lists_of_a_constant() {
        let files = real_fork();
        let text = |wanted: &str| {
            let file = files.iter().find(|(path, _)| path == wanted);
            &file.unwrap_or_else(|| panic!("there is no {wanted}")).1
        };
        let readme = text("README.md");
        for wanted in [
            "| `src/epoll/` |",
            "| `src/poll.rs` |",
            "`held!`",
            "`const epoll EPOLLPRI 0x2`",
            ".ci/abi",
        ] {
            assert!(readme.contains(wanted), "{wanted}: {readme}");
        }
        // No name is left of the crate that this one was.
        let words = |line: &str| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "evq")
        };
        for (path, text) in files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".txt"))
        {
            assert_eq!(text.lines().find(|line| words(line)), None, "{path}");
        }
        // The places that the README names are there.
        assert!(text("tests/abi.rs").contains("held! {"));
        assert!(text("tests/abi.rs").contains("const SOURCES"));
        assert!(text("tests/abi.rs").contains("const mask {"));
        assert!(text("src/epoll/mask.rs").contains("pub const EPOLLOUT: u32 ="));
        assert!(text("tests/abi/table.txt").contains("\nconst epoll EPOLLOUT"));
        assert!(text("tests/abi/table.txt").contains("\nconst "));
        assert!(text(".ci/abi.py").contains("TARGETS"));
        for (_, example) in EXAMPLES {
            text(&format!("examples/{example}.rs"));
            assert!(
                readme.contains(&format!("--example {example}`")),
                "{example}"
            );
        }
    }

    #[test]
    fn a_link_does_not_lead_a_fork_into_the_checkout() {
        let checkout = small_checkout("link");
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let outside = Checkout::new("outside", &[("a/b", "")]);
        let refused = |path: &Path| {
            let why = command(&book, path.to_str().unwrap(), Some("mine")).unwrap_err();
            assert!(why.contains("lies in the book's own folder"), "{why}");
        };
        refused(&checkout.0.join("mine"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            let link = outside.0.join("link");
            symlink(checkout.0.join("src"), &link).unwrap();
            refused(&link.join("mine"));
            let to_nothing = outside.0.join("to-nothing");
            symlink(checkout.0.join("src").join("mine"), &to_nothing).unwrap();
            refused(&to_nothing);
            assert_eq!(names(&checkout.0.join("src")), ["deep", "lib.rs"]);
        }
        command(&book, outside.0.join("mine").to_str().unwrap(), None).unwrap();
    }

    #[test]
    fn a_fork_that_fails_leaves_nothing_and_can_be_tried_again() {
        let checkout = small_checkout("half");
        let target = checkout.0.join("target").join("half");
        let good = (PathBuf::from("a/b.rs"), "text".to_string());
        // No system has a file of this name; a full disk fails the same way.
        let bad = (PathBuf::from("a/b\0.rs"), "text".to_string());
        let why = write_all(&target, &[good.clone(), bad]).unwrap_err();
        assert!(why.starts_with("Nothing was forked: "), "{why}");
        assert_eq!(names(&checkout.0.join("target")), [""; 0]);
        fs::create_dir_all(&target).unwrap();
        write_all(&target, &[good]).unwrap();
        assert_eq!(read(&target.join("a").join("b.rs")).unwrap(), "text");
        assert_eq!(names(&checkout.0.join("target")), ["half"]);
    }

    #[test]
    fn names_that_would_not_compile_are_refused_first() {
        let taken = taken(&Book::open().unwrap()).unwrap();
        for name in KEYWORDS.iter().chain(REFUSED).chain(&[
            "", "3d", "a b", "größe", "-a", "_", "a.b", "Queue",
            // Modules and imports of the crate's own tests, here or on Windows.
            "reader", "windows", "process", "queue", "io", "net", "port",
            // What stands before `::` in its code.
            "u32", "mem", "clippy", "epoll",
        ]) {
            assert!(valid_name(name, &taken).is_err(), "{name}");
        }
        for name in ["my-queue", "a_1", "ringo", "eventually"] {
            assert!(valid_name(name, &taken).is_ok(), "{name}");
        }
    }
}
