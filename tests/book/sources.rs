//! What the pages show of the sources: includes and anchors, and how much of each file.

use crate::tree::{Page, Tree, chapter_of};
use std::collections::{BTreeMap, BTreeSet};

/// Which chapters show a file: the first line whose beginning fits. A core
/// file must be shown whole, of any other every function, once *all* of its
/// chapters are written; until then the table of `coverage` only reports it.
const SHOWN_IN: &[(&str, Kind, &[usize])] = &[
    ("src/event.rs", Kind::Core, &[6]),
    ("src/queue.rs", Kind::Core, &[6, 10]),
    ("src/registrator.rs", Kind::Core, &[6]),
    ("src/poll.rs", Kind::Core, &[6, 10]),
    ("src/ready.rs", Kind::Core, &[10]),
    ("src/waker.rs", Kind::Core, &[10]),
    ("src/epoll/selector.rs", Kind::Core, &[8]),
    ("src/kqueue/selector.rs", Kind::Core, &[9]),
    ("src/iocp/selector.rs", Kind::Core, &[11]),
    ("src/iocp/overlapped.rs", Kind::Core, &[11]),
    ("src/net/windows/buffer_pool.rs", Kind::Core, &[13]),
    ("src/lib.rs", Kind::Rest, &[6]),
    ("src/trace.rs", Kind::Rest, &[7]),
    ("src/epoll/mask.rs", Kind::Rest, &[8]),
    ("src/epoll/", Kind::Rest, &[7, 8]),
    ("src/kqueue/changes.rs", Kind::Rest, &[9]),
    ("src/kqueue/", Kind::Rest, &[7, 9]),
    ("src/iocp/binding.rs", Kind::Rest, &[18]),
    ("src/iocp/", Kind::Rest, &[7, 11]),
    ("src/channel.rs", Kind::Rest, &[20]),
    ("src/timer.rs", Kind::Rest, &[19]),
    ("src/net/windows/afd.rs", Kind::Rest, &[22]),
    ("src/net/windows/udp.rs", Kind::Rest, &[16]),
    ("src/net/windows/", Kind::Rest, &[13, 14]),
    ("src/net/unix/u", Kind::Rest, &[16, 17]), // udp.rs, and the Unix sockets
    ("src/net/udp.rs", Kind::Rest, &[16]),
    ("src/net/", Kind::Rest, &[12]),
    ("src/unix/pipe.rs", Kind::Rest, &[17]),
    ("src/unix/", Kind::Rest, &[18]),
    ("src/windows/named_pipe.rs", Kind::Rest, &[17]),
    ("src/windows/source_socket.rs", Kind::Rest, &[22]),
    ("src/windows/", Kind::Rest, &[18]),
];

/// Functions that no chapter shows: (beginning of the path, function, why).
/// A name without `Type::` means that function of any type.
const NOT_SHOWN: &[(&str, &str, &str)] = &[(
    "src/",
    "fmt",
    "writes the fields out, and decides nothing about events",
)];

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Core,
    Rest,
}

/// The most lines an excerpt may have: a screenful.
const SCREEN: usize = 50;

pub struct Anchor<'a> {
    pub name: &'a str,
    /// The line of its `ANCHOR:`, counted from 1.
    pub open: usize,
    pub close: Option<usize>,
}

/// The anchors of a file, and what is wrong with them.
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
                    "{path}:{n}: anchor `{name}` closes without being open; open it above, once"
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
            "{path}:{}: {} anchors in {} lines, where {room} are allowed (one per 20 lines, plus one); join some",
            found[room].open,
            found.len(),
            lines.len()
        ));
    }
    (found, faults)
}

