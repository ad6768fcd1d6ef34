//! The files of the book, and the parts of a page that the checks need.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

/// The text of every file that the book may show, by its path from the repository's root.
#[derive(Clone, Default)]
pub struct Tree(pub BTreeMap<String, String>);

impl Tree {
    pub fn load(root: &Path) -> Tree {
        let mut tree = Tree::default();
        for folder in ["src", "examples", "tests", "book/src"] {
            tree.add(root, folder);
        }
        tree
    }

    fn add(&mut self, root: &Path, folder: &str) {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            return; // a fork or an incomplete checkout may lack this folder
        };
        for entry in entries {
            let entry = entry.expect("a folder of the repository can be listed");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.add(root, &path);
            } else {
                let bytes = fs::read(entry.path()).expect("a file of the repository can be read");
                let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
                self.0.insert(path, text);
            }
        }
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The files whose path begins with `begin` and ends with `end`.
    pub fn files<'a>(
        &'a self,
        begin: &str,
        end: &str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let (begin, end) = (begin.to_string(), end.to_string());
        self.0
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(move |(path, _)| path.starts_with(&begin) && path.ends_with(&end))
    }

    /// Every page except the table of contents.
    pub fn pages(&self) -> Vec<Page<'_>> {
        self.files("book/src/", ".md")
            .filter(|(path, _)| *path != SUMMARY)
            .map(|(path, text)| Page::new(path, text))
            .collect()
    }

    /// Whether the chapter's page exists.
    pub fn written(&self, chapter: usize) -> bool {
        let begin = format!("book/src/ch{chapter:02}_");
        self.files(&begin, ".md").next().is_some()
    }
}

pub const SUMMARY: &str = "book/src/SUMMARY.md";

/// One line of the table of contents.
pub struct Entry<'a> {
    pub line: usize,
    pub number: Option<usize>,
    pub title: &'a str,
    pub page: Option<String>,
}

pub fn summary(text: &str) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut number = 0;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        let item = line.strip_prefix("- ");
        let Some((title, target)) = item
            .unwrap_or(line)
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|rest| rest.rsplit_once("]("))
        else {
            continue;
        };
        number += usize::from(item.is_some());
        entries.push(Entry {
            line: n + 1,
            number: item.map(|_| number),
            title,
            page: (!target.is_empty()).then(|| format!("book/src/{target}")),
        });
    }
    entries
}

/// A page, line by line.
pub struct Page<'a> {
    pub path: &'a str,
    pub lines: Vec<&'a str>,
    /// For each line, the index of its fence.
    pub fenced: Vec<Option<usize>>,
    /// Whether the line is in `<details>` and so not in the running text.
    pub folded: Vec<bool>,
    pub fences: Vec<Fence<'a>>,
    pub includes: Vec<Include<'a>>,
    /// (index of the line, level, title)
    pub headings: Vec<(usize, usize, &'a str)>,
}

/// A block of code. `first` and `last` are the indices of the lines with its marks.
pub struct Fence<'a> {
    pub first: usize,
    pub last: usize,
    pub language: &'a str,
}

pub struct Include<'a> {
    pub line: usize,
    /// The text between `{{#` and `}}`.
    pub typed: &'a str,
    /// The path from the repository's root.
    pub file: String,
    pub anchor: Option<&'a str>,
}

