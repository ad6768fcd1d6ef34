//! Tests of the checks: a small good book passes them, and they refuse each kind of fault.

use crate::record::{differ, normalise, recordings};
use crate::tree::{Page, SUMMARY, Tree, unmark, words};
use crate::{coverage, figures, pages, reading, sources};

const PAGE: &str = "book/src/ch08_epoll.md";
const SELECTOR: &str = "src/epoll/selector.rs";
const MASK: &str = "src/epoll/mask.rs";
const SVG: &str = "book/src/figures/ch08_edges.svg";
const OUTPUT: &str = "book/src/outputs/ch08_epoll.linux.txt";
const FILLER: &str = "The kernel tells us what happened, and we answer it.\n";
const BETWEEN: &str = "What breaks without it stands in [the exercise](#81-which-bits), and in \"just a quotation\".\n";

/// A book of one chapter that breaks no rule. `good.txt` holds its files.
fn good() -> Tree {
    let text = include_str!("good.txt").replace("\r\n", "\n");
    let files = text.split("=== ").skip(1).map(|file| {
        let (path, text) = file.split_once('\n').expect("a path ends its line");
        (path.into(), text.replace("FILLER\n", &FILLER.repeat(76)))
    });
    Tree(files.collect())
}

/// All faults that the checks find in a book.
fn faults(tree: &Tree) -> Vec<String> {
    let mut faults = sources::includes_and_anchors(tree);
    faults.extend(coverage::coverage(tree).1);
    faults.extend(pages::contents(tree));
    faults.extend(figures::figures(tree));
    faults.extend(recordings(tree));
    faults.extend(reading::names(tree));
    for page in tree.pages() {
        faults.extend(sources::fences(&page, tree));
        faults.extend(sources::running_text(&page, tree));
        faults.extend(pages::form(&page, tree));
        faults.extend(pages::minutes(&page, tree));
        faults.extend(reading::links(&page, tree));
        faults.extend(reading::tabs_and_notes(&page));
        faults.extend(reading::voice(&page));
    }
    faults
}

/// The good book with `old` replaced by `new` in one file.
fn changed(file: &str, old: &str, new: &str) -> Tree {
    let mut tree = good();
    let text = tree.0.get_mut(file).expect("the good book has this file");
    assert!(text.contains(old), "{file} has no {old:?}");
    *text = text.replacen(old, new, 1);
    tree
}

/// Requires a fault that contains `says` and begins with a file and a line.
fn expect(tree: &Tree, says: &str) {
    let faults = faults(tree);
    let fault = faults.iter().find(|fault| fault.contains(says));
    let fault = fault.unwrap_or_else(|| panic!("no fault says {says:?}: {faults:#?}"));
    let place = fault.split(' ').next().unwrap_or_default();
    let line = place.trim_end_matches(':').rsplit(':').next();
    let line: Option<usize> = line.and_then(|line| line.parse().ok());
    assert!(line.is_some_and(|line| line > 0), "no file:line in {fault}");
}

fn refused(file: &str, old: &str, new: &str, says: &str) {
    expect(&changed(file, old, new), says);
}

fn allowed(file: &str, old: &str, new: &str) {
    assert_eq!(faults(&changed(file, old, new)), [""; 0], "{new}");
}

/// Requires a fault that contains `says` in the good book without `file`.
fn missed(file: &str, says: &str) {
    let mut tree = good();
    tree.0.remove(file).expect("the good book has this file");
    expect(&tree, says);
}