/// Every include names a file and an anchor that are there; every anchor is used.
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
                faults.push(format!("{at}: an include stands alone on its line, at its beginning, outside lists and quotes; its other lines break there"));
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
            let lines = match include.anchor {
                None if !anchors.is_empty() => {
                    faults.push(format!("{at}: {} has anchors, which would be shown with it; include one of them, or take them out", include.file));
                    continue;
                }
                None => text.lines().count(),
                Some(name) if name.starts_with(|c: char| c.is_ascii_digit() || c == ':') => {
                    faults.push(format!(
                        "{at}: lines by number drift when the file changes; use an anchor"
                    ));
                    continue;
                }
                Some(name) => {
                    used.insert((include.file.clone(), name));
                    match anchors.iter().find(|anchor| anchor.name == name) {
                        Some(anchor) => anchor.close.unwrap_or(anchor.open) - anchor.open,
                        None => {
                            faults.push(format!(
                                "{at}: {} has no anchor `{name}`; its anchors: {}",
                                include.file,
                                anchors
                                    .iter()
                                    .map(|anchor| anchor.name)
                                    .collect::<Vec<_>>()
                                    .join(", ")
                            ));
                            continue;
                        }
                    }
                }
            };
            if include.file.starts_with("src/") && lines > SCREEN + 1 {
                faults.push(format!(
                    "{at}: an excerpt of {lines} lines; {SCREEN} is a screenful: divide it, with a word between"
                ));
            }
        }
    }
    for (path, text) in tree.files("", ".rs") {
        if path.starts_with("tests/book") {
            continue; // these checks speak of anchors without having any
        }
        let (anchors, wrong) = anchors(path, text);
        faults.extend(wrong);
        if !chapters(path).iter().all(|chapter| tree.written(*chapter)) {
            continue;
        }
        for anchor in anchors {
            if !used.contains(&(path.to_string(), anchor.name)) {
                faults.push(format!(
                    "{path}:{}: no page shows anchor `{}`; include it, or take it out",
                    anchor.open, anchor.name
                ));
            }
        }
    }
    faults
}

/// The chapters that show a file, by the table or by its own name.
fn chapters(path: &str) -> Vec<usize> {
    let stem = path.rsplit('/').next().unwrap_or(path);
    let exercise = stem.strip_prefix("ex").and_then(|rest| {
        let (number, _) = rest.split_once('_')?;
        number.parse().ok()
    });
    let own = chapter_of(stem).or(exercise);
    let row = SHOWN_IN.iter().find(|(begin, ..)| path.starts_with(begin));
    match (own, row) {
        (Some(chapter), _) => vec![chapter],
        (None, Some((_, _, chapters))) => chapters.to_vec(),
        (None, None) => Vec::new(),
    }
}

/// The lines of each file that the pages show.
fn shown(tree: &Tree) -> BTreeMap<String, BTreeSet<usize>> {
    let mut shown: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for page in tree.pages() {
        for include in &page.includes {
            let text = tree.text(&include.file).unwrap_or_default();
            let range = match include.anchor {
                None => 1..text.lines().count() + 1,
                Some(name) => anchors("", text)
                    .0
                    .iter()
                    .find(|anchor| anchor.name == name)
                    .map_or(0..0, |anchor| {
                        anchor.open..anchor.close.unwrap_or(anchor.open)
                    }),
            };
            shown.entry(include.file.clone()).or_default().extend(range);
        }
    }
    shown
}

/// A file's code, without what no chapter needs to show: comments, blanks,
/// imports and module lines, closing brackets, and the tests at its end.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut code = Vec::new();
    let mut attributes = Vec::new();
    let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    while let Some((n, line)) = lines.next() {
        let bare = line.trim();
        let item = bare
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        let tests = attributes.iter().any(|(_, a)| *a == "#[cfg(test)]");
        if bare.is_empty() || bare.starts_with("//") || bare.starts_with("#![") {
            continue;
        }
        if bare.starts_with("#[") && bare.ends_with(']') {
            attributes.push((n, bare));
        } else if item.starts_with("use ") || item.starts_with("mod ") {
            let end = if item.ends_with('{') { "}" } else { ";" };
            let indent = line.len() - line.trim_start().len();
            if item.ends_with('{') && !tests {
                attributes.clear(); // a module written in place: its lines count, not its head
                continue;
            }
            let mut last = line;
            while !(last.trim_end().ends_with(end)
                && (end == ";" || last.len() - last.trim_start().len() == indent && last != line))
            {
                match lines.next() {
                    Some((_, next)) => last = next,
                    None => break,
                }
            }
            attributes.clear();
        } else if bare.chars().any(|c| !"{}()[];,".contains(c)) {
            code.append(&mut attributes);
            code.push((n, line));
        }
    }
    code
}

