//! Every blank must fail a check, and every wrong answer must fail a check that names its mistake.
//! (`tests/book` refuses an exercise that lacks a part.) The workbook must work from every folder.

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

/// The names of the exercises that have a file in this folder.
fn exercise_files(folder: &str) -> Vec<String> {
    let entries =
        fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.split_once('.')?.0.to_string()))
        .filter(|name| name != "main")
        .collect();
    names.sort();
    names
}

/// A wrong answer to an exercise: the solution with some text replaced.
struct Wrong {
    name: String,
    mistake: String,
    fails_with: String,
    source: String,
}

/// Reads one wrong answer. The first line is its name and its mistake. The second is `fails with: `
/// and words from the message of a failing check. Then lines that begin with `-` hold text of the
/// solution, and the lines with `+` below them hold its replacement. The solution must contain the
/// replaced text exactly once.
fn wrong_answer(exercise: &str, solution: &str, answer: &str) -> Result<Wrong, String> {
    let mut lines = answer.lines();
    let title = lines.next().and_then(|line| line.split_once(": "));
    let words = lines
        .next()
        .and_then(|line| line.strip_prefix("fails with: "));
    let (Some((name, mistake)), Some(words)) = (title, words) else {
        return Err(format!(
            "should begin `name: mistake`, then `fails with: ...`:\n{answer}"
        ));
    };
    let mut edits: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for line in lines {
        let code = line.get(2..).unwrap_or_default();
        match (line.as_bytes()[0], edits.last_mut()) {
            (b'-', Some((old, new))) if new.is_empty() => old.push(code),
            (b'-', _) => edits.push((vec![code], Vec::new())),
            (b'+', Some((_, new))) => new.push(code),
            _ => return Err(format!("{name}: `{line}` should begin with - or +")),
        }
    }
    let mut source = solution.to_string();
    for (old, new) in &edits {
        let (old, new) = (old.join("\n"), new.join("\n"));
        match source.matches(&old).count() {
            1 => source = source.replacen(&old, &new, 1),
            count => {
                return Err(format!(
                    "{name}: the solution contains this {count} times:\n{old}"
                ));
            }
        }
    }
    Ok(Wrong {
        name: format!("{exercise}_{name}"),
        mistake: mistake.to_string(),
        fails_with: words.to_string(),
        source,
    })
}

fn wrong_answers(exercise: &str) -> Vec<Wrong> {
    let path = format!("tests/exercises/wrong/{exercise}.txt");
    let solution = read(format!("tests/solutions/{exercise}.rs"));
    let answers = read(&path);
    answers
        .split("\n\n")
        .map(|answer| wrong_answer(exercise, &solution, answer))
        .map(|answer| answer.unwrap_or_else(|fault| panic!("{path}: {fault}")))
        .collect()
}

/// The checks of one blank or wrong answer: how many ran, and the messages of those that failed.
#[derive(Default)]
struct Outcome {
    ran: usize,
    failures: Vec<String>,
}

/// Writes a file only if its text changes, so that cargo builds no more than it must.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Builds one program from the blanks and the wrong answers, and runs it. It has its own package and
/// target folder, because the `cargo test` that runs this test may have locked the usual folder.
fn run(wrong: &[Wrong]) -> BTreeMap<String, Outcome> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("exercises");
    let root_path = root().display().to_string().replace('\\', "/");
    let mut program = format!(
        "#![allow(warnings)]\n#[path = \"{root_path}/tests/exercises/main.rs\"]\nmod blanks;\n"
    );
    for Wrong { name, source, .. } in wrong {
        let source = source.replace("../checks", &format!("{root_path}/tests/checks"));
        program += &format!("mod {name} {{\n{source}}}\n");
    }
    let manifest = format!(
        "[package]\nname = \"exercises\"\nedition = \"2024\"\n\n[lib]\npath = \"exercises.rs\"\n\n\
         [dependencies]\nevq = {{ path = \"{root_path}\" }}\n\n[profile.dev]\ndebug = 0\n\n[workspace]\n"
    );
    fs::create_dir_all(&folder).expect("the folder of the exercises can be made");
    write(&folder.join("exercises.rs"), &program);
    write(&folder.join("Cargo.toml"), &manifest);
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--lib", "--target-dir"])
        .arg(&folder)
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
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
    let module = |test: &str| {
        let test = test.strip_prefix("blanks::").unwrap_or(test);
        test.split("::").next().unwrap_or_default().to_string()
    };
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
            "every_blank_and_every_wrong_answer_fails_as_it_should: cannot run here, because this \
             program was built on another system, and cargo is on that system"
        );
        return;
    }
    let exercises = exercise_files("tests/exercises");
    assert!(!exercises.is_empty(), "no exercises in tests/exercises");
    for folder in ["tests/exercises/wrong", "tests/solutions", "tests/checks"] {
        assert_eq!(exercise_files(folder), exercises, "{folder}");
    }
    let wrong: Vec<Wrong> = exercises
        .iter()
        .flat_map(|exercise| wrong_answers(exercise))
        .collect();
    let outcomes = run(&wrong);
    let failures = |name: &str| match outcomes.get(name) {
        Some(outcome) if outcome.ran > 0 => &outcome.failures,
        _ => panic!("{name}: no test ran"),
    };
    for exercise in exercises {
        let by_assertion = |said: &String| {
            let said = said.replace('\\', "/");
            said.contains(&format!("checks/{exercise}.rs:")) || said.contains("not yet implemented")
        };
        assert!(
            failures(&exercise).iter().any(by_assertion),
            "{exercise}: the blank should fail one of its checks, by assertion or `todo!`"
        );
    }
    let mut faults = Vec::new();
    for wrong in wrong {
        let failures = failures(&wrong.name);
        if !failures.iter().any(|said| said.contains(&wrong.fails_with)) {
            faults.push(format!(
                "{}: {}\nNo check failed with {:?}, but {} with:\n{}",
                wrong.name,
                wrong.mistake,
                wrong.fails_with,
                failures.len(),
                failures.join("\n")
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_answer_that_does_not_fit_its_solution_is_refused() {
    let fits = |answer: &str| wrong_answer("ex", "a\nb b\nc\n", answer);
    let right = fits("n: why.\nfails with: x\n- a\n- b\n+ d\n- c\n+").expect("it fits");
    assert_eq!(
        (right.name.as_str(), right.source.as_str()),
        ("ex_n", "d b\n\n")
    );
    for (answer, says) in [
        ("n: why.\n- a\n+ d", "should begin"),
        (
            "n: why.\nfails with: x\n- b\n+ d",
            "n: the solution contains this 2 times:\nb",
        ),
        (
            "n: why.\nfails with: x\n- d\n+ e",
            "n: the solution contains this 0 times:\nd",
        ),
        (
            "n: why.\nfails with: x\n- a\n+ d\nc",
            "`c` should begin with - or +",
        ),
    ] {
        let fault = fits(answer).err().unwrap_or_default();
        assert!(fault.contains(says), "{answer:?}: {fault:?}");
    }
}

#[test]
fn the_workbook_answers_in_every_folder() {
    if cfg!(windows) && env!("CARGO").starts_with('/') {
        eprintln!(
            "the_workbook_answers_in_every_folder: cannot run here, because cargo is missing"
        );
        return;
    }
    // `benches` is another workspace, so it has its own alias.
    for folder in [
        "",
        "benches",
        "examples",
        "tests/checks",
        "book/workbook/src",
    ] {
        let folder = root().join(folder);
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