#[test]
fn a_good_book_passes() {
    assert_eq!(faults(&good()), [""; 0]);
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_includes_and_anchors_are_refused() {
    refused(PAGE, "src/epoll/mask.rs:mask", "src/epoll/masks.rs:mask", "there is no file src/epoll/masks.rs");
    refused(PAGE, "selector.rs:all", "selector.rs:some", "has no anchor `some`");
    refused(PAGE, "selector.rs:all", "selector.rs:1:5", "use an anchor");
    refused(PAGE, "selector.rs:all", "selector.rs", "has anchors, and the page would show their lines");
    refused(PAGE, "{{#include ../../src/epoll/m", "> {{#include ../../src/epoll/m", "alone on its line");
    refused(PAGE, "{{#include ../../src/epoll/m", "{{#rustdoc_include ../../src/epoll/m", "is not used in this book");
    missed(OUTPUT, "record it with");
    refused(SELECTOR, "// ANCHOR_END: all\n", "", "never closes");
    refused(SELECTOR, "// ANCHOR_END: all\n", "// ANCHOR_END: all\n// ANCHOR_END: all\n", "closes but is not open");
    refused(SELECTOR, "// ANCHOR_END: all\n", "// ANCHOR_END: all\n// ANCHOR: all\n// ANCHOR_END: all\n", "opens again");
    refused(SELECTOR, "use std::io;", "// ANCHOR: io\n\n// ANCHOR_END: io", "`io` is empty");
    refused(SELECTOR, "use std::io;", "// ANCHOR: io\nuse std::io;\n// ANCHOR_END: io", "no page shows anchor `io`");
    refused(SELECTOR, "use std::io;", "// ANCHOR: a\nuse std::io;\n// ANCHOR_END: a\n// ANCHOR: b\nuse std::fs;\n// ANCHOR_END: b", "but 2 are allowed");
}

#[test]
#[rustfmt::skip] // one fault a line
fn code_that_no_page_shows_is_refused() {
    refused(SELECTOR, "use std::io;", "use std::io;\nconst HIDDEN: u8 = 1;", "no page shows `const HIDDEN: u8 = 1;`");
    refused(SELECTOR, "use std::io;", "use std::io;\n#[derive(Debug)]\nenum Hidden {}", "no page shows `#[derive(Debug)]`");
    refused(SELECTOR, "    fn not_counted() {}\n}", "    fn not_counted() {}\n}\nfn after() {}", "no page shows `fn after() {}`");
    refused(MASK, "// ANCHOR: mask\n", "fn hidden(bits: u8)\nwhere\n    u8: Copy,\n{\n    bits\n}\n// ANCHOR: mask\n", "all of `hidden`");
    refused(MASK, "    fn fmt(&self) {", "    fn bits(&self) {", "all of `Mask::bits`");
    refused(MASK, "impl fmt::Debug for Mask {", "impl<'a> Iterator for &'a Mask {\n    #[inline]\n    fn next(&self) {}\n", "all of `Mask::next`");
    refused(MASK, "    bits\n}\n// ANCHOR_END: mask", "    bits;\n    // ANCHOR_END: mask\n    bits\n}", "all of `mask`");
    let mut tree = good();
    tree.0.insert("src/unheard_of.rs".into(), String::new());
    expect(&tree, "give it a line in SHOWN_IN");
    // Until a file's chapter is written, the file is only reported.
    let mut tree = good();
    let early = "// ANCHOR: early\nfn draft() {}\n// ANCHOR_END: early\n";
    tree.0.insert("src/kqueue/selector.rs".into(), early.into());
    assert_eq!(faults(&tree), [""; 0]);
    let (rows, _) = coverage::coverage(&tree);
    assert!(rows.iter().any(|row| row.contains("0 of    1") && row.contains("to be written: 9")), "{rows:?}");
    let list: &[(&str, &[&str], &str)] = &[("src/epoll/", &["mask", "Mask::fmt", "gone"], "why")];
    let faults = coverage::stale_excuses(&good(), list);
    assert!(faults.len() == 1 && faults[0].contains("`gone`"), "{faults:?}");
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_excerpts_are_refused() {
    let output = "{{#include outputs/ch08_epoll.linux.txt}}";
    refused(PAGE, "*src/epoll/selector.rs, `Sel", "*src/epoll/mask.rs, `Sel", "where it comes from");
    refused(PAGE, "`Selector::new`*", "`Selector::wake`*", "has no `Selector::wake`");
    refused(PAGE, "```rust\n", "```\n", "name the language");
    refused(PAGE, "```rust\n", "```c\n", "in a ```rust block");
    refused(PAGE, "```rust\n", "```rust\nlet typed = 1;\n", "typed lines beside an include");
    refused(PAGE, "cargo run --example ch08_epoll\n", &"let a = 1;\n".repeat(6), "6 typed lines");
    refused(PAGE, output, "ready", "never type what a program printed");
    refused(PAGE, "answer}}\n```\n", "answer}}\n", "never closes");
    refused(PAGE, &format!("```text\n{output}\n```"), output, "is outside a block");
}

#[test]
#[rustfmt::skip] // one fault a line
fn a_running_text_that_shows_more_than_it_explains_is_refused() {
    refused(PAGE, BETWEEN, "", "no sentence since the last excerpt");
    refused(PAGE, "{{#include ../../src/epoll/mask.rs:mask}}\n", &"{{#include ../../src/epoll/mask.rs:mask}}\n".repeat(2), "two includes in one block");
    refused(SELECTOR, "pub struct Selector {", &format!("{}pub struct Selector {{", "// a\n".repeat(22)), "31 lines, but a screen has 30");
    refused(SELECTOR, "pub struct Selector {", &format!("{}pub struct Selector {{", "// a\n".repeat(170)), "lines of code for");
    let mut tree = changed(PAGE, BETWEEN, "<details>\n");
    let folded = tree.text(PAGE).unwrap_or_default().replace("> [!NOTE]", "</details>\n\n> [!NOTE]");
    tree.0.insert(PAGE.into(), folded);
    assert!(!faults(&tree).iter().any(|fault| fault.contains("no sentence since")));
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_the_contents_are_refused() {
    let entry = "- [The epoll selector](ch08_epoll.md)\n";
    refused(SUMMARY, "(ch08_epoll.md)", "()", "links this page");
    refused(SUMMARY, "- [A draft]()\n", "", "is in the place of chapter");
    refused(SUMMARY, "[A draft]()", "[A draft](ch01_gone.md)", "does not exist");
    refused(SUMMARY, entry, &entry.repeat(2), "more than once");
    refused(SUMMARY, "[The epoll selector]", "[The selector]", "make them agree");
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_a_chapters_parts_are_refused() {
    refused(PAGE, "# The epoll selector\n", "\n", "begin the chapter with `# Title`");
    refused(PAGE, "## The code", "## The problem", "they should be");
    refused(PAGE, "*About 20 minutes.*", "*About 15 minutes.*", "its length gives `*About 20 minutes.*`");
    refused(PAGE, "*About 20 minutes.*", "", "add the line `*About ");
    let code = format!("```rust\n{}```\n", "let a = 1;\n".repeat(60));
    refused(PAGE, "Fill in", &format!("{code}\nFill in"), "its length gives `*About 25 minutes.*`");
    let folded = faults(&changed(PAGE, "Look at", &format!("{code}\nLook at")));
    assert!(!folded.iter().any(|fault| fault.contains("its length")), "code in a hint takes no minutes");
    refused(PAGE, "You will", "One. Two. You will", "3 sentences");
    refused(PAGE, &FILLER.repeat(50), "", "a chapter has 600 to 2,500");
    refused(PAGE, "cargo run --example ch08_epoll", "cargo test", "how to run it");
    refused(PAGE, "| one  | two   |\n", &"| one  | two   |\n".repeat(9), "9 table rows");
    refused(PAGE, "does it otherwise", &"word ".repeat(150), "but 150 are allowed");
    refused(PAGE, "[mio](https://github.com/tokio-rs/mio)", "mio", "no link to the code");
    missed("examples/ch08_epoll.rs", "its example examples/ch08_epoll.rs is missing");
    let mut tree = good();
    tree.0.insert("book/src/ch11_iocp.md".into(), "# IOCP\n".into());
    expect(&tree, "link the sibling, chapter 11");
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_exercises_are_refused() {
    refused(PAGE, "### 8.1 Which bits", "### 8.2 Which bits", "call this exercise `### 8.1 Title`");
    refused(PAGE, "### 8.1 Which bits", "", "0 exercises");
    refused(PAGE, "`cargo workbook check 8.1`", "", "add the line `cargo workbook check 8.1`");
    refused(PAGE, "<summary>Solution</summary>", "<summary>Hint 2</summary>", "its <details> are");
    refused(PAGE, "bits.\n\n</details>", "bits.\n</details>", "blank lines around this tag");
    refused(PAGE, "{{#include ../../tests/solutions/ex08_1_mask.rs:answer}}", "", "include tests/solutions/ex08_1_mask.rs");
    refused("tests/exercises/main.rs", "mod ex08_1_mask;", "", "tests/exercises/main.rs:1: add");
    refused("tests/checks/ex08_1_mask.rs", "use super::*;", "", "`use super::*;`");
    refused("tests/exercises/ex08_1_mask.rs", "mod checks;", "", "tests/exercises/ex08_1_mask.rs");
    missed("tests/exercises/ex08_1_mask.rs", "there is no tests/exercises/ex08_1_mask.rs");
    missed("tests/exercises/wrong/ex08_1_mask.txt", "write a wrong answer");
    let mut tree = good();
    tree.0.insert("tests/exercises/ex08_2_more.rs".into(), String::new());
    expect(&tree, "has no exercise 8.2");
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_links_and_names_are_refused() {
    refused(PAGE, "(start.md#start-here)", "(begin.md)", "begin.md leads nowhere");
    refused(PAGE, "(start.md#start-here)", "(start.md#here)", "has no heading or id `here`");
    refused(PAGE, "(#81-which-bits)", "(#82-which-bits)", "has no heading or id `82-which-bits`");
    refused(PAGE, "(#81-which-bits)", "(../../src/lib.rs)", "is not part of the built book");
    refused(PAGE, "Here.", "<a href=\"gone.md\">Here</a>", "gone.md leads nowhere");
    refused("book/src/start.md", "begin.", "begin, in chapter 8.", "chapter 8 is written; link it");
    refused(PAGE, "Here.", "[Here][there]", "nothing defines [there]");
    refused(PAGE, "Here.", "![](start.md)", "the image has no description");
    refused(PAGE, "Here.", "![Edges](figures/ch08_edges.svg)", "follows the theme");
    for name in ["gone_from_here", "Gone", "Selector::gone", "gone()"] {
        refused(PAGE, "`just`", &format!("`{name}`"), "our code has no `");
    }
    for name in ["`Selector::new`", "`gone`", "[`uv_gone`](https://libuv.org)", "`ch08_epoll`", "`reqs_pending`"] {
        allowed(PAGE, "`just`", name);
    }
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_figures_are_refused() {
    refused(SVG, "<title>An edge</title>", "", "has no <title>");
    refused(SVG, "id=\"ch08-box\"", "id=\"box\"", "id `box` may be in another");
    refused(SVG, "fill=\"var(--evq-soft)\"", "fill=\"#fff\"", "fill `#fff` does not follow");
    refused(SVG, "fill=\"var(--evq-soft)\"", "style=\"fill: white\"", "fill `white` does not follow");
    refused(SVG, "font-size=\"14\"", "font-size=\"11\"", "text of size 11");
    refused(SVG, " font-size=\"14\"", "", "no font-size");
    refused(SVG, "0 0 360 100", "0 0 361 100", "361 units wide");
    refused(SVG, "<desc>", "\n<desc>", "a blank line ends the drawing");
    refused(SVG, "announced once.", "simply announced.", "does not use \"simply\"");
    let include = "{{#include figures/ch08_edges.svg}}\n";
    refused(PAGE, include, "", "no page shows this figure");
    refused(PAGE, include, &include.repeat(3), "a third figure");
    refused(PAGE, "<figure>\n", "", "put the figure in <figure>");
    refused(PAGE, "edge announced?", "edge announced.", "no question mark");
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_tabs_and_notes_are_refused() {
    refused(PAGE, "[!NOTE]", "[!NOTE] My title", "write [!NOTE]");
    refused(PAGE, "data-os=\"macos\"", "data-os=\"plan9\"", "write a tab as <section");
    refused(PAGE, "id=\"run-macos\"", "id=\"run-linux\"", "its own id");
    refused(PAGE, "<h4>macOS</h4>", "macOS", "each with its <h4>");
    refused(PAGE, "There.", "<a id=\"run-linux\"></a>", "`run-linux` is taken");
}

#[test]
#[rustfmt::skip] // one fault a line
fn words_that_the_book_does_not_use_are_refused() {
    for (text, word) in [("Simply", "simply"), ("let’s", "let's"), ("not\nonly", "not only"), ("**Not** only", "not only"), ("easy-going", "easy")] {
        refused(PAGE, "Here.", text, &format!("does not use \"{word}\""));
    }
    refused(PAGE, "> The bits are", "> The bits are not\n> only", "does not use \"not only\"");
    for text in ["adjust, uneasy, justice", "`just`", "\"simply\"", "“simply\nput”", "[It’s not that easy](start.md)", "not.\n\nOnly", "> just quoted"] {
        allowed(PAGE, "Here.", text);
    }
}

#[test]
#[rustfmt::skip] // one fault a line
fn faults_of_recordings_are_refused() {
    let include = "{{#include outputs/ch08_epoll.linux.txt}}\n";
    refused(OUTPUT, "PORT", "4711", "this line is not normalised");
    refused(OUTPUT, "T ms", &"T ms\n".repeat(30), "an example prints at most 25");
    refused(PAGE, &format!("```text\n{include}```"), "", "no page shows this recording");
    missed("examples/ch08_epoll.rs", "no example ch08_epoll that could have printed this");
    // If two systems print the same, a page shows one recording.
    let windows = OUTPUT.replace("linux", "windows");
    let both = format!("{include}```\n\n```text\n{}", include.replace("linux", "windows"));
    for (text, count) in [(include, 0), (both.as_str(), 1)] {
        let mut tree = changed(PAGE, include, text);
        let same = tree.text(OUTPUT).unwrap_or_default().to_string();
        tree.0.insert(windows.clone(), same);
        let faults = faults(&tree);
        assert_eq!(faults.iter().filter(|fault| fault.contains("has the same bytes")).count(), count, "{faults:?}");
    }
    let path = "book/src/outputs/ch03_x.linux.txt";
    assert_eq!(differ(path, Some("a\nb\n"), "a\nb\n"), None);
    let differs = differ(path, Some("a\nb\nc\n"), "a\nd\nc\n").expect("they differ");
    for says in ["x.linux.txt:2: ", "  - b\n", "  + d\n", "`cargo workbook reset 3` puts it back"] {
        assert!(differs.contains(says), "{differs}");
    }
    assert!(differ(path, Some("a\nb\n"), "a\n").is_some_and(|text| text.contains("txt:2:")));
    assert!(differ(path, Some("a\n"), "a\nb\n").is_some_and(|text| text.contains("txt:2:")));
    assert!(differ(path, None, "a\n").is_some_and(|text| text.contains("not recorded yet")));
}

#[test]
#[rustfmt::skip] // one line each
fn ports_descriptors_and_times_are_normalised_and_nothing_else() {
    for (printed, recorded) in [
        ("bound to 127.0.0.1:40123, fd 7", "bound to 127.0.0.1:PORT, fd N"),
        ("fd 7: 1.25 ms, 3 s; 900 us and 12 ns.", "fd N: T ms, T s; T us and T ns."),
        ("token 3, 5 sockets, 12 bytes", "token 3, 5 sockets, 12 bytes"),
        ("abcfd 7, v1.2, 127.0.0.1:", "abcfd 7, v1.2, 127.0.0.1:"),
    ] {
        assert_eq!(normalise(printed), recorded);
        assert_eq!(normalise(recorded), recorded);
    }
}

#[cfg(unix)]
#[test]
fn a_program_that_fails_or_does_not_end_is_refused() {
    use crate::record::run;
    use std::{path::Path, time::Duration};

    let fault = run(Path::new("false"), Duration::from_secs(5)).expect_err("false fails");
    assert!(fault.contains("ended with"), "{fault}");
    let fault = run(Path::new("yes"), Duration::from_millis(100)).expect_err("yes never ends");
    assert!(fault.contains("still runs"), "{fault}");
}

#[test]
fn words_are_counted_as_a_reader_counts_them() {
    let linked = "- a `poll(fd)` call, and [a link](https://example.org/long) <br> | - |";
    assert_eq!(words(&unmark(linked, false)), 6);
    assert_eq!(words(&unmark("<!-- not\nread --> read", false)), 1);
    let page = Page::new(
        "book/src/x.md",
        "One.\n\n```sh\nnot read\n```\n\n{{#include figures/x.svg}}\n\n> Two three.\n\n[a]: https://example.org\n",
    );
    let count: usize = page.prose(false).iter().map(|line| words(line)).sum();
    assert_eq!(count, 3);
}
