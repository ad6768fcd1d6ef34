//! The README's first screen is true.

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../README.md");
const PROGRAM: &str = include_str!("../examples/readme.rs");

/// The text of the first code block of this kind.
fn fenced(kind: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("```{kind}\n")).unwrap();
    rest.split_once("```\n").unwrap().0
}

#[test]
fn the_program_is_the_one_that_is_compiled() {
    let (_, program) = PROGRAM.split_once('\n').unwrap();
    assert_eq!(
        fenced("rust"),
        program,
        "README.md and examples/readme.rs differ"
    );
}

#[test]
fn the_program_prints_what_is_said() {
    if cfg!(windows) && env!("CARGO").starts_with('/') {
        eprintln!(
            "the_program_prints_what_is_said: cannot run here, because this program was built on \
             another system, and cargo is there"
        );
        return;
    }
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", "readme"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = format!("It prints `{}`.", printed.trim());
    assert!(output.status.success(), "{output:?}");
    assert!(README.contains(&said), "the program prints {printed}");
}

#[test]
fn the_first_screen_is_one_screen() {
    let first = README.split("\n## ").next().unwrap();
    let lines = first.trim_end().lines().count();
    assert!(lines <= 24, "the first screen has {lines} lines");
}
