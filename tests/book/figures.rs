//! Figures: they must be readable in each theme, at each width, and without eyes.

use crate::reading::said;
use crate::tree::{Tree, attributes, unmark};

pub fn figures(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let pages = tree.pages();
    for (path, svg) in tree.files("book/src/figures/", ".svg") {
        let stem = path
            .trim_start_matches("book/src/figures/")
            .trim_end_matches(".svg");
        let prefix = stem.split('_').next().unwrap_or(stem);
        let mut fault = |pattern: &str, text: String| {
            let line = svg
                .lines()
                .position(|line| line.contains(pattern))
                .map_or(1, |n| n + 1);
            faults.push(format!("{path}:{line}: {text}"));
        };
        for (wanted, what) in [
            ("role=\"img\"", "role=\"img\""),
            ("<title", "<title>"),
            ("<desc", "<desc> that tells the plot"),
        ] {
            if !svg.contains(wanted) {
                fault("<svg", format!("the figure has no {what}; add it"));
            }
        }
        if svg.trim_end().lines().any(|line| line.trim().is_empty()) {
            fault(
                "<svg",
                "in a page, a blank line ends the drawing; remove the blank lines".into(),
            );
        }
        for id in attributes(svg, "id") {
            if !id.starts_with(prefix) || id == prefix {
                fault(
                    id,
                    format!("id `{id}` may be in another figure too; begin it with `{prefix}-`"),
                );
            }
        }
        for name in ["fill", "stroke", "color", "stop-color"] {
            for colour in values(svg, name) {
                let colour = colour.trim();
                let own = [
                    "none",
                    "currentColor",
                    "inherit",
                    "context-stroke",
                    "context-fill",
                ]
                .contains(&colour)
                    || [
                        "var(--evq-accent",
                        "var(--evq-soft",
                        "var(--evq-warn",
                        "var(--bg",
                        "url(#",
                    ]
                    .iter()
                    .any(|begin| colour.starts_with(begin));
                if !own {
                    fault(
                        colour,
                        format!(
                            "{name} `{colour}` does not follow the theme; use currentColor or var(--evq-accent), var(--evq-soft), var(--evq-warn)"
                        ),
                    );
                }
            }
        }
        for size in values(svg, "font-size") {
            let number: f64 = size.trim().trim_end_matches("px").parse().unwrap_or(0.0);
            if number < 12.0 {
                fault(
                    size,
                    format!("text of size {size} is too small for a phone; use 12 or more"),
                );
            }
        }
        if svg.contains("<text") && !svg.contains("font-size") {
            fault("<text", "the text has no font-size; use 12 or more".into());
        }
        let width: Option<f64> = attributes(svg, "viewBox")
            .next()
            .and_then(|view| view.split([' ', ',']).nth(2)?.parse().ok());
        let shown: Vec<_> = pages
            .iter()
            .flat_map(|page| page.includes.iter().map(move |include| (page, include)))
            .filter(|(_, include)| include.file == path)
            .collect();
        let wide = shown.iter().any(|(page, include)| {
            page.lines[..include.line]
                .iter()
                .rev()
                .take(2)
                .any(|line| line.contains("<figure class=\"wide\""))
        });
        match width {
            None => fault(
                "<svg",
                "the figure has no viewBox; add one, at most 360 wide".into(),
            ),
            Some(width) if width > if wide { 720.0 } else { 360.0 } => fault(
                "viewBox",
                format!(
                    "{width} units wide; at most 360 fit a phone, or 720 in <figure class=\"wide\">"
                ),
            ),
            Some(_) => {}
        }
        if shown.is_empty()
            && stem
                .strip_prefix("ch")
                .and_then(|rest| rest.get(..2)?.parse().ok())
                .is_none_or(|chapter| tree.written(chapter))
        {
            fault(
                "<svg",
                "no page shows this figure; include it, or remove the file".into(),
            );
        }
        for (line, word) in said(
            &svg.lines()
                .map(|line| unmark(line, true))
                .collect::<Vec<_>>(),
        ) {
            faults.push(format!(
                "{path}:{}: this book does not use \"{word}\"; leave it out or be exact",
                line + 1
            ));
        }
    }
    for page in &pages {
        let drawings: Vec<_> = page
            .includes
            .iter()
            .filter(|include| include.file.ends_with(".svg"))
            .collect();
        if page.chapter().is_some() && drawings.len() > 2 {
            faults.push(format!(
                "{}: a third figure; a chapter has at most two",
                page.at(drawings[2].line)
            ));
        }
        for include in drawings {
            let before = page.lines[..include.line]
                .iter()
                .rev()
                .find(|line| line.contains("figure>") || line.contains("<figure"));
            let after: Vec<&str> = page.lines[include.line + 1..]
                .iter()
                .take_while(|line| !line.contains("</figure>"))
                .copied()
                .collect();
            let caption = after.join(" ");
            if !before.is_some_and(|line| line.contains("<figure"))
                || !caption.contains("<figcaption>")
                || caption.contains("<figure>")
            {
                faults.push(format!(
                    "{}: put the figure in <figure>, with a <figcaption> below it",
                    page.at(include.line)
                ));
            } else if !caption.contains('?') {
                faults.push(format!("{}: the caption has no question mark; it must state the question that the figure answers", page.at(include.line)));
            }
        }
    }
    faults
}

/// The values of a property in a drawing, from attributes and from styles.
fn values<'a>(svg: &'a str, name: &str) -> Vec<&'a str> {
    let key = format!("{name}:");
    let styled = svg.match_indices(&key).filter_map(|(at, found)| {
        let value = &svg[at + found.len()..];
        value.split([';', '"', '}']).next()
    });
    attributes(svg, name).chain(styled).collect()
}
