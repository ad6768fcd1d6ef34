//! Holds the workbook to what it promises in every folder, and the exercises to their word: every blank fails a check, every wrong answer fails one that
//! names its mistake, and each has its solution, its checks and its section in the book.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .replace("\r\n", "\n")
}

/// The names, without `.rs`, of a folder's exercise files.
fn exercise_files(folder: &str) -> Vec<String> {
    let folder = root().join(folder);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".rs")
                .map(String::from)
        })
        .filter(|name| name != "main")
        .collect();
    names.sort();
    names
}

/// `("03", "1")` of `ex03_1_errno`.
fn numbers(exercise: &str) -> (&str, &str) {
    let mut parts = exercise
        .strip_prefix("ex")
        .unwrap_or_default()
        .splitn(3, '_');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(chapter), Some(number), Some(_)) if chapter.len() == 2 => (chapter, number),
        _ => panic!("`{exercise}.rs` should be named like ex03_1_errno.rs"),
    }
}

/// The wrong answers to `exercise`.
fn wrong_answers(exercise: &str) -> Vec<String> {
    let prefix = format!("{exercise}_");
    let mut names = exercise_files("tests/exercises/wrong");
    names.retain(|name| name.starts_with(&prefix));
    names
}

/// What the checks of one blank or wrong answer did: how many ran, and what the failed ones said.
#[derive(Default)]
struct Outcome {
    ran: usize,
    failures: Vec<String>,
}

/// Builds and runs the test target `exercises` with a target folder of its own, for the folder of
/// the `cargo test` around this test may be locked.
fn run_the_exercises() -> BTreeMap<String, Outcome> {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--test", "exercises", "--target-dir"])
        .arg(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("exercises"))
        .env("RUST_BACKTRACE", "0")
        .current_dir(root())
        .output()
        .expect("cargo could not be started");
    let stdout = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stdout.contains("test result: "),
        "the exercises did not run to their end:\n{stdout}\n{stderr}"
    );

    let mut outcomes = BTreeMap::<String, Outcome>::new();
    let module = |test: &str| test.split("::").next().unwrap_or_default().to_string();
    for line in stdout
        .lines()
        .filter(|line| line.ends_with("... ok") || line.ends_with("... FAILED"))
    {
        if let Some(test) = line.strip_prefix("test ") {
            outcomes.entry(module(test)).or_default().ran += 1;
        }
    }
    for section in stdout.split("\n---- ").skip(1) {
        let Some((test, said)) = section.split_once(" stdout ----\n") else {
            continue;
        };
        let said = said.split("\nfailures:\n").next().unwrap_or(said);
        outcomes
            .entry(module(test))
            .or_default()
            .failures
            .push(said.to_string());
    }
    outcomes
}

#[test]
fn every_blank_and_every_wrong_answer_fails_as_it_should() {
    if cfg!(windows) && env!("CARGO").starts_with('/') {
        eprintln!(
            "every_blank_and_every_wrong_answer_fails_as_it_should: cannot run here, for this \
             program was built on another system, and cargo is there"
        );
        return;
    }
    let outcomes = run_the_exercises();
    let outcome = |name: &str| match outcomes.get(name) {
        Some(outcome) if outcome.ran > 0 => outcome,
        _ => panic!("{name}: no test ran"),
    };
    for exercise in exercise_files("tests/exercises") {
        let by_assertion = |said: &String| {
            let said = said.replace('\\', "/");
            said.contains(&format!("checks/{exercise}.rs:")) || said.contains("not yet implemented")
        };
        assert!(
            outcome(&exercise).failures.iter().any(by_assertion),
            "{exercise}: the blank should fail one of its checks, by assertion or `todo!`"
        );
        for wrong in wrong_answers(&exercise) {
            let source = read(format!("tests/exercises/wrong/{wrong}.rs"));
            let word = source
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("// Fails with: "));
            let word =
                word.unwrap_or_else(|| panic!("{wrong}: no first line `// Fails with: ...`"));
            let failures = &outcome(&wrong).failures;
            assert!(
                failures.iter().any(|said| said.contains(word)),
                "{wrong}: no check failed with {word:?}, but {} with:\n{}",
                failures.len(),
                failures.join("\n")
            );
        }
    }
}

