//! The book: its chapters, its exercises, and where their files are.
//!
//! `book/src/SUMMARY.md` lists the chapters, in mdBook's format. A list item is a
//! numbered chapter, a link outside the list is a page without a number, and an
//! empty link is a chapter that is not yet written. The names of pages, examples
//! and exercises contain the chapter's number.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Book {
    /// The checkout's top folder.
    pub root: PathBuf,
    pub parts: Vec<Part>,
    /// Pages without a number, before the first part and after the last.
    pub unnumbered: Vec<Page>,
    pub exercises: Vec<Exercise>,
}

pub struct Part {
    pub title: String,
    pub chapters: Vec<Chapter>,
}

pub struct Chapter {
    pub number: u32,
    pub page: Page,
}

pub struct Page {
    pub title: String,
    /// The page's file in `book/src`; `None` if it is not yet written.
    pub file: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Exercise {
    pub chapter: u32,
    pub number: u32,
    /// The name of its files without `.rs`: `ex03_1_layout`.
    pub name: String,
}

impl Book {
    pub fn open() -> Result<Book, String> {
        // `cargo run` sets this variable to the package's folder. A program that is
        // started in another way uses the folder in which it was built.
        let run_from = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let built_in = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let package = run_from
            .filter(|folder| folder.ends_with(Path::new("book").join("workbook")))
            .unwrap_or(built_in);
        let root = package.ancestors().nth(2).unwrap_or(&package);
        Book::open_at(root.to_path_buf())
    }

    pub fn open_at(root: PathBuf) -> Result<Book, String> {
        let summary = read(&root.join("book").join("src").join("SUMMARY.md"))?;
        let (parts, unnumbered) = parse_summary(&summary);
        let exercises = exercises(&root.join("tests").join("exercises"));
        Ok(Book {
            root,
            parts,
            unnumbered,
            exercises,
        })
    }

    pub fn chapters(&self) -> impl Iterator<Item = &Chapter> {
        self.parts.iter().flat_map(|part| &part.chapters)
    }

    /// The chapter with the number that the reader typed.
    pub fn chapter(&self, typed: &str) -> Result<&Chapter, String> {
        let number: Option<u32> = typed.parse().ok();
        let Some(number) = number else {
            let meant = self.exercises.iter().find(|known| known.label() == typed);
            return Err(match meant {
                Some(exercise) => format!(
                    "`{typed}` is an exercise. Type the number of its chapter, {}, or: \
                     cargo workbook check {typed}",
                    exercise.chapter
                ),
                None => format!(
                    "`{typed}` is not a chapter's number; `cargo workbook` lists the chapters."
                ),
            });
        };
        let last = self.chapters().last().map_or(0, |chapter| chapter.number);
        self.chapters()
            .find(|chapter| chapter.number == number)
            .ok_or_else(|| format!("There is no chapter {number}; the chapters are 1 to {last}."))
    }

    /// The page that the reader typed: a chapter's number, or the file name of a page
    /// without a number, such as `start`.
    pub fn page(&self, typed: &str) -> Result<&Page, String> {
        let is_meant = |page: &&Page| page.name().eq_ignore_ascii_case(typed);
        let unnumbered = self.unnumbered.iter().find(is_meant);
        match unnumbered {
            Some(page) => Ok(page),
            None => Ok(&self.chapter(typed)?.page),
        }
    }

    pub fn exercises_of(&self, chapter: u32) -> impl Iterator<Item = &Exercise> {
        self.exercises
            .iter()
            .filter(move |exercise| exercise.chapter == chapter)
    }

    /// The exercise that the reader typed, as `3.1`.
    pub fn exercise(&self, typed: &str) -> Result<&Exercise, String> {
        let numbers = typed.split_once('.').and_then(|(chapter, number)| {
            Some((chapter.parse::<u32>().ok()?, number.parse::<u32>().ok()?))
        });
        let Some((chapter, number)) = numbers else {
            if let Ok(chapter) = self.chapter(typed) {
                return Err(match self.labels(chapter.number).as_str() {
                    "" => format!("Chapter {typed} has no exercises yet."),
                    labels => format!("Chapter {typed} has {labels}; name one of them."),
                });
            }
            return Err(format!(
                "`{typed}` is not an exercise: type its chapter, a dot and its number, as in 3.1."
            ));
        };
        let found = self
            .exercises_of(chapter)
            .find(|exercise| exercise.number == number);
        if let Some(exercise) = found {
            return Ok(exercise);
        }
        let chapter = self.chapter(&chapter.to_string())?;
        Err(match self.labels(chapter.number).as_str() {
            "" if chapter.page.file.is_none() => chapter.not_written(),
            "" => format!("Chapter {} has no exercises.", chapter.number),
            others => format!(
                "There is no exercise {}.{number}; chapter {} has {others}.",
                chapter.number, chapter.number
            ),
        })
    }

