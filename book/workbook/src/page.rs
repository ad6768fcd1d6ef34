//! Prints a page of the book. Markdown becomes plain text of 80 columns. On a
//! terminal, the text has colours and the terminal's width, and a pager shows it.
//!
//! `gather` replaces each include by its text. `Printer` then lays out the blocks:
//! it copies code, wraps prose, describes a figure by its title and description, and
//! replaces an exercise's hints by the command that shows them.

use crate::book::{Book, Page, read};
use crate::contents::next_step;
use crate::highlight::rust;
use crate::progress::remember;
use crate::prose::{element, inline, styled, styled_lines, table, tint, without_tags};
use crate::terminal::{Screen, bold, columns, say, show, wrap};
use crate::{Outcome, include};
use std::path::Path;
use std::process::ExitCode;

/// `cargo workbook read N`.
pub fn command(book: &Book, typed: &str) -> Outcome {
    let page = book.page(typed)?;
    let Some(file) = &page.file else {
        let chapter = book.chapter(typed)?;
        return Err(chapter.not_written());
    };
    let path = book.pages().join(file);
    let text = render(
        &read(&path)?,
        path.parent().unwrap_or(&path),
        Screen::here(),
    );
    show(&text);
    remember_read(book, page);
    say(&format!("\nNext: {}\n", next_step(book)));
    Ok(ExitCode::SUCCESS)
}

pub fn remember_read(book: &Book, page: &Page) {
    let chapter = book
        .chapters()
        .find(|chapter| chapter.page.file == page.file);
    let key = chapter.map(|chapter| chapter.number.to_string());
    remember(book, "read", key.as_deref().unwrap_or(page.name()));
}

/// The printed page. Includes are relative to `folder`.
pub fn render(markdown: &str, folder: &Path, screen: Screen) -> String {
    let mut pieces = Vec::new();
    gather(&unfolded(markdown), folder, &mut pieces);
    let mut printer = Printer {
        screen,
        ..Printer::default()
    };
    for (index, piece) in pieces.iter().enumerate() {
        if !matches!(piece, Piece::Code { .. }) {
            printer.indent = None;
        } else if printer.indent.is_none() {
            printer.indent = Some(indent(&pieces[index..], screen.code));
        }
        printer.piece(piece);
    }
    printer.end_block();
    printer.links();
    printer.out.truncate(printer.out.trim_end().len());
    printer.out.push('\n');
    printer.out
}

/// Moves the text of each `<details>` to the page's end, under a heading. The hints and
/// solutions of exercises stay where they are.
fn unfolded(markdown: &str) -> String {
    let mut page: Vec<String> = Vec::new();
    let mut rest = String::new();
    let mut title = "The rest of these files".to_string();
    // Whether the heading has moved together with its text.
    let mut moved = false;
    let (mut exercise, mut fenced, mut inside) = (false, false, false);
    for line in markdown.lines() {
        let start = line.trim();
        if start.starts_with("```") {
            fenced = !fenced;
        } else if let (Some((2..=3, text)), false) = (heading(start), fenced) {
            let digit = text.starts_with(|c: char| c.is_ascii_digit());
            exercise = digit || exercise && !start.starts_with("## ");
        }
        if start.starts_with("<details") && !exercise && !fenced {
            inside = true;
            // The heading directly above moves too.
            let last = page.iter().rposition(|line| !line.trim().is_empty());
            let above = last.and_then(|last| Some((last, heading(&page[last])?.1.to_string())));
            if let Some((last, text)) = above.filter(|(_, text)| text.starts_with("The rest")) {
                title = text;
                page.truncate(last);
                moved = true;
            }
        }
        if !inside {
            moved &= start.is_empty();
            page.push(line.to_string());
            continue;
        }
        match element(line, "summary") {
            Some(summary) => {
                rest.push_str(&format!("\n#### {summary}\n"));
                if !moved {
                    page.push(format!("(At the end of this page: {summary}.)"));
                }
            }
            None if start.starts_with("<details") || start == "</details>" => {}
            None => rest.push_str(&format!("{line}\n")),
        }
        inside = fenced || !start.ends_with("</details>");
    }
    let page = page.join("\n");
    match rest.is_empty() {
        true => page,
        false => format!("{page}\n\n## {title}\n{rest}"),
    }
}

enum Piece {
    Prose(String),
    Code {
        line: String,
        rust: bool,
    },
    Figure {
        title: String,
        question: String,
        description: String,
    },
}

