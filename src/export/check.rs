//! What a trainer would stumble over, found before it starts.
//!
//! In: a local folder with files of any of the formats that this module's parent writes. Out: how many records there are, and
//! what is wrong with which: placeholders that are not as many as images, images that are missing or cannot be decoded,
//! empty answers, columns that would degrade to something else without a word. Left out: buckets; copy them first.

mod archive;
mod record;
mod table;

use crate::error::{Error, Result};
use crate::image::{Depth, look};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Problems that are told one by one.
const MOST_PROBLEMS: usize = 50;

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Files with records.
    pub files: usize,
    /// Records in them.
    pub records: usize,
    /// What is wrong, each with its file and record.
    pub problems: Vec<String>,
    /// Problems beyond those that are told.
    pub more_problems: usize,
    /// Image files by path: what is wrong with them.
    images: HashMap<PathBuf, Option<String>>,
}

/// Looks through the files of a folder.
///
/// # Errors
/// When the folder cannot be read or holds no records.
pub fn check(folder: &Path) -> Result<Checked> {
    let mut checked = Checked::default();
    for path in files(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        let known = match end {
            "parquet" => table::check(&path, &name, &mut checked),
            "jsonl" => record::lines(&path, &name, folder, &mut checked),
            "json" if !name.ends_with("dataset_info.json") => {
                record::array(&path, &name, folder, &mut checked)
            }
            "tar" => archive::tar(&path, &name, &mut checked),
            "tsv" => archive::tsv(&path, &name, &mut checked),
            _ => continue,
        };
        checked.files += 1;
        if let Err(problem) = known {
            checked.problem(format!("{name}: {problem}"));
        }
    }
    if checked.files == 0 {
        return Err(Error::File {
            action: "check",
            path: folder.to_owned(),
            source: std::io::Error::other("there are no .parquet, .jsonl, .json, .tar or .tsv files in it"),
        });
    }
    Ok(checked)
}

impl Checked {
    fn problem(&mut self, problem: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }

    /// What is wrong with an image file; each is looked at once.
    fn image(&mut self, path: &Path) -> Option<String> {
        let known = self.images.entry(path.to_owned());
        let look = || match std::fs::read(path) {
            Ok(bytes) => undecodable(&bytes),
            Err(error) => Some(format!("cannot be read: {error}")),
        };
        known.or_insert_with(look).clone()
    }
}

fn undecodable(bytes: &[u8]) -> Option<String> {
    look(bytes, Depth::Header).err().map(|error| error.to_string())
}

/// The files below a folder, by path, without those of images.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::File {
        action: "read",
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && !path.ends_with("images") {
            files.extend(self::files(&path)?);
        } else if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trainer_would_stumble_over_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let white = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/white.png");
        std::fs::copy(white, folder.path().join("a.png")).unwrap();
        put("broken.png", "no image");
        put(
            "train.jsonl",
            concat!(
                r#"{"messages":[{"role":"user","content":"<image>\nwhat?"},{"role":"assistant","content":"x"}],"images":["a.png"]}"#,
                "\n",
                r#"{"messages":[{"role":"user","content":"what?"},{"role":"assistant","content":" "}],"images":["a.png"]}"#,
                "\n",
                r#"{"messages":[{"role":"user","content":"<image>"},{"role":"assistant","content":"x"}],"images":["broken.png"]}"#,
                "\n",
                r#"{"input":[{"role":"user","content":[{"type":"image","image":"gone.png"}]}],"target":"C","choices":["a","b"]}"#,
                "\n",
                "{\n",
            ),
        );
        put(
            "llava.json",
            r#"[{"id":"1","image":"a.png","conversations":[{"from":"human","value":"what?"},{"from":"gpt","value":"x"}]}]"#,
        );
        put(
            "x_MCQ.tsv",
            "index\timage\tquestion\tA\tB\tanswer\n0\t5\tq\ta\tb\tA\n1\tAAAA\tq\ta\t\tB\n",
        );
        put("train-000000.tar", "cut");
        let checked = check(folder.path()).unwrap();
        for (place, said) in [
            ("train.jsonl:2", "0 <image> for 1 images"),
            ("train.jsonl:2", "answer is empty"),
            ("train.jsonl:3", "broken.png"),
            ("train.jsonl:4", "gone.png"),
            ("train.jsonl:4", "`C` is none of the 2 choices"),
            ("train.jsonl:5", "no JSON"),
            ("llava.json:1", "0 <image> for 1 images"),
            ("x_MCQ.tsv:1", "row 5"),
            ("x_MCQ.tsv:2", "`B` is empty"),
            ("x_MCQ.tsv:2", "image"),
            ("train-000000.tar", "ends"),
        ] {
            let found = checked
                .problems
                .iter()
                .any(|problem| problem.starts_with(place) && problem.contains(said));
            assert!(found, "{place} {said}: {:#?}", checked.problems);
        }
        assert!(
            !checked
                .problems
                .iter()
                .any(|problem| problem.starts_with("train.jsonl:1"))
        );
        assert_eq!((checked.files, checked.records), (4, 7));
        assert!(check(&folder.path().join("none")).is_err());
    }
}
