//! What a reader meets on a page: names, links, tabs, notes, and the book's voice.

use crate::tree::{Page, Tree, attributes, resolve};
use std::collections::HashSet;

/// Words that the book does not use: whole words, in upper or lower case.
const NOT_SAID: &[&str] = &[
    "simply",
    "just",
    "easy",
    "powerful",
    "robust",
    "seamless",
    "crucial",
    "under the hood",
    "dive",
    "let's",
    "worth noting",
    "in essence",
    "journey",
    "not only",
    "not just",
];

/// Chapter 23's title, which every page may quote.
const ITS_TITLE: &str = "it's not that easy";

/// Names of C, of other systems and of other projects that a page may use without a link.
const NOT_OURS: &[&str] = &[
    "EVFILT_VNODE",
    "NtSetInformationFile",
    "Registry",
    "_Static_assert",
    "reqs_pending",
    "u_char",
    "uv_close",
];

/// A name in backticks that looks like code must be in our code, or link to other code.
pub fn names(tree: &Tree) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let code = tree.files("", "").filter(|(path, _)| {
        !path.starts_with("book/") && !path.starts_with("tests/book/") // which invents names
    });
    let ours: HashSet<&str> = code
        .flat_map(|(path, text)| path.split(|c| !part(c)).chain(text.split(|c| !part(c))))
        .collect();
    let mut faults = Vec::new();
    for page in tree.pages() {
        for (n, line) in page.lines.iter().enumerate() {
            let spans: Vec<&str> = line.split('`').collect();
            for (at, span) in spans.iter().enumerate().skip(1).step_by(2) {
                let links = spans[at + 1..]
                    .first()
                    .is_some_and(|next| next.starts_with("](http"));
                let path = span.contains("::") || span.contains("()");
                for name in span.split(|c| !part(c)) {
                    let camel = name.starts_with(|c: char| c.is_uppercase())
                        && name.contains(|c: char| c.is_lowercase());
                    if page.fenced[n].is_none()
                        && (path || camel || name.contains('_'))
                        && !(links || ours.contains(name) || NOT_OURS.contains(&name))
                    {
                        faults.push(format!(
                            "{}: our code has no `{name}`; link it, or add it to NOT_OURS (tests/book/reading.rs)",
                            page.at(n)
                        ));
                    }
                }
            }
        }
    }
    faults
}

/// Links, fragments and images must have a target.
pub fn links(page: &Page, tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let own = page.ids(tree);
    let definitions: HashSet<String> = page
        .lines
        .iter()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .map(|(label, _)| label.to_lowercase())
        .collect();
    for (n, line) in page.lines.iter().enumerate() {
        if page.fenced[n].is_some() {
            continue;
        }
        let at = page.at(n);
        let line = without_code(line);
        let mut targets: Vec<&str> = Vec::new();
        for (start, _) in line.match_indices("](") {
            let target = line[start + 2..]
                .split([')', ' '])
                .next()
                .unwrap_or_default();
            targets.push(target);
            let image = line[..start]
                .rfind('[')
                .filter(|open| line[..*open].ends_with('!'));
            if let Some(open) = image {
                if target.ends_with(".svg") {
                    faults.push(format!("{at}: include the figure, `{{{{#include {target}}}}}` in <figure>, so that it follows the theme"));
                }
                if line[open + 1..start].trim().is_empty() {
                    faults.push(format!(
                        "{at}: the image has no description; write it between the brackets"
                    ));
                }
            }
        }
        for (start, _) in line.match_indices("][") {
            let label = line[start + 2..].split(']').next().unwrap_or_default();
            if !label.is_empty() && !definitions.contains(&label.to_lowercase()) {
                faults.push(format!(
                    "{at}: nothing defines [{label}]; add `[{label}]: address`"
                ));
            }
        }
        if line.starts_with('[') {
            targets.extend(line.split_once("]: ").map(|(_, target)| target.trim()));
        }
        targets.extend(attributes(&line, "href").chain(attributes(&line, "src")));
        for target in targets {
            if ["https://", "http://", "mailto:"]
                .iter()
                .any(|begin| target.starts_with(begin))
            {
                continue;
            }
            let (file, fragment) = target
                .split_once('#')
                .map_or((target, None), |(file, id)| (file, Some(id)));
            let path = match file {
                "" => page.path.to_string(),
                file => resolve(page.path, file),
            };
            if !path.starts_with("book/src/") {
                faults.push(format!("{at}: {target} is not part of the built book; link to it in the repository (https://...)"));
                continue;
            }
            let Some(text) = tree.text(&path) else {
                faults.push(format!("{at}: {target} leads nowhere: there is no {path} (name an unwritten chapter without a link)"));
                continue;
            };
            let there = match fragment {
                None => true,
                Some(id) if file.is_empty() => own.contains(id),
                Some(id) => Page::new(&path, text).ids(tree).contains(id),
            };
            if !there {
                faults.push(format!(
                    "{at}: {path} has no heading or id `{}`",
                    fragment.unwrap_or_default()
                ));
            }
        }
    }
    let prose = page.prose(false);
    let mut linked = HashSet::from([page.chapter().unwrap_or(0)]);
    for (n, line) in prose.iter().enumerate() {
        for (start, found) in line.to_lowercase().match_indices("chapter ") {
            let rest = &line.to_lowercase()[start + found.len()..];
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            let Some(chapter) = digits.and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            let link = format!("](ch{chapter:02}_");
            if tree.written(chapter)
                && linked.insert(chapter)
                && !page.lines.iter().any(|line| line.contains(&link))
            {
                faults.push(format!(
                    "{}: chapter {chapter} is written; link it, here or elsewhere on this page",
                    page.at(n)
                ));
            }
        }
    }
    faults
}

