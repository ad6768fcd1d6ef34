//! Colours for a line of Rust: comments, strings and numbers, keywords, types.
//! Excerpts need no more than one line at a time. A string of several lines gets
//! its colour in the first line only.

const COMMENT: u8 = 32;
const LITERAL: u8 = 33;
const TYPE: u8 = 36;
const KEYWORD: u8 = 35;

#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "as", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "type", "union", "unsafe",
    "use", "where", "while",
];

pub fn rust(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let (length, colour) = token(rest, c);
        let (text, next) = rest.split_at(length);
        match colour {
            Some(colour) => out.push_str(&format!("\x1b[{colour}m{text}\x1b[0m")),
            None => out.push_str(text),
        }
        rest = next;
    }
    out
}

/// The length of the first token, and its colour.
fn token(rest: &str, c: char) -> (usize, Option<u8>) {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if rest.starts_with("//") {
        return (rest.len(), Some(COMMENT));
    }
    if c == '"' {
        return (string(rest), Some(LITERAL));
    }
    if c == '\'' {
        // A quote begins a character or a lifetime.
        let mut after = rest[1..].char_indices();
        let end = match after.next() {
            Some((_, '\\')) => rest.get(3..).and_then(|end| Some(end.find('\'')? + 4)),
            Some((_, inner)) => {
                let at = 1 + inner.len_utf8();
                rest[at..].starts_with('\'').then_some(at + 1)
            }
            None => None,
        };
        return end.map_or((1, None), |end| (end, Some(LITERAL)));
    }
    if !word(c) {
        return (c.len_utf8(), None);
    }
    let length = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
    let text = &rest[..length];
    let lower = text.contains(|c: char| c.is_lowercase());
    let colour = match c {
        _ if KEYWORDS.contains(&text) => Some(KEYWORD),
        '0'..='9' => Some(LITERAL),
        _ if c.is_uppercase() && lower => Some(TYPE),
        _ => None,
    };
    (length, colour)
}

/// The length of the string at the start of `rest`, or of the whole line if the string goes on.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks colours with letters and brackets, so that a test can read them.
    fn marked(line: &str) -> String {
        let mut text = rust(line).replace("\x1b[0m", "]");
        for (colour, mark) in [
            (COMMENT, "C["),
            (LITERAL, "L["),
            (TYPE, "T["),
            (KEYWORD, "K["),
        ] {
            text = text.replace(&format!("\x1b[{colour}m"), mark);
        }
        text
    }

    #[test]
    fn tokens_have_their_colours_and_nothing_is_lost() {
        assert_eq!(
            marked("    let s: Vec<&'a str> = f(\"a \\\" // b\", 'x', '\\n', 0x1f); // c \"d\""),
            "    K[let] s: T[Vec]<&'a str> = f(L[\"a \\\" // b\"], L['x'], L['\\n'], L[0x1f]); \
             C[// c \"d\"]"
        );
        assert_eq!(marked("\"goes on"), "L[\"goes on]");
        assert_eq!(marked("'"), "'");
        assert_eq!(marked("'\\"), "'\\");
        assert_eq!(marked("ümlaut_1 EPOLLIN"), "ümlaut_1 EPOLLIN");
    }
}