/// The functions with a body: (`Type::name`, first line, last line).
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let code = code(text);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().collect();
    let mut owner = String::new();
    let mut found = Vec::new();
    for (n, line) in &code {
        let mut item = line.trim_start();
        if indent(line) == 0 {
            owner = owner_of(item);
        }
        for before in ["pub(crate) ", "pub(super) ", "pub ", "const ", "unsafe "] {
            item = item.strip_prefix(before).unwrap_or(item);
        }
        if let Some(rest) = item.strip_prefix("extern ") {
            item = rest.split_once("\" ").map_or(item, |(_, rest)| rest);
        }
        let Some(rest) = item.strip_prefix("fn ") else {
            continue;
        };
        let name = rest.split(['(', '<']).next().unwrap_or(rest);
        let close = format!("{}}}", " ".repeat(indent(line)));
        let last = match line.ends_with('}') {
            true => Some(*n),
            false => (*n..lines.len())
                .take_while(|at| {
                    let line = lines[*at];
                    indent(line) > indent(lines[n - 1])
                        || line.trim().is_empty()
                        || line.trim_start().starts_with([')', '{', '}'])
                        || line.trim() == "where"
                })
                .find(|at| lines[*at] == close)
                .map(|at| at + 1),
        };
        let declared = line.ends_with(';');
        if let (Some(last), false) = (last, declared) {
            let name = match owner.as_str() {
                "" => name.to_string(),
                owner => format!("{owner}::{name}"),
            };
            found.push((name, *n, last));
        }
    }
    found
}

/// `Poll` of `impl Drop for Poll {`; nothing for what is no `impl` or `trait`.
fn owner_of(item: &str) -> String {
    let item = item
        .trim_start_matches("pub ")
        .trim_start_matches("pub(crate) ")
        .trim_start_matches("unsafe ");
    let Some(rest) = item
        .strip_prefix("impl")
        .or_else(|| item.strip_prefix("trait "))
    else {
        return String::new();
    };
    let rest = match rest.starts_with('<') {
        true => rest.split_once("> ").map_or(rest, |(_, rest)| rest),
        false => rest,
    };
    let rest = rest.split_once(" for ").map_or(rest, |(_, rest)| rest);
    rest.trim_start_matches([' ', '&'])
        .split(['<', ' ', '{', ':'])
        .next()
        .unwrap_or_default()
        .to_string()
}