    fn labels(&self, chapter: u32) -> String {
        let labels: Vec<String> = self.exercises_of(chapter).map(Exercise::label).collect();
        labels.join(", ")
    }

    pub fn pages(&self) -> PathBuf {
        self.root.join("book").join("src")
    }

    /// The example of `chapter`, without `.rs`: `ch03_raw_epoll`.
    pub fn example(&self, chapter: &Chapter) -> Option<String> {
        let prefix = format!("ch{:02}_", chapter.number);
        names(&self.root.join("examples"))
            .into_iter()
            .filter_map(|name| Some(name.strip_suffix(".rs")?.to_string()))
            .find(|name| name.starts_with(&prefix))
    }

    /// The path from the checkout's top folder, for messages.
    pub fn shown(&self, path: &Path) -> String {
        let shown = path.strip_prefix(&self.root).unwrap_or(path);
        shown.display().to_string()
    }

    pub fn blank(&self, exercise: &Exercise) -> PathBuf {
        self.exercise_file("exercises", exercise)
    }

    pub fn solution(&self, exercise: &Exercise) -> PathBuf {
        self.exercise_file("solutions", exercise)
    }

    pub fn checks(&self, exercise: &Exercise) -> PathBuf {
        self.exercise_file("checks", exercise)
    }

    fn exercise_file(&self, folder: &str, exercise: &Exercise) -> PathBuf {
        let file = format!("{}.rs", exercise.name);
        self.root.join("tests").join(folder).join(file)
    }

    /// The path of the reader's own file.
    pub fn answer(&self, exercise: &Exercise) -> PathBuf {
        let tests = self.root.join("book").join("workbook").join("tests");
        tests.join(format!("{}.rs", exercise.name))
    }

    /// The exercise's title in its chapter. Without one, its name.
    pub fn title(&self, exercise: &Exercise) -> String {
        self.section(exercise)
            .and_then(|(section, _)| {
                let heading = section.lines().next()?.trim_start_matches('#').trim();
                Some(heading.strip_prefix(&exercise.label())?.trim().to_string())
            })
            .unwrap_or_else(|| exercise.name.replace('_', " "))
    }

    /// The text of its chapter that describes the exercise, and the chapter's page.
    pub fn section(&self, exercise: &Exercise) -> Option<(String, &Page)> {
        let chapter = self
            .chapters()
            .find(|chapter| chapter.number == exercise.chapter)?;
        let page = read(&self.pages().join(chapter.page.file.as_ref()?)).ok()?;
        let start = format!("### {} ", exercise.label());
        let mut lines = page.lines().skip_while(|line| !line.starts_with(&start));
        let mut section = format!("{}\n", lines.next()?);
        for line in lines.take_while(|line| !line.starts_with("## ") && !line.starts_with("### ")) {
            section.push_str(line);
            section.push('\n');
        }
        Some((section, &chapter.page))
    }
}

impl Chapter {
    pub fn not_written(&self) -> String {
        format!(
            "Chapter {}, \"{}\", is not yet written.",
            self.number, self.page.title
        )
    }
}

impl Page {
    /// The file's name without `.md`; empty if there is no file.
    pub fn name(&self) -> &str {
        self.file
            .as_deref()
            .unwrap_or_default()
            .trim_end_matches(".md")
    }
}

impl Exercise {
    /// What the reader types: `3.1`.
    pub fn label(&self) -> String {
        format!("{}.{}", self.chapter, self.number)
    }

    /// The exercise whose blank has this file name.
    fn parse(file: &str) -> Option<Exercise> {
        let name = file.strip_suffix(".rs")?;
        let mut words = name.strip_prefix("ex")?.splitn(3, '_');
        let chapter = words.next()?.parse().ok()?;
        let number = words.next()?.parse().ok()?;
        words.next()?;
        Some(Exercise {
            chapter,
            number,
            name: name.to_string(),
        })
    }
}

fn exercises(folder: &Path) -> Vec<Exercise> {
    let mut exercises: Vec<Exercise> = names(folder)
        .iter()
        .filter_map(|name| Exercise::parse(name))
        .collect();
    exercises.sort_by_key(|exercise| (exercise.chapter, exercise.number));
    exercises
}

fn parse_summary(summary: &str) -> (Vec<Part>, Vec<Page>) {
    let mut parts: Vec<Part> = Vec::new();
    let mut unnumbered = Vec::new();
    let mut number = 0;
    for line in summary.lines().map(str::trim_end) {
        if let Some(title) = line.strip_prefix("# ") {
            if title != "Summary" {
                let title = title.trim().to_string();
                let chapters = Vec::new();
                parts.push(Part { title, chapters });
            }
        } else if let Some(page) = line
            .strip_prefix("- ")
            .or(line.strip_prefix("* "))
            .and_then(parse_link)
        {
            if parts.is_empty() {
                let (title, chapters) = (String::new(), Vec::new());
                parts.push(Part { title, chapters });
            }
            number += 1;
            if let Some(part) = parts.last_mut() {
                part.chapters.push(Chapter { number, page });
            }
        } else if let Some(page) = parse_link(line) {
            unnumbered.push(page);
        }
    }
    (parts, unnumbered)
}

fn parse_link(text: &str) -> Option<Page> {
    let (title, file) = text.trim().strip_prefix('[')?.rsplit_once("](")?;
    let file = file.strip_suffix(')')?.trim().trim_start_matches("./");
    Some(Page {
        title: title.to_string(),
        file: (!file.is_empty()).then(|| file.to_string()),
    })
}

/// The text of a file, or a sentence that says why it cannot be read. Each line
/// ends with `\n`, also on Windows.
pub fn read(path: &Path) -> Result<String, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.replace("\r\n", "\n")),
        Err(error) => Err(format!("Cannot read {}: {error}.", path.display())),
    }
}

