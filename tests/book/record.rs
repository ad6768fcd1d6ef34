//! Runs the examples, normalises what they print, and compares it with what the book shows.

use crate::tree::Tree;
use std::collections::HashSet;
use std::env::consts::OS;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// An example ends within two seconds. A busy machine gets ten times that.
const LIMIT: Duration = Duration::from_secs(20);
const LINES: usize = 25;

/// Whether Wine runs this program: it is for Windows, but was built on another
/// system. On Windows, cargo's path begins with a drive's letter.
const WINE: bool = cfg!(windows) && env!("CARGO").as_bytes()[0] == b'/';

/// The examples whose output on this system the book shows: a page includes the
/// recording, or a recording exists.
fn recorded(tree: &Tree) -> Vec<String> {
    let end = format!(".{OS}.txt");
    let mut names: Vec<String> = tree
        .pages()
        .iter()
        .flat_map(|page| &page.includes)
        .map(|include| include.file.clone())
        .chain(
            tree.files("book/src/outputs/", &end)
                .map(|(path, _)| path.to_string()),
        )
        .filter_map(|path| {
            let name = path.strip_prefix("book/src/outputs/")?.strip_suffix(&end)?;
            tree.text(&format!("examples/{name}.rs"))
                .map(|_| name.to_string())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// A recording must belong to an example, be short, and be on a page once.
pub fn recordings(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let includes = tree.pages().into_iter().flat_map(|page| page.includes);
    let shown: HashSet<String> = includes.map(|include| include.file).collect();
    for (path, text) in tree.files("book/src/outputs/", ".txt") {
        let name = path
            .trim_start_matches("book/src/outputs/")
            .split('.')
            .next()
            .unwrap_or_default();
        if tree.text(&format!("examples/{name}.rs")).is_none() {
            faults.push(format!(
                "{path}:1: there is no example {name} that could have printed this"
            ));
        }
        let twin = tree
            .files(&format!("book/src/outputs/{name}."), ".txt")
            .find(|(other, same)| *other != path && *same == text && shown.contains(*other));
        match (twin, shown.contains(path)) {
            (Some((other, _)), true) if other < path => faults.push(format!(
                "{path}:1: {other} has the same bytes; show one of them, and name both systems"
            )),
            (None, false) if tree.text(&format!("book/src/{name}.md")).is_some() => {
                faults.push(format!(
                    "{path}:1: no page shows this recording; include it, or remove the file"
                ));
            }
            _ => {}
        }
        if text.lines().count() > LINES {
            faults.push(format!(
                "{path}:{}: {} lines; an example prints at most {LINES}",
                LINES + 1,
                text.lines().count()
            ));
        }
        for (n, line) in text.lines().enumerate() {
            if line != normalise(line) {
                faults.push(format!("{path}:{}: this line is not normalised; run `EVQ_RECORD=1 cargo test --test book`", n + 1));
            }
        }
    }
    faults
}

/// Runs the examples and compares what they print. With `record`, writes it instead.
///
/// The recordings for Windows were made under Wine. Windows itself may give a handle
/// another number (chapter 6), keep an old error after a call that succeeded (7), keep
/// bytes that a closed socket has not sent (14), or divide a stream in other places
/// (13). So a difference is a fault under Wine only; on Windows the test prints it. An
/// example that fails is a fault on every system.
pub fn compare(root: &Path, tree: &Tree, record: bool) -> Vec<String> {
    let names = recorded(tree);
    if names.is_empty() {
        println!("no page shows what an example prints on {OS}: nothing to compare");
        return Vec::new();
    }
    let folder = match build(root, &names) {
        Ok(folder) => folder,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    let mut compared = 0;
    for name in names {
        let path = format!("book/src/outputs/{name}.{OS}.txt");
        let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let printed = match run(&program, LIMIT) {
            Ok(printed) => printed
                .lines()
                .map(|line| normalise(line) + "\n")
                .collect::<String>(),
            Err(fault) => {
                faults.push(format!("examples/{name}.rs:1: {fault}"));
                continue;
            }
        };
        let count = printed.lines().count();
        if count > LINES {
            faults.push(format!(
                "examples/{name}.rs:1: printed {count} lines; an example prints at most {LINES}"
            ));
        }
        if record {
            let file = root.join(&path);
            std::fs::create_dir_all(file.parent().expect("the path has a folder"))
                .expect("book/src/outputs can be made");
            std::fs::write(&file, &printed).expect("a recording can be written");
            println!("recorded {path}");
            continue;
        }
        compared += 1;
        match differ(&path, tree.text(&path), &printed) {
            Some(fault) if cfg!(windows) && !WINE => println!("not as under Wine: {fault}"),
            fault => faults.extend(fault),
        }
    }
    println!("compared with their recordings: {compared}");
    faults
}

/// The first difference between a recording and what was printed now.
pub fn differ(path: &str, recorded: Option<&str>, printed: &str) -> Option<String> {
    let again = "if that is intended, `EVQ_RECORD=1 cargo test --test book` records it again";
    let number = path.strip_prefix("book/src/outputs/ch").unwrap_or_default();
    let back = match number
        .get(..2)
        .and_then(|digits| digits.parse::<u32>().ok())
    {
        Some(chapter) => format!(
            "; if you edited the example, `cargo workbook reset {chapter}` puts it back and keeps your file"
        ),
        None => String::new(),
    };
    let Some(recorded) = recorded else {
        return Some(format!(
            "{path}:1: not recorded yet: `EVQ_RECORD=1 cargo test --test book`"
        ));
    };
    let (old, new): (Vec<&str>, Vec<&str>) =
        (recorded.lines().collect(), printed.lines().collect());
    let same = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    if same == old.len() && same == new.len() {
        return None;
    }
    let mut text = format!(
        "{path}:{}: the example prints something else now; {again}{back}\n",
        same + 1
    );
    for line in &old[..same] {
        text += &format!("    {line}\n");
    }
    for line in &old[same..] {
        text += &format!("  - {line}\n");
    }
    for line in &new[same..] {
        text += &format!("  + {line}\n");
    }
    Some(text)
}

/// Builds the examples into the target folder of this test.
fn build(root: &Path, names: &[String]) -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| format!("where this test is: {error}"))?;
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test is built into PROFILE/deps");
    let folder = profile.join("examples");
    if WINE {
        // Under Wine there is no cargo that could build the examples.
        let built = |name: &&String| folder.join(format!("{name}.exe")).exists();
        return match names.iter().find(|name| !built(name)) {
            Some(name) => Err(format!(
                "examples/{name}.rs:1: not built; `.ci/windows` builds it"
            )),
            None => Ok(folder),
        };
    }
    let above = profile.parent().expect("PROFILE has a folder above");
    let triple = above
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root)
        .args(["build", "--quiet", "--offline", "--target-dir"]);
    match triple.filter(|name| {
        name.matches('-').count() >= 2 && above.join("..").join("CACHEDIR.TAG").exists()
    }) {
        Some(triple) => cargo
            .arg(above.parent().expect("a target's folder has one above"))
            .args(["--target", &triple]),
        None => cargo.arg(above),
    };
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    for name in names {
        cargo.args(["--example", name]);
    }
    match cargo.output() {
        Ok(output) if output.status.success() => Ok(folder),
        Ok(output) => Err(format!(
            "the examples do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )),
        // Under an emulator cargo cannot start, so use what `cargo test` has built.
        Err(_) if folder.exists() => Ok(folder),
        Err(error) => Err(format!("cargo cannot be started: {error}")),
    }
}

/// Runs a program and returns what it printed. Stops it after `limit`.
pub fn run(program: &Path, limit: Duration) -> Result<String, String> {
    let began = Instant::now();
    let mut child = Command::new(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    let mut output = child.stdout.take().expect("stdout is piped");
    let mut errors = child.stderr.take().expect("stderr is piped");
    let output = thread::spawn(move || {
        let mut text = Vec::new();
        output
            .read_to_end(&mut text)
            .map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        errors
            .read_to_end(&mut text)
            .map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!(
                    "still runs after {} s; an example must end by itself within two",
                    limit.as_secs()
                ));
            }
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    };
    let read = |thread: thread::JoinHandle<std::io::Result<String>>| {
        thread.join().ok().and_then(Result::ok).unwrap_or_default()
    };
    match status.success() {
        true => Ok(read(output)),
        false => Err(format!(
            "ended with {status}:\n{}{}",
            read(output),
            read(errors)
        )),
    }
}

/// Replaces what differs between runs: ports, descriptors and times.
pub fn normalise(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let within = out.ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_');
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let ends = |text: &str| !text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let (skip, put) = if let Some(port) = rest
            .strip_prefix("127.0.0.1:")
            .filter(|port| digits(port) > 0)
        {
            (10 + digits(port), "127.0.0.1:PORT".to_string())
        } else if let Some(fd) = rest
            .strip_prefix("fd ")
            .filter(|fd| digits(fd) > 0 && !within)
        {
            (3 + digits(fd), "fd N".to_string())
        } else if digits(rest) > 0 && !within {
            let whole = digits(rest);
            let point = rest[whole..].strip_prefix('.').map_or(0, digits);
            let number = if point > 0 { whole + 1 + point } else { whole };
            let unit = ["ns", "us", "ms", "s"].into_iter().find(|unit| {
                let after = rest[number..]
                    .strip_prefix(' ')
                    .and_then(|after| after.strip_prefix(unit));
                after.is_some_and(ends)
            });
            match unit {
                Some(unit) => (number + 1 + unit.len(), format!("T {unit}")),
                None => (number, rest[..number].to_string()),
            }
        } else {
            (c.len_utf8(), c.to_string())
        };
        out.push_str(&put);
        rest = &rest[skip..];
    }
    out
}