fn gather(markdown: &str, folder: &Path, pieces: &mut Vec<Piece>) {
    // The fence around the current line: its marks, whether it is Rust, and how many
    // pieces come before it.
    let mut fence: Option<(&str, bool, usize)> = None;
    for line in markdown.lines() {
        if let Some((marks, rust, first)) = fence {
            let code = |line: &str| Piece::Code {
                line: line.to_string(),
                rust,
            };
            let hidden = rust && (line.trim() == "#" || line.trim_start().starts_with("# "));
            if line.trim() == marks {
                dedent(&mut pieces[first..]);
                fence = None;
            } else if let Some(target) = include::target(line) {
                let text = include::text(folder, target).unwrap_or_else(missing);
                pieces.extend(text.lines().map(code));
            } else if !hidden {
                pieces.push(code(line));
            }
            continue;
        }
        let start = line.trim_start();
        if start.starts_with("```") || start.starts_with("~~~") {
            let info = start.trim_start_matches(['`', '~']);
            let rust = info.starts_with("rust");
            fence = Some((&start[..start.len() - info.len()], rust, pieces.len()));
            continue;
        }
        // Tags may stand in the same line as an include.
        let split = line.replace("{{#", "\n{{#").replace("}}", "}}\n");
        for line in split.lines() {
            let Some(target) = include::target(line) else {
                // The question is printed before the description, which answers it.
                match (element(line, "figcaption"), open_figure(pieces)) {
                    (Some(caption), Some(question)) => *question = caption,
                    _ => pieces.push(Piece::Prose(line.to_string())),
                }
                continue;
            };
            let text = include::text(folder, target).unwrap_or_else(missing);
            if target.ends_with(".svg") {
                pieces.push(Piece::Figure {
                    title: element(&text, "title").unwrap_or_default(),
                    question: String::new(),
                    description: element(&text, "desc").unwrap_or_default(),
                });
            } else {
                gather(&text, folder, pieces);
            }
        }
        if split.is_empty() {
            pieces.push(Piece::Prose(String::new()));
        }
    }
}

/// The question of the last gathered figure, if only blank lines have followed the figure.
fn open_figure(pieces: &mut [Piece]) -> Option<&mut String> {
    let blank = |piece: &Piece| matches!(piece, Piece::Prose(line) if line.trim().is_empty());
    match pieces.iter_mut().rfind(|piece| !blank(piece))? {
        Piece::Figure { question, .. } => Some(question),
        _ => None,
    }
}

/// Removes the indentation that all lines of an excerpt share.
fn dedent(code: &mut [Piece]) {
    let lines = code.iter().filter_map(|piece| match piece {
        Piece::Code { line, .. } if !line.trim().is_empty() => Some(line),
        _ => None,
    });
    let indents = lines.map(|line| line.len() - line.trim_start().len());
    let shared = indents.min().unwrap_or(0);
    for piece in code {
        if let Piece::Code { line, .. } = piece {
            *line = line.get(shared..).unwrap_or_default().to_string();
        }
    }
}

fn missing(why: String) -> String {
    format!("(Something is missing here. {why})")
}

#[derive(Default)]
struct Printer {
    screen: Screen,
    out: String,
    /// The indentation of the current excerpt, in columns.
    indent: Option<usize>,
    /// The text of the current block, and the prefixes of its lines.
    block: String,
    first: String,
    rest: String,
    table: Vec<String>,
    /// The exercise of the current line, and whether the command for its hints has
    /// been printed.
    exercise: Option<String>,
    told: bool,
    inside_details: bool,
    /// The addresses of links. The text refers to them by number.
    links: Vec<String>,
}

impl Printer {
    fn piece(&mut self, piece: &Piece) {
        if self.inside_details {
            if let Piece::Prose(line) = piece {
                self.inside_details = !line.contains("</details>");
            }
            return;
        }
        match piece {
            Piece::Prose(line) => self.prose(line),
            Piece::Code {
                line,
                rust: is_rust,
            } => {
                self.end_block();
                let indent = " ".repeat(self.indent.unwrap_or(4));
                for line in folded(&format!("{indent}{line}"), self.screen.code).lines() {
                    self.out.push_str(&match (self.screen.colour, is_rust) {
                        (true, true) => rust(line.trim_end()),
                        (colour, _) => tint(line.trim_end(), 36, colour),
                    });
                    self.out.push('\n');
                }
            }
            Piece::Figure {
                title,
                question,
                description,
            } => {
                self.space();
                let title = format!("Figure: {}", inline(title, false, &mut self.links));
                for line in wrap(&title, "", "", self.screen.prose).lines() {
                    self.out.push_str(&bold(line, self.screen.colour));
                    self.out.push('\n');
                }
                for text in [question, description] {
                    let text = inline(text, false, &mut self.links);
                    if !text.is_empty() {
                        self.out
                            .push_str(&wrap(&text, "  ", "  ", self.screen.prose));
                    }
                }
            }
        }
    }

