//! A chapter's parts, its exercises and their files, and its place in the contents.

use crate::sources::length;
use crate::tree::{Page, SUMMARY, Tree, summary, words};

/// Chapters about the same thing on different systems must link each other.
const SIBLINGS: &[&[usize]] = &[&[3, 4, 5], &[8, 9, 11]];

const PARTS: &[&str] = &[
    "The problem",
    "The code",
    "Run it",
    "On the other systems",
    "In the real world",
    "Exercises",
];

const ABOUT: &str = "*About ";

/// The index of the line with a chapter's minutes, and the right text for it. A reader needs a minute
/// for 180 words or for 12 lines of code in the running text, and 10 minutes for an exercise. The sum
/// is rounded up to five minutes.
pub fn about(page: &Page, tree: &Tree) -> Option<(usize, String)> {
    let line = page.lines.iter().position(|line| line.starts_with(ABOUT))?;
    let prose: usize = page.prose(false).iter().map(|line| words(line)).sum();
    let code: usize = page
        .fences
        .iter()
        .filter(|fence| fence.language.starts_with("rust") && !page.folded[fence.first])
        .map(|fence| length(page, fence, tree))
        .sum();
    let chapter = page.chapter()?;
    let exercise = |title: &str| title.starts_with(&format!("{chapter}."));
    let exercises = page
        .headings
        .iter()
        .filter(|(_, level, title)| *level == 3 && exercise(title))
        .count();
    let minutes = (prose * 12 + code * 180).div_ceil(180 * 12) + 10 * exercises;
    Some((
        line,
        format!("{ABOUT}{} minutes.*", minutes.next_multiple_of(5)),
    ))
}

/// Compares a chapter's minutes with its length.
pub fn minutes(page: &Page, tree: &Tree) -> Vec<String> {
    let wrong = about(page, tree).filter(|(line, about)| page.lines[*line] != about);
    let fault = wrong.map(|(line, about)| {
        let at = page.at(line);
        format!(
            "{at}: its length gives `{about}`; `EVQ_RECORD=1 cargo test --test book minutes` writes it"
        )
    });
    fault.into_iter().collect()
}

/// The table of contents must list every page once, in its chapter's place.
pub fn contents(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let entries = summary(tree.text(SUMMARY).unwrap_or_default());
    for page in tree.pages() {
        let listed: Vec<_> = entries
            .iter()
            .filter(|entry| entry.page.as_deref() == Some(page.path))
            .collect();
        let name = page.path.trim_start_matches("book/src/");
        match listed[..] {
            [entry] => {
                let title = page.lines.first().copied().unwrap_or_default();
                if entry.number != page.chapter() {
                    faults.push(format!(
                        "book/src/SUMMARY.md:{}: {name} is in the place of chapter {:?}",
                        entry.line, entry.number
                    ));
                }
                if page.chapter().is_some() && title != format!("# {}", entry.title) {
                    faults.push(format!(
                        "{}: the page is called `{title}`, but SUMMARY.md says `{}`; make them agree",
                        page.at(0),
                        entry.title
                    ));
                }
            }
            [] => faults.push(format!(
                "{}: no line of book/src/SUMMARY.md links this page; change the draft `[Title]()` to `[Title]({name})`",
                page.at(0)
            )),
            _ => faults.push(format!(
                "{}: book/src/SUMMARY.md lists this page more than once",
                page.at(0)
            )),
        }
    }
    for entry in &entries {
        if let Some(path) = &entry.page {
            if tree.text(path).is_none() {
                faults.push(format!(
                    "book/src/SUMMARY.md:{}: {path} does not exist; leave the chapter a draft: `[{}]()`",
                    entry.line, entry.title
                ));
            }
        }
    }
    faults
}

