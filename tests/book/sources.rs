//! How the pages show the sources: includes, anchors and blocks of code.

use crate::coverage::chapters;
use crate::tree::{Fence, Include, Page, Tree};
use std::collections::BTreeSet;
use std::ops::Range;

/// The most lines that an excerpt of the running text may have.
const SCREEN: usize = 30;

pub struct Anchor<'a> {
    pub name: &'a str,
    /// The line of its `ANCHOR:`, counted from 1.
    pub open: usize,
    pub close: Option<usize>,
}

/// The anchors of a file, and their faults.
pub fn anchors<'a>(path: &str, text: &'a str) -> (Vec<Anchor<'a>>, Vec<String>) {
    let mut found: Vec<Anchor> = Vec::new();
    let mut faults = Vec::new();
    let word = |rest: &'a str| {
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
        &rest[..end.unwrap_or(rest.len())]
    };
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        if let Some((_, rest)) = line.split_once("ANCHOR:") {
            let name = word(rest);
            if let Some(first) = found.iter().find(|anchor| anchor.name == name) {
                faults.push(format!(
                    "{path}:{n}: anchor `{name}` opens again (first in line {}); give it another name",
                    first.open
                ));
                continue;
            }
            found.push(Anchor {
                name,
                open: n,
                close: None,
            });
        } else if let Some((_, rest)) = line.split_once("ANCHOR_END:") {
            let name = word(rest);
            match found.iter_mut().find(|anchor| anchor.name == name) {
                Some(anchor) if anchor.close.is_none() => anchor.close = Some(n),
                _ => faults.push(format!(
                    "{path}:{n}: anchor `{name}` closes but is not open; open it above, once"
                )),
            }
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for anchor in &found {
        let (name, open) = (anchor.name, anchor.open);
        match anchor.close {
            None => faults.push(format!(
                "{path}:{open}: anchor `{name}` never closes; add `// ANCHOR_END: {name}`"
            )),
            Some(close) => {
                let mut body = lines[open..close - 1].iter();
                if body.all(|line| line.trim().is_empty() || line.contains("ANCHOR")) {
                    faults.push(format!(
                        "{path}:{open}: anchor `{name}` is empty; put it around the code it names"
                    ));
                }
            }
        }
    }
    let room = lines.len() / 20 + 1;
    if found.len() > room {
        faults.push(format!(
            "{path}:{}: {} anchors in {} lines, but {room} are allowed (one per 20 lines, plus one); join some",
            found[room].open,
            found.len(),
            lines.len()
        ));
    }
    (found, faults)
}

/// The lines that an include shows of its file, counted from 1. Lines with anchors are included.
pub fn range(include: &Include, text: &str) -> Range<usize> {
    let Some(name) = include.anchor else {
        return 1..text.lines().count() + 1;
    };
    let (anchors, _) = anchors("", text);
    let anchor = anchors.iter().find(|anchor| anchor.name == name);
    anchor.map_or(0..0, |anchor| {
        anchor.open..anchor.close.unwrap_or(anchor.open)
    })
}

/// How many lines of code a block shows.
pub fn length(page: &Page, fence: &Fence, tree: &Tree) -> usize {
    let mut shown = 0;
    let mut typed = (fence.last - fence.first).saturating_sub(1);
    for include in page.included(fence) {
        let text = tree.text(&include.file).unwrap_or_default();
        let range = range(include, text);
        let lines = text.lines().zip(1..);
        let lines: Vec<&str> = lines
            .filter(|(line, n)| range.contains(n) && !line.contains("ANCHOR"))
            .map(|(line, _)| line)
            .collect();
        let last = lines.iter().rposition(|line| !line.trim().is_empty());
        shown += last.map_or(0, |last| last + 1);
        typed -= 1;
    }
    shown + typed
}