impl<'a> Page<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Page<'a> {
        let lines: Vec<&str> = text.lines().collect();
        let mut page = Page {
            path,
            fenced: vec![None; lines.len()],
            folded: Vec::new(),
            lines,
            fences: Vec::new(),
            includes: Vec::new(),
            headings: Vec::new(),
        };
        let mut open = false;
        let mut folded = false;
        for (n, line) in page.lines.iter().enumerate() {
            folded |= line.starts_with("<details");
            page.folded.push(folded);
            folded &= !line.starts_with("</details");
            let mark = line
                .trim_start_matches([' ', '>'])
                .strip_prefix("```")
                .filter(|info| !info.contains('`'));
            match mark {
                Some(info) if !open => {
                    open = true;
                    page.fences.push(Fence {
                        first: n,
                        last: n,
                        language: info.trim(),
                    });
                }
                Some(_) => open = false,
                None if !open => {
                    let level = line.len() - line.trim_start_matches('#').len();
                    if (1..=6).contains(&level) && line[level..].starts_with(' ') {
                        page.headings.push((n, level, line[level..].trim()));
                    }
                }
                None => {}
            }
            if open || mark.is_some() {
                let fence = page.fences.len() - 1;
                page.fences[fence].last = n;
                page.fenced[n] = Some(fence);
            }
            if let Some(at) = line.find("{{#") {
                let typed = line[at + 3..].split("}}").next().unwrap_or_default();
                let target = typed.strip_prefix("include ").unwrap_or_default().trim();
                let (file, anchor) = match target.split_once(':') {
                    Some((file, anchor)) => (file, Some(anchor)),
                    None => (target, None),
                };
                page.includes.push(Include {
                    line: n,
                    typed,
                    file: resolve(path, file),
                    anchor,
                });
            }
        }
        page
    }

    /// `file:line` of the line with this index.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{}", self.path, line + 1)
    }

    /// The chapter's number, from the page's name. A page outside the chapters has none.
    pub fn chapter(&self) -> Option<usize> {
        chapter_of(self.stem())
    }

    pub fn stem(&self) -> &'a str {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        name.split('.').next().unwrap_or(name)
    }

    /// The includes inside a fence.
    pub fn included(&self, fence: &Fence) -> impl Iterator<Item = &Include<'a>> {
        let (first, last) = (fence.first, fence.last);
        self.includes
            .iter()
            .filter(move |include| (first..=last).contains(&include.line))
    }

    /// The prose of every line, without code blocks, includes, tags and the targets
    /// of links. With `voice`, also without code in the text and without quotations,
    /// because these are not the book's own voice.
    pub fn prose(&self, voice: bool) -> Vec<String> {
        let mut text = String::new();
        let mut quotation = false;
        for (n, line) in self.lines.iter().enumerate() {
            let quote = line.starts_with('>');
            if quote && (n == 0 || !self.lines[n - 1].starts_with('>')) {
                quotation = !line.contains("[!"); // an admonition is the book's own voice
            }
            let definition = line.starts_with('[') && line.contains("]: ");
            let out = self.fenced[n].is_some()
                || line.contains("{{#")
                || definition
                || line.starts_with("> [!")
                || (voice && quote && quotation);
            if !out {
                text.push_str(line.trim_start_matches('>'));
            }
            text.push('\n');
        }
        unmark(&text, voice).lines().map(String::from).collect()
    }

    /// The fragments that a link into this page may name.
    pub fn ids(&self, tree: &Tree) -> HashSet<String> {
        let mut used = HashSet::new();
        for (_, _, title) in &self.headings {
            let id: String = unmark(title, false)
                .trim()
                .to_lowercase()
                .chars()
                .filter_map(|c| match c {
                    c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
                    c => c.is_whitespace().then_some('-'),
                })
                .collect();
            let free = (0..).map(|n| match n {
                0 => id.clone(),
                n => format!("{id}-{n}"),
            });
            let id = free.into_iter().find(|id| !used.contains(id));
            used.extend(id);
        }
        for (n, line) in self.lines.iter().enumerate() {
            if self.fenced[n].is_none() {
                used.extend(attributes(line, "id").map(String::from));
            }
        }
        for include in &self.includes {
            if include.file.ends_with(".svg") {
                let svg = tree.text(&include.file).unwrap_or_default();
                used.extend(attributes(svg, "id").map(String::from));
            }
        }
        used
    }
}

/// The chapter in a name such as `ch03_raw_epoll`.
pub fn chapter_of(stem: &str) -> Option<usize> {
    let (number, _) = stem.strip_prefix("ch")?.split_once('_')?;
    number.parse().ok()
}

/// The path from the repository's root, for a path that is typed on a page.
pub fn resolve(page: &str, typed: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in typed.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The values of an attribute in a piece of HTML or SVG.
pub fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let key = format!("{name}=\"");
    html.match_indices(&key)
        .filter(|(at, _)| html[..*at].ends_with(char::is_whitespace))
        .filter_map(|(at, found)| html[at + found.len()..].split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The number of words: parts that contain a letter or a digit.
pub fn words(text: &str) -> usize {
    text.split_whitespace()
        .filter(|word| word.contains(char::is_alphanumeric))
        .count()
}

/// Removes the marks of Markdown and HTML from a text, and keeps its lines.
pub fn unmark(text: &str, voice: bool) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let paragraph = match "`<]\"“".contains(c) {
            true => &rest[..rest.find("\n\n").unwrap_or(rest.len())],
            false => "",
        };
        let (skip, keep) = match c {
            '`' => code_span(paragraph, voice),
            '<' if paragraph[1..].starts_with(|c: char| c.is_alphabetic() || "/!".contains(c)) => {
                let (from, close) = match rest.starts_with("<!--") {
                    true => (rest, "-->"),
                    false => (paragraph, ">"),
                };
                (from.find(close).map(|end| end + close.len()), None)
            }
            ']' if paragraph[1..].starts_with('(') => {
                (paragraph.find(')').map(|end| end + 1), Some("]"))
            }
            '"' | '“' if voice => {
                let close = if c == '"' { '"' } else { '”' };
                let body = &paragraph[c.len_utf8()..];
                let end = body.find(close);
                (end.map(|end| c.len_utf8() + end + close.len_utf8()), None)
            }
            _ => (None, None),
        };
        let skip = match skip {
            Some(skip) => {
                out.push_str(keep.unwrap_or(" "));
                out.extend(rest[..skip].chars().filter(|c| *c == '\n'));
                skip
            }
            None => {
                out.push(if c == '’' { '\'' } else { c });
                c.len_utf8()
            }
        };
        rest = &rest[skip..];
    }
    out
}

/// A span of code at the start of `text`: its length, and the text that is kept.
fn code_span(text: &str, drop: bool) -> (Option<usize>, Option<&str>) {
    let ticks = text.len() - text.trim_start_matches('`').len();
    let close = text[..ticks].to_string();
    match text[ticks..].find(&close) {
        Some(end) => {
            let code = &text[ticks..ticks + end];
            let keep = (!drop && !code.contains('\n')).then_some(code);
            (Some(end + 2 * ticks), keep)
        }
        None => (None, None),
    }
}