    fn prose(&mut self, line: &str) {
        let start = line.trim();
        if start.starts_with('|') {
            return self.table.push(start.to_string());
        }
        let indent = " ".repeat(line.len() - line.trim_start().len());
        let item = marker(start);
        if start.is_empty() {
            self.space();
        } else if start.starts_with("<details") {
            self.details(!start.contains("</details>"));
        } else if let Some(heading) = element(start, "h4").filter(|_| start.starts_with('<')) {
            self.heading(3, &heading);
        } else if let Some((level, heading)) = heading(start) {
            self.heading(level, heading);
        } else if ["---", "***"].contains(&start) || start.starts_with("<!--") {
            self.space();
        } else if let Some(quoted) = start.strip_prefix('>') {
            self.quote(quoted.trim());
        } else if let Some(marker) = item {
            self.end_block();
            self.first = format!("{indent}{} ", &start[..marker]);
            self.rest = " ".repeat(self.first.len());
            self.block = start[marker..].trim().to_string();
        } else if without_tags(start).trim().is_empty() {
            self.end_block();
        } else {
            if self.block.is_empty() && !self.out.ends_with("\n\n") && start.starts_with('<') {
                self.space();
            }
            self.add(start);
        }
    }

    /// Adds a line to the current block. In mdBook, two spaces or a backslash at the
    /// end would break the line; the book uses neither.
    fn add(&mut self, line: &str) {
        if !self.block.is_empty() {
            self.block.push(' ');
        }
        self.block.push_str(line);
    }

    fn quote(&mut self, line: &str) {
        if self.rest != "  | " {
            self.end_block();
            (self.first, self.rest) = ("  | ".to_string(), "  | ".to_string());
        }
        let kind = line
            .strip_prefix("[!")
            .and_then(|rest| rest.strip_suffix(']'));
        match kind {
            Some(kind) => self.add(&format!("**{}:**", kind.to_uppercase())),
            None => self.add(line),
        }
    }

    fn details(&mut self, open: bool) {
        self.inside_details = open;
        self.end_block();
        if self.told {
            return;
        }
        self.told = true;
        let way = match &self.exercise {
            Some(label) => {
                format!("(Stuck? `cargo workbook hint {label}`, then `solution {label}`.)")
            }
            None => "(More is folded away here; `--browser` shows it.)".to_string(),
        };
        let way = inline(&way, self.screen.colour, &mut self.links);
        self.out
            .push_str(&styled(&wrap(&way, "", "", self.screen.prose)));
    }

    fn heading(&mut self, level: usize, heading: &str) {
        self.space();
        if level <= 3 {
            let label = heading.split(' ').next().unwrap_or_default();
            let numbered = label.starts_with(|c: char| c.is_ascii_digit()) && label.contains('.');
            self.exercise = numbered.then(|| label.to_string());
            self.told = false;
        }
        let heading = inline(heading, false, &mut self.links);
        let lines = match level {
            1 => format!("{heading}\n{}", "=".repeat(columns(&heading))),
            2 => format!("{heading}\n{}", "-".repeat(columns(&heading))),
            _ if self.screen.colour => heading,
            _ => format!("### {heading}"),
        };
        // A pager may show a line without those before it, so each line sets its style.
        for line in lines.lines() {
            self.out.push_str(&bold(line, self.screen.colour));
            self.out.push('\n');
        }
    }

    fn links(&mut self) {
        if self.links.is_empty() {
            return;
        }
        self.space();
        for (index, link) in self.links.iter().enumerate() {
            self.out
                .push_str(&format!("{:>5} {link}\n", format!("[{}]", index + 1)));
        }
    }