#[test]
fn every_exercise_has_its_parts() {
    let exercises = exercise_files("tests/exercises");
    assert!(!exercises.is_empty(), "no exercises in tests/exercises");
    let blanks_listed = read("tests/exercises/main.rs");
    let solutions_listed = read("tests/solutions/main.rs");
    for exercise in &exercises {
        let path = format!("#[path = \"{exercise}.rs\"]\nmod {exercise};");
        assert!(
            blanks_listed.contains(&path),
            "{exercise}: not in tests/exercises/main.rs"
        );
        assert!(
            solutions_listed.contains(&path),
            "{exercise}: not in tests/solutions/main.rs"
        );

        let takes_in = |path: &str, checks: &str| {
            let ending =
                format!("#[cfg(test)]\n#[path = \"{checks}/{exercise}.rs\"]\nmod checks;\n");
            assert!(
                read(path).ends_with(&ending),
                "{path} should end with\n{ending}"
            );
        };
        takes_in(&format!("tests/exercises/{exercise}.rs"), "../checks");
        takes_in(&format!("tests/solutions/{exercise}.rs"), "../checks");
        assert!(
            read(format!("tests/checks/{exercise}.rs")).starts_with("use super::*;\n"),
            "tests/checks/{exercise}.rs should begin with `use super::*;`"
        );

        let wrongs = wrong_answers(exercise);
        assert!(
            !wrongs.is_empty(),
            "{exercise}: no wrong answer in tests/exercises/wrong"
        );
        for wrong in wrongs {
            takes_in(&format!("tests/exercises/wrong/{wrong}.rs"), "../../checks");
            let path = format!("#[path = \"wrong/{wrong}.rs\"]\nmod {wrong};");
            assert!(
                blanks_listed.contains(&path),
                "{wrong}: not in tests/exercises/main.rs"
            );
        }
    }
    for folder in ["tests/solutions", "tests/checks"] {
        assert_eq!(
            exercise_files(folder),
            exercises,
            "{folder} against tests/exercises"
        );
    }
    for wrong in exercise_files("tests/exercises/wrong") {
        let belongs = |exercise: &String| wrong.starts_with(&format!("{exercise}_"));
        assert!(
            exercises.iter().any(belongs),
            "{wrong}: no exercise of that name"
        );
    }
}

#[test]
fn every_exercise_has_its_section_with_hints_and_solution() {
    let pages: Vec<PathBuf> = fs::read_dir(root().join("book/src"))
        .expect("book/src")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    for exercise in exercise_files("tests/exercises") {
        let (chapter, number) = numbers(&exercise);
        let named = format!("ch{chapter}_");
        let page = pages
            .iter()
            .find(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(&named)
            })
            .unwrap_or_else(|| panic!("{exercise}: no page {named}*.md in book/src"));
        let text = read(page);
        let number = format!("{}.{number}", chapter.trim_start_matches('0'));
        let (_, section) = text
            .split_once(&format!("\n### {number} "))
            .unwrap_or_else(|| panic!("{}: no section `### {number} ...`", page.display()));
        let section = section.split("\n### ").next().unwrap_or(section);
        for part in [
            format!("`cargo workbook check {number}`"),
            "<summary>Hint 1</summary>".to_string(),
            "<summary>Solution</summary>".to_string(),
            format!("tests/solutions/{exercise}.rs"),
        ] {
            assert!(
                section.contains(&part),
                "{}: {number} lacks {part}",
                page.display()
            );
        }
    }
}

/// The folders of the checkout below `folder`, `folder` included.
fn folders(folder: &Path, all: &mut Vec<PathBuf>) {
    all.push(folder.to_path_buf());
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() && name != "target" && !name.starts_with('.') {
            folders(&entry.path(), all);
        }
    }
}

#[test]
fn the_workbook_answers_in_every_folder_of_the_checkout() {
    let mut all = Vec::new();
    folders(root(), &mut all);
    // Where the nearest manifest is a workspace of its own, an alias of the workspace above knows
    // no package `workbook`.
    let mut apart = Vec::new();
    for folder in all {
        let nearest = folder
            .ancestors()
            .find(|above| above.join("Cargo.toml").exists());
        let nearest = nearest.unwrap_or(root());
        let alone = read(nearest.join("Cargo.toml")).contains("[workspace]");
        if nearest != root() && alone {
            let up = folder.strip_prefix(root()).unwrap().components().count();
            let wanted = format!("--manifest-path {}Cargo.toml ", "../".repeat(up));
            let config = folder.join(".cargo").join("config.toml");
            let config = fs::read_to_string(&config).unwrap_or_default();
            assert!(
                config.contains(&wanted),
                "{}: `cargo workbook` needs a .cargo/config.toml here, with {wanted}",
                folder.display()
            );
            apart.push(folder);
        }
    }
    assert!(!apart.is_empty(), "benches/ is a workspace of its own");
    if cfg!(windows) && env!("CARGO").starts_with('/') {
        eprintln!(
            "{}: no cargo to start here",
            "the_workbook_answers_in_every_folder"
        );
        return;
    }
    apart.extend(
        ["", "examples", "tests/checks", "book/workbook/src"].map(|name| root().join(name)),
    );
    for folder in apart {
        let output = Command::new(env!("CARGO"))
            .args(["workbook", "raed"])
            .current_dir(&folder)
            .env("CARGO_NET_OFFLINE", "true")
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("exercises"),
            )
            .output()
            .expect("cargo could not be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("There is no command `raed`. Did you mean `read`?"),
            "{}: {said}",
            folder.display()
        );
    }
}