/// A chapter must have its parts in their order, and no part may be too long.
pub fn form(page: &Page, tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(chapter) = page.chapter() else {
        return faults;
    };
    let titles: Vec<_> = page
        .headings
        .iter()
        .filter(|(_, level, _)| *level == 1)
        .collect();
    if titles.len() != 1 || titles[0].0 != 0 {
        faults.push(format!(
            "{}: begin the chapter with `# Title`, its only heading of that level",
            page.at(0)
        ));
    }
    let parts: Vec<_> = page
        .headings
        .iter()
        .filter(|(_, level, _)| *level == 2)
        .collect();
    let named: Vec<&str> = parts.iter().map(|(_, _, title)| *title).collect();
    let optional = named.contains(&"In the real world");
    let wanted = PARTS
        .iter()
        .copied()
        .filter(|part| optional || *part != "In the real world");
    if !wanted.clone().eq(named.iter().copied()) {
        faults.push(format!(
            "{}: the parts are {named:?}; they should be {:?}, in this order",
            page.at(parts.first().map_or(0, |(line, ..)| *line)),
            wanted.collect::<Vec<_>>()
        ));
    }
    let section = |name: &str| {
        let at = parts.iter().position(|(_, _, title)| *title == name)?;
        let end = parts
            .get(at + 1)
            .map_or(page.lines.len(), |(line, ..)| *line);
        Some(parts[at].0 + 1..end)
    };
    let prose = page.prose(false);

    let count: usize = prose.iter().map(|line| words(line)).sum();
    let minutes = page.lines.iter().position(|line| line.starts_with(ABOUT));
    let first = parts.first().map_or(page.lines.len(), |(line, ..)| *line);
    match minutes {
        Some(line) if line < first => {
            let promise: Vec<&str> = prose[1..line].iter().map(String::as_str).collect();
            let promise = promise.join(" ");
            let ends = |word: &&str| {
                word.trim_end_matches(['*', '_', ')', '"'])
                    .ends_with(['.', '!', '?'])
            };
            let sentences = promise.split_whitespace().filter(ends).count();
            if !(1..=2).contains(&sentences) {
                faults.push(format!(
                    "{}: {sentences} sentences; say in one or two what the reader will be able to do",
                    page.at(1)
                ));
            }
        }
        _ => faults.push(format!(
            "{}: add the line `{ABOUT}5 minutes.*` above the first part",
            page.at(1)
        )),
    }
    if !(600..=2500).contains(&count) {
        faults.push(format!(
            "{}: {count} words of prose; a chapter has 600 to 2,500",
            page.at(0)
        ));
    }

    if let Some(run) = section("Run it") {
        let example = format!("--example {}", page.stem());
        let workbook = format!("workbook run {chapter}");
        if !page.lines[run.clone()]
            .iter()
            .any(|line| line.contains(&example) || line.ends_with(&workbook))
        {
            faults.push(format!(
                "{}: say in this part how to run it: `cargo run {example}`, or `cargo {workbook}`",
                page.at(run.start - 1)
            ));
        }
    }
    let path = format!("examples/{}.rs", page.stem());
    if tree.text(&path).is_none() {
        faults.push(format!("{}: its example {path} is missing", page.at(0)));
    }
    if let Some(others) = section("On the other systems") {
        let rows = others
            .clone()
            .filter(|n| page.lines[*n].starts_with('|'))
            .count();
        let heads = others
            .clone()
            .filter(|n| {
                page.lines[*n].starts_with("|--")
                    || page.lines[*n].starts_with("| --")
                    || page.lines[*n].starts_with("|:")
            })
            .count();
        if rows > 8 + 2 * heads {
            faults.push(format!(
                "{}: {} table rows, but eight are allowed; keep only what differs",
                page.at(others.start - 1),
                rows - 2 * heads
            ));
        }
    }
    if let Some(world) = section("In the real world") {
        let count: usize = prose[world.clone()].iter().map(|line| words(line)).sum();
        if count > 150 {
            faults.push(format!(
                "{}: {count} words, but 150 are allowed; tell one decision and what it brings",
                page.at(world.start - 1)
            ));
        }
        if !page.lines[world.clone()]
            .iter()
            .any(|line| line.contains("](http"))
        {
            faults.push(format!(
                "{}: no link to the code of that decision; add it",
                page.at(world.start - 1)
            ));
        }
    }
    for group in SIBLINGS.iter().filter(|group| group.contains(&chapter)) {
        for other in group
            .iter()
            .filter(|other| **other != chapter && tree.written(**other))
        {
            let target = format!("](ch{other:02}_");
            if !page.lines.iter().any(|line| line.contains(&target)) {
                faults.push(format!("{}: link the sibling, chapter {other}", page.at(0)));
            }
        }
    }
    if let Some(exercises) = section("Exercises") {
        faults.extend(self::exercises(page, chapter, exercises, tree));
    }
    faults
}