/// Each include must name an existing file and anchor, and a page must show each anchor.
pub fn includes_and_anchors(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for page in tree.pages() {
        for include in &page.includes {
            let at = page.at(include.line);
            let line = page.lines[include.line];
            if !include.typed.starts_with("include ") {
                faults.push(format!(
                    "{at}: `{{{{#{}}}}}` is not used in this book; write `{{{{#include path:anchor}}}}`",
                    include.typed
                ));
                continue;
            }
            if line != format!("{{{{#{}}}}}", include.typed) {
                faults.push(format!("{at}: put the include alone on its line, without indentation and outside lists and quotations; its other lines break there"));
            }
            let Some(text) = tree.text(&include.file) else {
                let hint = match include.file.contains("/outputs/") {
                    true => "; record it with `EVQ_RECORD=1 cargo test --test book` on that system",
                    false => "; correct the path (from the page's own folder)",
                };
                faults.push(format!("{at}: there is no file {}{hint}", include.file));
                continue;
            };
            let (anchors, _) = anchors(&include.file, text);
            match include.anchor {
                None if !anchors.is_empty() => faults.push(format!("{at}: {} has anchors, and the page would show their lines; include one anchor, or remove all", include.file)),
                None => {}
                Some(name) if name.starts_with(|c: char| c.is_ascii_digit() || c == ':') => {
                    faults.push(format!(
                        "{at}: line numbers go wrong when the file changes; use an anchor"
                    ));
                }
                Some(name) => {
                    used.insert((include.file.clone(), name));
                    if !anchors.iter().any(|anchor| anchor.name == name) {
                        faults.push(format!(
                            "{at}: {} has no anchor `{name}`; its anchors: {}",
                            include.file,
                            anchors
                                .iter()
                                .map(|anchor| anchor.name)
                                .collect::<Vec<_>>()
                                .join(", ")
                        ));
                    }
                }
            }
        }
    }
    for (path, text) in tree.files("", ".rs") {
        if path.starts_with("tests/") && !path.starts_with("tests/solutions/") {
            continue; // tests contain the word without having anchors
        }
        let (anchors, wrong) = anchors(path, text);
        faults.extend(wrong);
        if !chapters(path).iter().all(|chapter| tree.written(*chapter)) {
            continue;
        }
        for anchor in anchors {
            if !used.contains(&(path.to_string(), anchor.name)) {
                faults.push(format!(
                    "{path}:{}: no page shows anchor `{}`; include it, or remove it",
                    anchor.open, anchor.name
                ));
            }
        }
    }
    faults
}

/// The running text (everything outside `<details>`) must explain its code: a sentence comes before
/// each excerpt, an excerpt is at most a screen long, and there are at most twice as many lines of
/// code as of prose.
pub fn running_text(page: &Page, tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut code, mut prose, mut sentence) = (0, 0, false);
    for (n, line) in page
        .lines
        .iter()
        .enumerate()
        .filter(|(n, _)| !page.folded[*n])
    {
        let at = page.at(n);
        if let Some(fence) = page.fenced[n].map(|fence| &page.fences[fence]) {
            if n > fence.first || !fence.language.starts_with("rust") {
                continue;
            }
            let lines = length(page, fence, tree);
            if !sentence {
                faults.push(format!("{at}: no sentence since the last excerpt; say what breaks without this one, or fold it at the end"));
            }
            if page.included(fence).count() > 1 {
                faults.push(format!(
                    "{at}: two includes in one block; make two blocks, with a sentence between"
                ));
            }
            if lines > SCREEN {
                faults.push(format!("{at}: {lines} lines, but a screen has {SCREEN}; show it in two steps, with a sentence between"));
            }
            code += lines;
            sentence = false;
        } else if line.starts_with('|') {
            prose += 1;
        } else if !(line.starts_with(['#', '<']) || line.starts_with("{{") || caption(line)) {
            let lines = lines_of_80(line);
            sentence |= lines > 0;
            prose += lines;
        }
    }
    if code > 2 * prose {
        faults.push(format!("{}: {code} lines of code for {prose} lines of prose, but twice as many are allowed; fold what needs no explanation", page.at(0)));
    }
    faults
}