    /// Ends the block and leaves one line blank.
    fn space(&mut self) {
        self.end_block();
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn end_block(&mut self) {
        if !self.table.is_empty() {
            let rows = std::mem::take(&mut self.table);
            self.out
                .push_str(&table(&rows, self.screen, &mut self.links));
        }
        if !self.block.is_empty() {
            let text = inline(
                &without_tags(&self.block),
                self.screen.colour,
                &mut self.links,
            );
            let wrapped = wrap(&text, &self.first, &self.rest, self.screen.prose);
            self.out.push_str(&styled(&styled_lines(&wrapped)));
        }
        self.block.clear();
        self.first.clear();
        self.rest.clear();
    }
}

/// The indentation of the excerpt at the start of `pieces`. It is smaller than usual if
/// a smaller one avoids breaking a line.
fn indent(pieces: &[Piece], width: usize) -> usize {
    let lines = pieces.iter().map_while(|piece| match piece {
        Piece::Code { line, .. } => Some(columns(line)),
        _ => None,
    });
    match width.checked_sub(lines.max().unwrap_or(0)) {
        Some(room) => room.min(4),
        None => 4,
    }
}

/// A line of code, broken if it is too long. A comment continues as a comment. Code continues with
/// more indentation than rustfmt would use, so the reader sees the break.
fn folded(line: &str, width: usize) -> String {
    let code = line.trim_start();
    let slashes = code.len() - code.trim_start_matches('/').len();
    let indent = " ".repeat(line.len() - code.len());
    let prefix = match slashes {
        0 | 1 => indent + "        ",
        slashes => format!("{indent}{} ", &code[..slashes]),
    };
    let (mut out, mut rest) = (String::new(), line.to_string());
    while let Some((limit, _)) = rest.char_indices().nth(width) {
        let space = rest[..limit].rfind(' ').unwrap_or(0);
        if space < prefix.len() {
            break;
        }
        out.push_str(&rest[..space]);
        out.push('\n');
        rest = format!("{prefix}{}", rest[space..].trim_start());
    }
    out + &rest
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    (1..=6).contains(&level).then_some(())?;
    Some((level, text.strip_prefix(' ')?.trim()))
}

/// The length of a list item's marker, `-` or `12.`.
fn marker(line: &str) -> Option<usize> {
    let marker = line.split(' ').next()?;
    let digits = marker.strip_suffix('.').unwrap_or_default();
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_marker = number || ["-", "*", "+"].contains(&marker);
    (is_marker && marker.len() < line.len()).then_some(marker.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::Checkout;
    use crate::terminal::WIDTH;

    fn plain(markdown: &str) -> String {
        render(markdown, Path::new("."), Screen::PLAIN)
    }

    #[test]
    fn prose_is_wrapped_and_its_marks_are_gone() {
        let text =
            plain("# A **title**\nOne *two* [three](ch04_x.md) `a*b` \\*\n\n- item\n  more\n");
        assert_eq!(
            text,
            "A title\n=======\nOne two three (read 4) `a*b` *\n\n- item more\n"
        );
        assert_eq!(plain("[chapter 4](ch04_x.md)'s\n"), "chapter 4's\n");
        assert_eq!(plain("2<sup>64</sup> - 2\n"), "2^64 - 2\n");
        assert_eq!(
            plain("[a](https://b.c/d) &lt; e"),
            "a [1] < e\n\n  [1] https://b.c/d\n"
        );
        let long = plain(&"word ".repeat(40));
        assert!(long.lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn colours_are_ended_where_they_began() {
        let coloured = Screen {
            colour: true,
            ..Screen::PLAIN
        };
        let text = render("a `b` **c**", Path::new("."), coloured);
        assert_eq!(text, "a \x1b[36mb\x1b[39m \x1b[1mc\x1b[22m\n");
    }

    #[test]
    fn includes_and_figures_stand_in_place() {
        let checkout = Checkout::new(
            "page",
            &[
                (
                    "a.rs",
                    "// ANCHOR: a\nfn a() {} // `*x*`\n// ANCHOR_END: a\n",
                ),
                (
                    "f.svg",
                    "<svg role=\"img\"><title id=\"t\">An\nedge</title><desc>Up.</desc></svg>",
                ),
            ],
        );
        let page = "*a.rs*\n```rust\n{{#include a.rs:a}}\n# hidden\n```\n<figure>\n\
            {{#include f.svg}}\n<figcaption>What?</figcaption></figure>\n{{#include a.rs:b}}\n";
        let text = render(page, &checkout.0, Screen::PLAIN);
        assert!(
            text.starts_with("a.rs\n    fn a() {} // `*x*`\n\nFigure: An edge\n  What?\n  Up.\n"),
            "{text}"
        );
        assert!(text.contains("a.rs has no anchor `b`."), "{text}");
        assert!(!text.contains("hidden"), "{text}");
    }

    #[test]
    fn long_code_is_continued_within_80_columns() {
        let word = "x".repeat(40);
        assert_eq!(
            folded(&format!("    {word} {word} {word}"), WIDTH),
            format!("    {word}\n            {word}\n            {word}")
        );
        assert_eq!(
            folded(&format!("    /// {word} {word}"), WIDTH),
            format!("    /// {word}\n    /// {word}")
        );
        let unbroken = "y".repeat(90);
        assert_eq!(folded(&unbroken, WIDTH), unbroken);
        assert_eq!(folded("    short", WIDTH), "    short");
    }

    #[test]
    fn hints_are_not_revealed() {
        let text = plain(
            "### 3.1 Layout\n\nDo.\n\n<details>\n<summary>Hint 1</summary>\n\nSecret.\n\n\
             </details>\n\n<details>\n<summary>Solution</summary>\n\n```rust\nsecret();\n```\n\n\
             </details>\n\nAfter.\n",
        );
        assert!(!text.to_lowercase().contains("secret"), "{text}");
        assert_eq!(text.matches("cargo workbook hint 3.1").count(), 1, "{text}");
        assert!(text.ends_with("\n\nAfter.\n"), "{text}");
    }

    #[test]
    fn tabs_follow_one_another_under_their_headings() {
        let text = plain(
            "<div class=\"tabs\">\n<section class=\"tab\" data-os=\"linux\" id=\"a\"><h4>Linux</h4>\n\
             \nOne.\n\n</section>\n<section class=\"tab\"><h4>Windows</h4>\n\nTwo.\n\n</section>\n</div>\n",
        );
        assert_eq!(text, "### Linux\n\nOne.\n\n### Windows\n\nTwo.\n");
    }

    #[test]
    fn quotes_and_tables_fit() {
        assert_eq!(
            plain("> [!NOTE]\n> Mind\n> this."),
            "  | NOTE: Mind this.\n"
        );
        let wide = "x ".repeat(60);
        let text = plain(&format!("| a | b \\| c |\n|---|:--|\n| `1` | {wide} |\n"));
        assert!(text.starts_with("a    b | c"), "{text}");
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }

    #[test]
    fn where_the_terminal_has_room_no_line_of_code_is_broken() {
        let code = format!("    let {} = 1;", "x".repeat(90));
        let page = format!("{}\n\n```rust\n{code}\n```\n", "word ".repeat(60));
        let wide = Screen {
            colour: false,
            prose: 100,
            code: 120,
        };
        let text = render(&page, Path::new("."), wide);
        assert!(text.contains(&format!("\n    {}\n", code.trim())), "{text}");
        let longest = text.lines().map(str::len).max();
        let prose = text.lines().take_while(|line| !line.is_empty());
        assert!(prose.clone().all(|line| line.len() <= 100), "{text}");
        assert!(prose.clone().any(|line| line.len() > WIDTH), "{text}");
        assert!(longest > Some(100), "{text}");
    }

    #[test]
    fn an_excerpt_that_nearly_fits_is_moved_rather_than_broken() {
        let code = format!("let {} = 1;", "x".repeat(68));
        assert_eq!(columns(&code), 77);
        let text = plain(&format!("```rust\n{code}\n{{\n```\n"));
        assert_eq!(text, format!("   {code}\n   {{\n"));
    }

    #[test]
    fn what_a_page_folds_away_is_shown_at_its_end() {
        let text = plain(
            "# A\n\nOne.\n\n<details>\n<summary>Aside</summary>\n\nAt length.\n\n</details>\n\n\
             ### The rest of these files\n\n<details>\n\
             <summary>Forwarding</summary>\n\nMore.\n\n```rust\nfn more() {}\n```\n\n</details>\n\n\
             ## Exercises\n\n### 3.1 First\n\nDo.\n\n<details>\n<summary>Hint 1</summary>\n\n\
             Secret.\n\n</details>\n",
        );
        assert_eq!(
            text,
            "A\n=\n\nOne.\n\n(At the end of this page: Aside.)\n\nExercises\n---------\n\n### 3.1 First\n\nDo.\n\n\
             (Stuck? `cargo workbook hint 3.1`, then `solution 3.1`.)\n\n\
             The rest of these files\n-----------------------\n\n### Aside\n\nAt length.\n\n### Forwarding\n\nMore.\n\n    \
             fn more() {}\n"
        );
    }
}