/// A line without the code in it.
fn without_code(line: &str) -> String {
    line.split('`')
        .enumerate()
        .filter(|(n, _)| n % 2 == 0)
        .map(|(_, part)| part)
        .collect::<Vec<_>>()
        .join("")
}

/// The script must find the tabs, and mdBook must know the admonitions.
pub fn tabs_and_notes(page: &Page) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = HashSet::new();
    for (n, line) in page.lines.iter().enumerate() {
        if page.fenced[n].is_some() {
            continue;
        }
        let at = page.at(n);
        if let Some(note) = line.trim_start_matches(['>', ' ']).strip_prefix("[!") {
            let known = ["NOTE]", "TIP]", "IMPORTANT]", "WARNING]", "CAUTION]"];
            if line.starts_with('>') && !known.contains(&note.trim_end()) {
                faults.push(format!("{at}: write [!NOTE], [!TIP], [!IMPORTANT], [!WARNING] or [!CAUTION], without a title"));
            }
        }
        if line.contains("class=\"tabs\"") {
            let close = page.lines[n..]
                .iter()
                .position(|line| line.trim() == "</div>");
            let group = &page.lines[n..n + close.unwrap_or(0)];
            let tabs: Vec<_> = group
                .iter()
                .filter(|line| line.contains("<section"))
                .collect();
            if tabs.len() < 2
                || group.iter().filter(|line| line.contains("<h4>")).count() != tabs.len()
            {
                faults.push(format!("{at}: write tabs as two or more <section class=\"tab\">, each with its <h4>, and </div> alone on the last line"));
            }
        }
        if line.contains("<section") {
            let system = attributes(line, "data-os").next().unwrap_or_default();
            let id = attributes(line, "id").next().unwrap_or_default();
            if !["linux", "macos", "windows"].contains(&system) || !line.contains("class=\"tab\"") {
                faults.push(format!("{at}: write a tab as <section class=\"tab\" data-os=\"linux|macos|windows\" id=\"...\">"));
            }
            if id.is_empty() || !ids.insert(id) {
                faults.push(format!("{at}: give each tab its own id"));
            }
        }
        let id = attributes(line, "id")
            .next()
            .filter(|_| !line.contains("<section"));
        if let Some(id) = id.filter(|id| !ids.insert(id)) {
            faults.push(format!("{at}: id `{id}` is taken; give it another"));
        }
    }
    faults
}

/// Finds the words that the book does not use.
pub fn voice(page: &Page) -> Vec<String> {
    said(&page.prose(true))
        .into_iter()
        .map(|(line, word)| {
            format!(
                "{}: this book does not use \"{word}\"; leave it out or be exact",
                page.at(line)
            )
        })
        .collect()
}

/// Those words in these lines: (index of the line, word).
pub fn said(lines: &[String]) -> Vec<(usize, &'static str)> {
    let mut spoken: Vec<(usize, String)> = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let parts = line.split(|c: char| !(c.is_alphanumeric() || c == '\''));
        let found = parts
            .map(|word| word.trim_matches('\'').to_lowercase())
            .filter(|word| !word.is_empty());
        spoken.extend(found.map(|word| (n, word)));
        if line.trim().is_empty() {
            spoken.push((n, String::new())); // a phrase ends with its paragraph
        }
    }
    let begins = |at: usize, phrase: &str| {
        let mut words = phrase.split(' ').enumerate();
        words.all(|(n, word)| spoken.get(at + n).is_some_and(|(_, said)| said == word))
    };
    let mut faults = Vec::new();
    let mut at = 0;
    while at < spoken.len() {
        if begins(at, ITS_TITLE) {
            at += 4;
            continue;
        }
        let longest = NOT_SAID.iter().rev().find(|phrase| begins(at, phrase));
        faults.extend(longest.map(|phrase| (spoken[at].0, *phrase)));
        at += longest.map_or(1, |phrase| phrase.split(' ').count());
    }
    faults
}
