//! Checks the book against its own rules. mdBook accepts many mistakes that fail here.
//!
//! `cargo test --test book -- --nocapture` also prints how much of each source file the pages show.
//! `EVQ_RECORD=1 cargo test --test book` records what the examples print on this system, and writes the
//! minutes of each chapter. `EVQ_RECORD=1 cargo test --test book minutes` writes only the minutes.

#[path = "book/coverage.rs"]
mod coverage;
#[path = "book/faults.rs"]
mod faults;
#[path = "book/figures.rs"]
mod figures;
#[path = "book/pages.rs"]
mod pages;
#[path = "book/reading.rs"]
mod reading;
#[path = "book/record.rs"]
mod record;
#[path = "book/sources.rs"]
mod sources;
#[path = "book/tree.rs"]
mod tree;

use std::path::Path;
use tree::{Page, Tree};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether to correct recordings and minutes instead of comparing them.
fn record() -> bool {
    std::env::var_os("EVQ_RECORD").is_some_and(|value| value == "1")
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn each_page(check: impl Fn(&Page, &Tree) -> Vec<String>) {
    let tree = Tree::load(root());
    none(
        tree.pages()
            .iter()
            .flat_map(|page| check(page, &tree))
            .collect(),
    );
}

#[test]
fn every_include_finds_its_anchor_and_every_anchor_its_page() {
    none(sources::includes_and_anchors(&Tree::load(root())));
}

#[test]
fn what_the_written_chapters_show_is_the_whole_core() {
    let (rows, faults) = coverage::coverage(&Tree::load(root()));
    println!("{}", rows.join("\n"));
    none(faults);
}

#[test]
fn no_function_is_excused_that_is_gone() {
    none(coverage::stale_excuses(
        &Tree::load(root()),
        coverage::NOT_SHOWN,
    ));
}

#[test]
fn excerpts_say_where_they_come_from_and_typed_code_is_short() {
    each_page(sources::fences);
}

#[test]
fn the_running_text_explains_what_it_shows() {
    each_page(sources::running_text);
}

#[test]
fn the_table_of_contents_lists_every_page_in_its_place() {
    none(pages::contents(&Tree::load(root())));
}

#[test]
fn readme_and_first_page_say_how_many_chapters_are_written() {
    let tree = Tree::load(root());
    let entries = tree::summary(tree.text(tree::SUMMARY).unwrap_or_default());
    let chapters: Vec<_> = entries.iter().filter(|e| e.number.is_some()).collect();
    let written = chapters.iter().filter(|e| e.page.is_some()).count();
    let said = format!("{written} of the {} chapters are written", chapters.len());
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let start = tree.text("book/src/start.md").unwrap_or_default();
    for (page, text) in [("README.md", readme.as_str()), ("book/src/start.md", start)] {
        assert!(
            text.contains(&said),
            "{page} should say \"{said}\": so many have a link in book/src/SUMMARY.md"
        );
    }
}

#[test]
fn every_chapter_has_its_parts_and_its_exercises_their_files() {
    each_page(pages::form);
}

#[test]
fn the_minutes_at_a_chapters_head_are_those_of_its_length() {
    each_page(|page, tree| match pages::about(page, tree) {
        Some((line, about)) if record() => {
            let text = page.lines.join("\n") + "\n";
            let text = text.replacen(page.lines[line], &about, 1);
            std::fs::write(root().join(page.path), text).expect("a page can be written");
            Vec::new()
        }
        _ => pages::minutes(page, tree),
    });
}

#[test]
fn links_fragments_and_images_lead_somewhere() {
    each_page(reading::links);
}

#[test]
fn names_of_code_are_names_of_our_code() {
    none(reading::names(&Tree::load(root())));
}

#[test]
fn figures_follow_the_theme_and_say_what_they_show() {
    none(figures::figures(&Tree::load(root())));
}

#[test]
fn tabs_and_admonitions_have_the_form_that_works() {
    each_page(|page, _| reading::tabs_and_notes(page));
}

#[test]
fn the_book_keeps_its_voice() {
    each_page(|page, _| reading::voice(page));
}

#[test]
fn recordings_are_shown_and_short() {
    none(record::recordings(&Tree::load(root())));
}

#[test]
fn examples_print_what_the_book_shows() {
    none(record::compare(root(), &Tree::load(root()), record()));
}
