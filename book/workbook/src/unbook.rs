//! Removes the book from a source file's comments, for a fork: sentences that speak
//! of chapters or of the book, and sentences that name a file that the fork does not
//! have. A paragraph that loses no sentence stays exactly as it is.

/// The text without the sentences about the book in its comments. `missing` says
/// whether text in backquotes names a file that the fork does not have.
pub fn without_book(text: &str, leaders: &[&str], missing: &dyn Fn(&str) -> bool) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(prefix) = prefix(lines[at], leaders) else {
            // If a comment is removed, so is one blank line beside it.
            if !(lines[at].is_empty() && (out.is_empty() || out.ends_with("\n\n"))) {
                out.push_str(lines[at]);
                out.push('\n');
            }
            at += 1;
            continue;
        };
        let rest = &lines[at..];
        let same = |line: &&&str| self::prefix(line, leaders) == Some(prefix);
        let count = rest.iter().take_while(same).count();
        out.push_str(&comment(&rest[..count], prefix, missing));
        at += count;
    }
    out
}

/// The indentation and the mark of a line that is only a comment.
fn prefix<'l>(line: &'l str, leaders: &[&str]) -> Option<&'l str> {
    let code = line.trim_start();
    let leader = leaders.iter().find(|leader| code.starts_with(**leader))?;
    Some(&line[..line.len() - code.len() + leader.len()])
}

/// Cleans one comment: its paragraphs, tables and headings.
fn comment(lines: &[&str], prefix: &str, missing: &dyn Fn(&str) -> bool) -> String {
    let contents = lines.iter().map(|line| &line[prefix.len()..]);
    let mut out: Vec<String> = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let (mut fenced, mut changed, mut narrower) = (false, false, false);
    for content in contents {
        let start = content.trim_start();
        let fence = start.starts_with("```");
        let item = start.starts_with("- ") || start.starts_with("* ");
        let apart = fenced || fence || start.is_empty() || start.starts_with(['|', '#']);
        if apart || item {
            changed |= finish(&mut paragraph, &mut out, prefix, missing);
        }
        if !start.starts_with('|') {
            narrower = false;
        }
        if fence {
            fenced = !fenced;
        }
        if fenced || fence || !apart {
            match apart {
                true => out.push(content.to_string()),
                false => paragraph.push(content),
            }
        } else if start.starts_with('#') && about_the_book(start) {
            changed = true;
            out.push(" # Files".to_string());
        } else if start.starts_with('|') {
            let last = start.trim_end_matches('|').rsplit('|').next();
            narrower |= last.is_some_and(|cell| cell.trim() == "chapter");
            changed |= narrower;
            out.push(match (narrower, content.trim_end_matches('|').rfind('|')) {
                (true, Some(bar)) => content[..=bar].to_string(),
                _ => content.to_string(),
            });
        } else {
            out.push(content.to_string());
        }
    }
    changed |= finish(&mut paragraph, &mut out, prefix, missing);
    if changed {
        let blank = |line: &String| line.trim().is_empty();
        out.dedup_by(|a, b| blank(a) && blank(b));
        while out.first().is_some_and(blank) {
            out.remove(0);
        }
        while out.last().is_some_and(blank) {
            out.pop();
        }
    }
    out.iter().map(|line| format!("{prefix}{line}\n")).collect()
}

/// Ends a paragraph. Returns whether it has lost a sentence.
fn finish(
    paragraph: &mut Vec<&str>,
    out: &mut Vec<String>,
    prefix: &str,
    missing: &dyn Fn(&str) -> bool,
) -> bool {
    let lines = std::mem::take(paragraph);
    let Some(first) = lines.first() else {
        return false;
    };
    let indent = &first[..first.len() - first.trim_start().len()];
    let rest = lines.get(1).unwrap_or(first);
    let hanging = &rest[..rest.len() - rest.trim_start().len()];
    let words: Vec<&str> = lines
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    let whole = without_asides(&words.join(" "));
    let wanted = |sentence: &&String| {
        let named = |name: &str| missing(name);
        !about_the_book(sentence) && !sentence.split('`').skip(1).step_by(2).any(named)
    };
    let kept: Vec<String> = sentences(&whole).iter().filter(wanted).cloned().collect();
    let kept = kept.join(" ");
    if kept == words.join(" ") {
        out.extend(lines.iter().map(|line| line.to_string()));
        return false;
    }
    if !kept.is_empty() {
        let width = lines.iter().map(|line| line.chars().count()).max();
        let width = width.unwrap_or(0).max(76 - prefix.len().min(40));
        let wrapped = crate::terminal::wrap(&kept, indent, hanging, width);
        out.extend(wrapped.lines().map(String::from));
    }
    true
}

/// Whether a text speaks of the book or of its chapters.
pub fn about_the_book(text: &str) -> bool {
    let text = text.to_lowercase();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.any(|word| ["chapter", "chapters", "book", "book's", "workbook"].contains(&word))
}

/// Removes parentheses that speak of the book.
fn without_asides(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (") {
        out.push_str(before);
        match after.split_once(')') {
            Some((aside, next)) if about_the_book(aside) => rest = next,
            _ => {
                out.push_str(" (");
                rest = after;
            }
        }
    }
    out + rest
}

fn sentences(text: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        if let Some(sentence) = sentences.last_mut() {
            if !sentence.is_empty() {
                sentence.push(' ');
            }
            sentence.push_str(word);
        }
        let ends = word
            .trim_end_matches(['`', ')', '"', '*'])
            .ends_with(['.', '?', '!']);
        let begins = |next: &&str| {
            let start = next.trim_start_matches(['(', '"', '*', '[']);
            start.starts_with(|c: char| c.is_uppercase() || c == '`')
        };
        if ends && words.peek().is_some_and(begins) {
            sentences.push(String::new());
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        without_book(text, &["//!", "///", "//"], &|name| name == ".ci/gone")
    }

    #[test]
    fn sentences_about_chapters_go_and_all_others_stay() {
        assert_eq!(
            cleaned(
                "//! A queue.\n//!\n//! Chapter 6. It is shared by\n//! all (chapter 7) of them.\n\
                 \n/// As chapter 12 has it.\nfn a() {} // chapter\n"
            ),
            "//! A queue.\n//!\n//! It is shared by all of them.\n\nfn a() {} // chapter\n"
        );
        let alone = "//! A queue.\n//!\n//! Chapter 6.\n\nfn a() {}\n";
        assert_eq!(cleaned(alone), "//! A queue.\n\nfn a() {}\n");
        let kept =
            "    // What   stays, stays.\n    //  - so\n    // ```\n    // chapter\n    // ```\n";
        assert_eq!(cleaned(kept), kept);
    }

    #[test]
    fn sentences_that_name_a_missing_file_go() {
        let text = "// It is held by `tests/abi.rs`. It is counted by `.ci/gone`.\n";
        assert_eq!(cleaned(text), "// It is held by `tests/abi.rs`.\n");
    }

    #[test]
    fn a_table_loses_its_column_of_chapters() {
        let text = "//! # Which file is which chapter\n//!\n//! | file | what | chapter |\n\
            //! |---|---|---|\n//! | `a.rs` | A | 6, 7 |\n//!\n//! | b | c |\n";
        let without = "//! # Files\n//!\n//! | file | what |\n//! |---|---|\n//! | `a.rs` | A |\n\
            //!\n//! | b | c |\n";
        assert_eq!(cleaned(text), without);
    }
}
