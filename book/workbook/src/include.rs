//! mdBook's includes. `{{#include ../../src/poll.rs:wait}}` stands for the lines
//! of that file between `ANCHOR: wait` and `ANCHOR_END: wait`. Without an anchor it
//! stands for the whole file, with numbers for those lines. Lines that hold anchors
//! are left out, also those of inner anchors.

use crate::book::read;
use std::path::Path;

/// The target of an include; `None` if the line holds anything else.
pub fn target(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix("{{#")?.strip_suffix("}}")?;
    let (kind, target) = inner.split_once(char::is_whitespace)?;
    let known = ["include", "rustdoc_include"].contains(&kind);
    (known && !target.contains("}}")).then_some(target.trim())
}

/// The included text. `folder` is the folder of the including page.
pub fn text(folder: &Path, target: &str) -> Result<String, String> {
    let (file, wanted) = match target.split_once(':') {
        Some((file, wanted)) => (file, Some(wanted)),
        None => (target, None),
    };
    let text = read(&folder.join(file))?;
    let Some(wanted) = wanted else {
        return Ok(without_anchors(&text));
    };
    if let Some((first, last)) = line_range(wanted) {
        let lines = text.lines().skip(first - 1);
        let lines: Vec<&str> = lines.take((last + 1).saturating_sub(first)).collect();
        return Ok(without_anchors(&lines.join("\n")));
    }
    anchored(&text, wanted).ok_or_else(|| format!("{file} has no anchor `{wanted}`."))
}

/// `text` without the lines that open and close anchors.
pub fn without_anchors(text: &str) -> String {
    let lines = text.lines().filter(|line| anchor(line).is_none());
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn anchored(text: &str, wanted: &str) -> Option<String> {
    let mut found = String::new();
    let mut inside = false;
    let mut seen = false;
    for line in text.lines() {
        match anchor(line) {
            Some((opens, name)) if name == wanted => {
                inside = opens;
                seen = true;
            }
            Some(_) => {}
            None if inside => {
                found.push_str(line);
                found.push('\n');
            }
            None => {}
        }
    }
    seen.then_some(found)
}

/// The name of the anchor that the line opens (`true`) or closes (`false`).
fn anchor(line: &str) -> Option<(bool, &str)> {
    let (opens, rest) = match (line.split_once("ANCHOR:"), line.split_once("ANCHOR_END:")) {
        (Some((_, rest)), _) => (true, rest),
        (None, Some((_, rest))) => (false, rest),
        (None, None) => return None,
    };
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
    let name = &rest[..end.unwrap_or(rest.len())];
    (!name.is_empty()).then_some((opens, name))
}

/// `12` is one line, `12:15` four, `12:` all from there, `:15` all up to it.
fn line_range(wanted: &str) -> Option<(usize, usize)> {
    let parse = |number: &str, otherwise: usize| match number {
        "" => Some(otherwise),
        number => number.parse().ok(),
    };
    let (first, last) = match wanted.split_once(':') {
        Some((first, last)) => (parse(first, 1)?, parse(last, usize::MAX - 1)?),
        None => (wanted.parse().ok()?, wanted.parse().ok()?),
    };
    Some((first.max(1), last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::Checkout;

    const SOURCE: &str = "one\n// ANCHOR: a\ntwo\n    // ANCHOR: b-1\n    three\n    \
        // ANCHOR_END: b-1\nfour\n// ANCHOR_END: a\nfive\n";

    #[test]
    fn an_anchor_holds_its_lines_without_those_of_nested_anchors() {
        assert_eq!(anchored(SOURCE, "a").unwrap(), "two\n    three\nfour\n");
        assert_eq!(anchored(SOURCE, "b-1").unwrap(), "    three\n");
        assert_eq!(anchored(SOURCE, "b"), None);
        assert_eq!(without_anchors(SOURCE), "one\ntwo\n    three\nfour\nfive\n");
    }

    #[test]
    fn includes_take_a_file_an_anchor_or_lines() {
        let checkout = Checkout::new("include", &[("src/a.rs", SOURCE)]);
        let page = checkout.0.join("book");
        std::fs::create_dir_all(&page).unwrap();
        let text = |target: &str| text(&page, target);
        assert_eq!(text("../src/a.rs:b-1").unwrap(), "    three\n");
        assert_eq!(text("../src/a.rs:7:9").unwrap(), "four\nfive\n");
        assert_eq!(text("../src/a.rs:9").unwrap(), "five\n");
        assert_eq!(text("../src/a.rs").unwrap().lines().count(), 5);
        assert!(text("../src/a.rs:c").unwrap_err().contains("no anchor `c`"));
        assert!(text("none.rs").unwrap_err().contains("Cannot read"));
    }

    #[test]
    fn only_a_line_that_holds_nothing_else_is_an_include() {
        assert_eq!(target("  {{#include a.rs:b}} "), Some("a.rs:b"));
        assert_eq!(target("{{#include a}} {{#include b}}"), None);
        assert_eq!(target("{{#title a}}"), None);
    }
}