/// Whether the line is a caption such as `*src/poll.rs, `Poll::new`*`.
fn caption(line: &str) -> bool {
    let inner = line
        .strip_prefix('*')
        .and_then(|line| line.strip_suffix('*'));
    inner.is_some_and(|inner| !inner.is_empty() && !inner.contains('*'))
}

/// How many lines of 80 columns a paragraph has without the targets of its links.
fn lines_of_80(paragraph: &str) -> usize {
    let mut parts = paragraph.split("](");
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        text.push(']');
        text.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    let (mut lines, mut column) = (0, 80);
    for word in text.split_whitespace().map(|word| word.chars().count()) {
        column += 1 + word;
        if column > 80 {
            (lines, column) = (lines + 1, word);
        }
    }
    lines
}

/// The line above an excerpt must say where it comes from, and typed code must be short.
pub fn fences(page: &Page, tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for fence in &page.fences {
        let at = page.at(fence.first);
        let body = &page.lines[fence.first + 1..fence.last.max(fence.first + 1)];
        let typed = body
            .iter()
            .filter(|line| !line.trim().is_empty() && !line.contains("{{#"))
            .count();
        let includes: Vec<_> = page.included(fence).collect();
        if fence.first == fence.last || page.lines[fence.last].trim() != "```" {
            faults.push(format!("{at}: this block of code never closes; add ```"));
        }
        if fence.language.is_empty() {
            faults.push(format!(
                "{at}: name the language of this block: ```rust, ```sh or ```text"
            ));
        }
        if typed > 0 && !includes.is_empty() {
            faults.push(format!(
                "{at}: typed lines beside an include; put all lines into the anchor"
            ));
        }
        if typed > 0 && fence.language.starts_with("text") {
            faults.push(format!("{at}: never type what a program printed; record it and include outputs/... (write a command as ```sh)"));
        }
        if typed > 5 {
            faults.push(format!("{at}: {typed} typed lines, but five are allowed; put the code in a file that compiles, and include it by anchor"));
        }
        for include in includes {
            let source = include.file.ends_with(".rs");
            let wanted = if source { "rust" } else { "text" };
            let known = source || include.file.ends_with(".txt");
            if known && fence.language.split(',').next() != Some(wanted) {
                faults.push(format!("{at}: put {} in a ```{wanted} block", include.file));
            }
            if !source || include.file.starts_with("tests/solutions/") {
                continue;
            }
            let above = page.lines[..fence.first]
                .iter()
                .rev()
                .find(|line| !line.trim().is_empty());
            let label = above.copied().unwrap_or_default();
            let text = tree.text(&include.file).unwrap_or_default();
            if !label.ends_with('*') || !names(label, &include.file) {
                faults.push(format!(
                    "{at}: say above the excerpt where it comes from: *{}, `function`*",
                    include.file
                ));
                continue;
            }
            for (_, name) in label.split('`').enumerate().filter(|(n, _)| n % 2 == 1) {
                let is_part = |c: char| !(c.is_alphanumeric() || c == '_');
                let last = name
                    .split("::")
                    .last()
                    .and_then(|last| last.split(is_part).find(|part| !part.is_empty()))
                    .unwrap_or(name);
                if !text.split(is_part).any(|word| word == last) {
                    faults.push(format!(
                        "{}: {} has no `{name}`; name the item it shows",
                        page.at(fence.first - 1),
                        include.file
                    ));
                }
            }
        }
    }
    for include in &page.includes {
        if page.fenced[include.line].is_none() && !include.file.ends_with(".svg") {
            faults.push(format!(
                "{}: {} is outside a block of code; put it between ``` marks",
                page.at(include.line),
                include.file
            ));
        }
    }
    faults
}

/// Whether a caption such as `*src/poll.rs, ...*` or `*src/poll.rs*` names this file.
fn names(label: &str, file: &str) -> bool {
    label
        .strip_prefix('*')
        .and_then(|rest| rest.strip_prefix(file))
        .is_some_and(|rest| rest.starts_with([',', '*', ' ', ':']))
}