/// One file's row, and what it lacks although its chapters are written.
pub fn coverage(tree: &Tree) -> (Vec<String>, Vec<String>) {
    let shown = shown(tree);
    let mut rows = vec![format!(
        "{:34} {:>14} {:>12}  chapters",
        "file", "lines shown", "functions"
    )];
    let mut faults = Vec::new();
    for (path, text) in tree.files("src/", ".rs") {
        let Some((_, kind, chapters)) = SHOWN_IN.iter().find(|(begin, ..)| path.starts_with(begin))
        else {
            faults.push(format!(
                "{path}:1: no chapter shows this file; give it a line in SHOWN_IN (tests/book/sources.rs)"
            ));
            continue;
        };
        let none = BTreeSet::new();
        let shown = shown.get(path).unwrap_or(&none);
        let code = code(text);
        let missing: Vec<_> = code.iter().filter(|(n, _)| !shown.contains(n)).collect();
        let functions: Vec<_> = functions(text)
            .into_iter()
            .filter(|(name, ..)| !exempt(path, name))
            .collect();
        let hidden: Vec<_> = functions
            .iter()
            .filter(|(_, first, last)| missing.iter().any(|(n, _)| (first..=last).contains(&n)))
            .collect();
        let drafts: Vec<String> = chapters
            .iter()
            .filter(|chapter| !tree.written(**chapter))
            .map(|chapter| chapter.to_string())
            .collect();
        rows.push(format!(
            "{path:34} {:>6} of {:>4} {:>5} of {:>3}  {chapters:?}{}{}",
            code.len() - missing.len(),
            code.len(),
            functions.len() - hidden.len(),
            functions.len(),
            if *kind == Kind::Core { " core" } else { "" },
            match drafts.is_empty() {
                true => String::new(),
                false => format!(" (to be written: {})", drafts.join(", ")),
            }
        ));
        if !drafts.is_empty() {
            continue;
        }
        match kind {
            Kind::Core => faults.extend(missing.iter().map(|(n, line)| {
                format!(
                    "{path}:{n}: no page shows `{}`; chapters {chapters:?} show every line of this file",
                    line.trim()
                )
            })),
            Kind::Rest => faults.extend(hidden.iter().map(|(name, first, _)| {
                format!(
                    "{path}:{first}: no page shows all of `{name}`; show it in {chapters:?}, or add it to NOT_SHOWN (tests/book/sources.rs) and say why"
                )
            })),
        }
    }
    (rows, faults)
}

fn exempt(path: &str, function: &str) -> bool {
    let last = function.rsplit("::").next().unwrap_or(function);
    NOT_SHOWN
        .iter()
        .any(|(begin, name, _)| path.starts_with(begin) && (*name == function || *name == last))
}

/// The rows of the two tables above that no longer fit any file.
pub fn stale_tables(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for (begin, name, why) in NOT_SHOWN {
        let fits = tree.files(begin, ".rs").any(|(_, text)| {
            functions(text).iter().any(|(function, ..)| {
                function == name || function.rsplit("::").next() == Some(name)
            })
        });
        if !fits && *name != "fmt" {
            faults.push(format!(
                "tests/book/sources.rs: NOT_SHOWN names `{name}` of {begin} ({why}), which is gone; take it out"
            ));
        }
    }
    faults
}

/// Above every excerpt stands where it comes from; typed Rust stays short.
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
                "{at}: a block of code names its language: ```rust, ```sh, ```text"
            ));
        }
        if typed > 0 && !includes.is_empty() {
            faults.push(format!(
                "{at}: typed lines beside an include; let the anchor hold all of it"
            ));
        }
        if typed > 0 && fence.language.starts_with("text") {
            faults.push(format!("{at}: what a program printed is never typed; record it and include outputs/... (a command is ```sh)"));
        }
        if typed > 5 {
            faults.push(format!("{at}: {typed} typed lines, where five are allowed; put the code in a file that compiles, and include it by anchor"));
        }
        for include in includes {
            let source = include.file.ends_with(".rs");
            let wanted = if source { "rust" } else { "text" };
            let known = source || include.file.ends_with(".txt");
            if known && fence.language.split(',').next() != Some(wanted) {
                faults.push(format!(
                    "{at}: {} belongs into a ```{wanted} block",
                    include.file
                ));
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
                    "{at}: above it stands where it comes from: *{}, `function`*",
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
                "{}: {} stands outside a block of code; put it between ``` marks",
                page.at(include.line),
                include.file
            ));
        }
    }
    faults
}

/// `*src/poll.rs, ...*` and `*src/poll.rs*` name src/poll.rs.
fn names(label: &str, file: &str) -> bool {
    label
        .strip_prefix('*')
        .and_then(|rest| rest.strip_prefix(file))
        .is_some_and(|rest| rest.starts_with([',', '*', ' ', ':']))
}
