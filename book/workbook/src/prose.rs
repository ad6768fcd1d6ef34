//! Markdown within a block: inline styles, links, HTML tags, and tables.
//!
//! With colours, a style is first a control character, because that takes no column
//! while lines are wrapped. At the end, `styled` replaces it by the terminal's own
//! sequence. Without colours, only code keeps its marks.

use crate::terminal::{Screen, columns, wrap};

/// The text between `<name>` and `</name>`.
pub fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}"))?;
    let (_, rest) = rest.split_once('>')?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text without HTML tags. Text in backquotes stays as it is.
pub fn without_tags(text: &str) -> String {
    let mut plain = String::new();
    for (index, span) in text.split('`').enumerate() {
        if index > 0 {
            plain.push('`');
        }
        if index % 2 == 1 {
            plain.push_str(span);
            continue;
        }
        let mut rest = span;
        while let Some(open) = rest.find('<') {
            plain.push_str(&rest[..open]);
            rest = &rest[open..];
            let tag = rest[1..].starts_with(|c: char| c.is_ascii_lowercase() || c == '/');
            if rest.starts_with("<sup>") {
                plain.push('^');
            }
            match rest.find('>').filter(|_| tag) {
                Some(close) if rest[..close].contains("://") && !rest[..close].contains(' ') => {
                    plain.push_str(&rest[1..close]);
                    rest = &rest[close + 1..];
                }
                Some(close) => rest = &rest[close + 1..],
                None => {
                    plain.push('<');
                    rest = &rest[1..];
                }
            }
        }
        plain.push_str(rest);
    }
    plain
}

const BOLD: char = '\x01';
const ITALIC: char = '\x02';
const CODE: char = '\x03';

/// Translates the Markdown within a line. With colours, styles become the control
/// characters above.
pub fn inline(text: &str, colour: bool, links: &mut Vec<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    let style = |mark: char| {
        if colour {
            String::from(mark)
        } else {
            String::new()
        }
    };
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let spaced = after.starts_with(' ') && (out.is_empty() || out.ends_with(' '));
        if let ('`', Some((code, next))) = (c, after.split_once('`')) {
            let (open, close) = match colour {
                true => (CODE, CODE),
                false => ('`', '`'),
            };
            out.extend([open].into_iter().chain(code.chars()).chain([close]));
            rest = next;
        } else if let ('\\', Some(escaped)) = (c, after.chars().next()) {
            out.push(escaped);
            rest = &after[escaped.len_utf8()..];
        } else if let ('*', Some(next)) = (c, after.strip_prefix('*')) {
            out.push_str(&style(BOLD));
            rest = next;
        } else if c == '*' && !spaced {
            out.push_str(&style(ITALIC));
            rest = after;
        } else if let Some((shown, url, next)) = link(rest) {
            let shown = inline(shown, colour, links);
            out.push_str(&shown);
            out.push_str(&destination(&shown, url, links));
            rest = next;
        } else if let Some((character, next)) = entity(rest) {
            out.push(character);
            rest = next;
        } else {
            out.push(c);
            rest = after;
        }
    }
    out
}

/// Takes `[shown](url)` apart, and the text after it. The `!` of an image is dropped.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.strip_prefix('!').unwrap_or(text);
    let (shown, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (url, next) = rest.split_once(')')?;
    (!shown.contains(']')).then_some((shown, url, next))
}

/// How a link's target is printed. A chapter is printed as the command `read N`, unless
/// the text already ends with its number. A web address is printed as a number, and the
/// page's end lists the addresses. Other targets are not printed.
fn destination(shown: &str, url: &str, links: &mut Vec<String>) -> String {
    let chapter = url.strip_prefix("ch").and_then(|rest| rest.get(..2));
    let chapter: Option<u32> = chapter.and_then(|digits| digits.parse().ok());
    match chapter {
        Some(chapter) if url.contains(".md") => {
            match shown.rsplit(' ').next() == Some(chapter.to_string().as_str()) {
                true => String::new(),
                false => format!(" (read {chapter})"),
            }
        }
        _ if !url.contains("://") => String::new(),
        _ => {
            let known = links.iter().position(|link| link == url);
            let index = known.unwrap_or(links.len());
            if known.is_none() {
                links.push(url.to_string());
            }
            format!(" [{}]", index + 1)
        }
    }
}