/// A chapter must have one to three exercises, each with its command, hints, solution and files.
fn exercises(
    page: &Page,
    chapter: usize,
    section: std::ops::Range<usize>,
    tree: &Tree,
) -> Vec<String> {
    let mut faults = Vec::new();
    let headings: Vec<_> = page
        .headings
        .iter()
        .filter(|(line, level, _)| section.contains(line) && *level == 3)
        .collect();
    if !(1..=3).contains(&headings.len()) {
        faults.push(format!(
            "{}: {} exercises, but a chapter has one to three: `### {chapter}.1 Title`",
            page.at(section.start - 1),
            headings.len()
        ));
    }
    for (n, (line, _, title)) in headings.iter().enumerate() {
        let number = format!("{chapter}.{}", n + 1);
        let at = page.at(*line);
        if !title.starts_with(&format!("{number} ")) {
            faults.push(format!("{at}: call this exercise `### {number} Title`"));
            continue;
        }
        let end = headings.get(n + 1).map_or(section.end, |(line, ..)| *line);
        let body = &page.lines[*line..end];
        let command = format!("`cargo workbook check {number}`");
        if !body.iter().any(|line| line.trim() == command) {
            faults.push(format!(
                "{at}: add the line {command} between the exercise and its hints"
            ));
        }
        let summaries: Vec<&str> = body
            .iter()
            .filter_map(|line| line.split_once("<summary>")?.1.split_once("</summary>"))
            .map(|(summary, _)| summary)
            .collect();
        let hints = summaries.len().saturating_sub(1);
        let wanted: Vec<String> = (1..=hints)
            .map(|n| format!("Hint {n}"))
            .chain(["Solution".into()])
            .collect();
        let count = |tag| body.iter().filter(|line| line.contains(tag)).count();
        if hints == 0
            || summaries != wanted
            || count("<details>") != hints + 1
            || count("</details>") != hints + 1
        {
            faults.push(format!("{at}: its <details> are {summaries:?}; they should be Hint 1, Hint 2 and so on, then Solution"));
        }
        for (n, text) in body.iter().enumerate() {
            let blank = |n: usize| body.get(n).is_none_or(|line| line.trim().is_empty());
            let lone = text.contains("</summary>") && !blank(n + 1)
                || text.contains("</details>") && !(blank(n - 1) && blank(n + 1))
                || text.contains("<details>") && !blank(n - 1);
            if lone {
                faults.push(format!(
                    "{}: put blank lines around this tag, or mdBook leaves the Markdown beside it raw",
                    page.at(line + n)
                ));
            }
        }
        let stem = format!("ex{chapter:02}_{}_", n + 1);
        let begin = format!("tests/solutions/{stem}");
        let Some((answer, _)) = tree.files(&begin, ".rs").next() else {
            faults.push(format!("{at}: there is no tests/solutions/{stem}name.rs"));
            continue;
        };
        let solution = page
            .includes
            .iter()
            .any(|include| (*line..end).contains(&include.line) && include.file == answer);
        if !solution {
            faults.push(format!("{at}: include {answer} in its Solution"));
        }
        let name = answer
            .trim_start_matches("tests/solutions/")
            .trim_end_matches(".rs");
        for folder in ["solutions", "exercises"] {
            let (path, main) = (
                format!("tests/{folder}/{name}.rs"),
                format!("tests/{folder}/main.rs"),
            );
            let Some(text) = tree.text(&path) else {
                faults.push(format!("{at}: there is no {path}"));
                continue;
            };
            let checks = format!("#[path = \"../checks/{name}.rs\"]\nmod checks;\n");
            if !text.ends_with(&checks) {
                faults.push(format!(
                    "{path}:{}: end the file with `#[cfg(test)] {checks}`",
                    text.lines().count()
                ));
            }
            if !tree
                .text(&main)
                .is_some_and(|text| text.contains(&format!("mod {name};")))
            {
                faults.push(format!("{main}:1: add `mod {name};`"));
            }
        }
        match tree.text(&format!("tests/checks/{name}.rs")) {
            Some(text) if text.contains("use super::*;") => {}
            Some(_) => faults.push(format!(
                "tests/checks/{name}.rs:1: begin the file with `use super::*;`"
            )),
            None => faults.push(format!("{at}: there are no checks tests/checks/{name}.rs")),
        }
        let wrong = format!("tests/exercises/wrong/{name}.txt");
        if tree.text(&wrong).is_none() {
            faults.push(format!(
                "{at}: there is no {wrong}; write a wrong answer that fails a check"
            ));
        }
    }
    let begin = format!("tests/exercises/ex{chapter:02}_");
    for (path, _) in tree.files(&begin, ".rs") {
        let number = path[begin.len()..].split('_').next().unwrap_or_default();
        let title = format!("{chapter}.{number} ");
        if !headings
            .iter()
            .any(|(_, _, heading)| heading.starts_with(&title))
        {
            faults.push(format!(
                "{path}:1: {} has no exercise {title}; add it there, or remove the file",
                page.path
            ));
        }
    }
    faults
}