/// Writes a file, and makes its folder if needed.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("Cannot write {}: {error}.", path.display()))
}

/// The names in a folder, sorted. A missing folder has none.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A small checkout in its own folder. The end of the test removes it.
    pub struct Checkout(pub PathBuf);

    impl Checkout {
        pub fn new(name: &str, files: &[(&str, &str)]) -> Checkout {
            let folder = format!("evq-workbook-{}-{name}", std::process::id());
            let root = std::env::temp_dir().join(folder);
            for (file, text) in files {
                write(&root.join(file), text).unwrap();
            }
            Checkout(root)
        }
    }

    impl Drop for Checkout {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub const SUMMARY: &str = "# Summary\n\n[Start here](start.md)\n\n# I. Waiting\n\n\
        - [One, many](ch01_waiting.md)\n- [Ready]()\n\n# II. The trio\n\n- [Shape](ch03_shape.md)\n\
        \n---\n\n[Glossary](glossary.md)\n";

    #[test]
    fn chapters_are_numbered_through_all_parts_and_drafts_count() {
        let (parts, unnumbered) = parse_summary(SUMMARY);
        let titles: Vec<&str> = parts.iter().map(|part| part.title.as_str()).collect();
        assert_eq!(titles, ["I. Waiting", "II. The trio"]);
        assert_eq!(parts[0].chapters[1].page.title, "Ready");
        assert_eq!(parts[0].chapters[1].page.file, None);
        assert_eq!(parts[1].chapters[0].number, 3);
        assert_eq!(parts[1].chapters[0].page.name(), "ch03_shape");
        let names: Vec<&str> = unnumbered.iter().map(Page::name).collect();
        assert_eq!(names, ["start", "glossary"]);
    }

    #[test]
    fn chapters_and_exercises_that_do_not_exist_are_told_by_name() {
        let blank = "tests/exercises/ex01_2_b.rs";
        let checkout = Checkout::new("names", &[("book/src/SUMMARY.md", SUMMARY), (blank, "")]);
        let book = Book::open_at(checkout.0.clone()).unwrap();
        let chapter = |typed: &str| book.chapter(typed).map(|_| ()).unwrap_err();
        assert!(chapter("4").contains("no chapter 4; the chapters are 1 to 3"));
        assert!(chapter("x").contains("`x` is not a chapter's number"));
        assert!(chapter("-1").contains("not a chapter's number"));
        assert!(
            chapter("1.2").contains("the number of its chapter, 1, or: cargo workbook check 1.2")
        );
        let exercise = |typed: &str| book.exercise(typed).unwrap_err();
        assert!(exercise("1.1").contains("no exercise 1.1; chapter 1 has 1.2"));
        assert!(exercise("2.1").contains("\"Ready\", is not yet written"));
        assert!(exercise("3.1").contains("has no exercises"));
        assert!(exercise("9.1").contains("no chapter 9"));
        assert!(exercise("1").contains("has 1.2; name one of them"));
        assert!(exercise("1.x").contains("not an exercise"));
        assert_eq!(book.exercise("1.2").unwrap().name, "ex01_2_b");
        for typed in ["start", "Start"] {
            assert_eq!(book.page(typed).unwrap().title, "Start here");
        }
    }

    #[test]
    fn only_blanks_are_exercises() {
        assert_eq!(Exercise::parse("main.rs"), None);
        assert_eq!(Exercise::parse("ex03_layout.rs"), None);
        let exercise = Exercise::parse("ex03_1_two_words.rs").unwrap();
        assert_eq!(exercise.label(), "3.1");
    }
}