fn entity(text: &str) -> Option<(char, &str)> {
    let known = [
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&amp;", '&'),
        ("&quot;", '"'),
        ("&nbsp;", '\u{a0}'),
    ];
    known
        .into_iter()
        .find_map(|(name, character)| Some((character, text.strip_prefix(name)?)))
}

/// Replaces the control characters of `inline` by the terminal's own sequences.
pub fn styled(text: &str) -> String {
    let mut on = [false; 4];
    let mut out = String::new();
    for c in text.chars() {
        let (start, end) = match c {
            BOLD => ("\x1b[1m", "\x1b[22m"),
            ITALIC => ("\x1b[3m", "\x1b[23m"),
            CODE => ("\x1b[36m", "\x1b[39m"),
            _ => {
                out.push(c);
                continue;
            }
        };
        let on = &mut on[c as usize];
        *on = !*on;
        out.push_str(if *on { start } else { end });
    }
    out
}

pub fn tint(text: &str, colour_code: u8, colour: bool) -> String {
    if colour && !text.is_empty() {
        format!("\x1b[{colour_code}m{text}\x1b[0m")
    } else {
        text.to_string()
    }
}

/// A table in columns. If it is too wide, its widest column is wrapped.
pub fn table(rows: &[String], screen: Screen, links: &mut Vec<String>) -> String {
    let mut cells = |row: &String| -> Vec<String> {
        let row = row.trim_matches('|').replace("\\|", "\x04");
        let cells = row.split('|').map(|cell| cell.replace('\x04', "|"));
        cells
            .map(|cell| inline(&without_tags(cell.trim()), screen.colour, links))
            .collect()
    };
    let is_rule = |row: &&String| !row.chars().all(|c| "|-: ".contains(c));
    let rows: Vec<Vec<String>> = rows.iter().filter(is_rule).map(&mut cells).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![1; count];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns(cell).max(*width);
        }
    }
    // A column is at least as wide as its longest word.
    let mut least = vec![8; count];
    for row in &rows {
        for (least, cell) in least.iter_mut().zip(row) {
            let words = cell.split_whitespace().map(columns);
            *least = words.max().unwrap_or(0).max(*least);
        }
    }
    while widths.iter().sum::<usize>() + 2 * count.saturating_sub(1) > screen.prose {
        let shrinkable = widths.iter_mut().zip(&least);
        let shrinkable = shrinkable.filter(|(width, least)| **width > **least);
        match shrinkable.map(|(width, _)| width).max() {
            Some(widest) => *widest -= 1,
            None => break,
        }
    }
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths);
        let wrapped: Vec<String> = cells
            .map(|(cell, width)| styled_lines(&wrap(cell, "", "", *width)))
            .collect();
        let height = wrapped.iter().map(|cell| cell.lines().count()).max();
        for line in 0..height.unwrap_or(0) {
            let mut text = String::new();
            for (cell, width) in wrapped.iter().zip(&widths) {
                let cell = cell.lines().nth(line).unwrap_or_default();
                text.push_str(cell);
                text.push_str(&" ".repeat((width + 2).saturating_sub(columns(cell))));
            }
            out.push_str(styled(&text).trim_end());
            out.push('\n');
        }
        if index == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            out.push_str(&rule.join("  "));
            out.push('\n');
        }
    }
    out
}

/// Ends each style at the end of its line, and begins it again in the next. A line of a
/// table has parts of several cells, and a pager may show any line first.
pub fn styled_lines(text: &str) -> String {
    let mut out = String::new();
    let mut open: Vec<char> = Vec::new();
    for c in text.chars() {
        if c == '\n' {
            out.extend(open.iter());
            out.push(c);
            out.extend(open.iter());
            continue;
        }
        if [BOLD, ITALIC, CODE].contains(&c) {
            match open.iter().position(|mark| *mark == c) {
                Some(index) => drop(open.remove(index)),
                None => open.push(c),
            }
        }
        out.push(c);
    }
    out
}
