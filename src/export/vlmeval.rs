//! VLMEvalKit: a TSV of open questions, and one of multiple choice, because only that is scored there.
//!
//! An open question becomes a choice between the right answer, the target's wrong one and right answers to other questions
//! of its category; yes stands against no. Where nothing else is known, the row is in the open table only. An image that
//! was there before is named by the number of its row.

use super::Ready;
use super::output::{File, Output};
use super::writer::Files;
use crate::error::{Error, Result};
use crate::row::id;
use crate::sample::{Sample, Survey, letter};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, HashMap};

/// Options of a question that had none.
const OPTIONS: usize = 4;

pub(super) struct Tables {
    name: String,
    completions: BTreeMap<String, Vec<String>>,
    letters: usize,
    open: Option<Table>,
    choice: Option<Table>,
}

struct Table {
    file: File,
    rows: usize,
    /// The row in which an image stands.
    images: HashMap<String, usize>,
}

impl Tables {
    pub(super) fn new(name: &str, survey: Survey) -> Self {
        Self {
            name: name.to_owned(),
            completions: survey.completions,
            letters: survey.most_choices.max(OPTIONS),
            open: None,
            choice: None,
        }
    }

    /// The options of a question, in an order that its id decides; none without a wrong one.
    fn options(&self, sample: &Sample) -> Option<Vec<String>> {
        if !sample.choices.is_empty() {
            return sample
                .choices
                .contains(&sample.completion)
                .then(|| sample.choices.clone());
        }
        let right = sample.completion.trim();
        let mut options = vec![right.to_owned()];
        let is_new = |options: &[String], text: &str| {
            !text.is_empty() && options.iter().all(|option| !option.eq_ignore_ascii_case(text))
        };
        let truths = ["yes", "no"];
        if let Some(at) = truths.iter().position(|truth| truth.eq_ignore_ascii_case(right)) {
            options.push(truths[1 - at].to_owned());
        } else {
            let others = self
                .completions
                .get(sample.category.as_deref().unwrap_or_default());
            let mut others: Vec<&str> = others.into_iter().flatten().map(|text| text.trim()).collect();
            others.retain(|text| !truths.contains(&text.to_lowercase().as_str()));
            others.sort_by_cached_key(|other| id([sample.id.as_str(), other]));
            for other in sample.rejected().map(str::trim).into_iter().chain(others) {
                if options.len() < OPTIONS && other.len() < 100 && is_new(&options, other) {
                    options.push(other.to_owned());
                }
            }
        }
        options.sort_by_cached_key(|option| id([option.as_str(), sample.id.as_str()]));
        (options.len() > 1).then_some(options)
    }
}

#[async_trait]
impl Files for Tables {
    async fn write(&mut self, output: &Output, row: Ready) -> Result<()> {
        let options = self.options(&row.sample);
        let header = ["index", "image", "question", "answer", "category", "split"].map(str::to_owned);
        let open = Table::of(&mut self.open, output, &format!("{}_VQA.tsv", self.name), &header).await?;
        let sample = &row.sample;
        let category = sample.category.as_deref().unwrap_or("uncategorized");
        let tail = |answer: &str| {
            vec![
                sample.prompt.clone(),
                answer.to_owned(),
                category.to_owned(),
                sample.split().to_owned(),
            ]
        };
        open.add(&row, tail(&sample.completion)).await?;
        let Some(options) = options else {
            return Ok(());
        };
        let letters = (0..self.letters).map(|at| letter(at).to_string());
        let header: Vec<String> = ["index", "image", "question"]
            .map(str::to_owned)
            .into_iter()
            .chain(letters)
            .chain(["answer", "category", "l2-category", "split"].map(str::to_owned))
            .collect();
        let choice = Table::of(
            &mut self.choice,
            output,
            &format!("{}_MCQ.tsv", self.name),
            &header,
        )
        .await?;
        let right = options
            .iter()
            .position(|option| *option == sample.completion.trim() || *option == sample.completion);
        let mut cells = vec![sample.prompt.clone()];
        cells.extend((0..self.letters).map(|at| options.get(at).cloned().unwrap_or_default()));
        let answer = letter(right.unwrap_or_default()).to_string();
        let kind = sample.label_source.clone().unwrap_or_default();
        cells.extend([answer, category.to_owned(), kind, sample.split().to_owned()]);
        choice.add(&row, cells).await
    }

    async fn close(self: Box<Self>, _: &Output) -> Result<String> {
        for table in [self.open, self.choice].into_iter().flatten() {
            table.file.close().await?;
        }
        Ok(String::new())
    }
}

impl Table {
    async fn of<'a>(
        table: &'a mut Option<Self>,
        output: &Output,
        name: &str,
        header: &[String],
    ) -> Result<&'a mut Self> {
        if table.is_none() {
            let mut file = output.file(name).await?;
            file.write(&line(header)?).await?;
            *table = Some(Self {
                file,
                rows: 0,
                images: HashMap::new(),
            });
        }
        Ok(table.as_mut().expect("it was opened above"))
    }

    /// Adds a row whose first cells are its number and image.
    async fn add(&mut self, row: &Ready, cells: Vec<String>) -> Result<()> {
        let number = self.rows;
        self.rows += 1;
        let key = row.sample.images.join(" ");
        let image = match (self.images.get(&key), row.pictures.as_slice()) {
            (Some(before), _) => before.to_string(),
            (None, [one]) => STANDARD.encode(&one.bytes),
            (None, several) => {
                let each = several
                    .iter()
                    .map(|picture| format!("'{}'", STANDARD.encode(&picture.bytes)));
                format!("[{}]", each.collect::<Vec<_>>().join(", "))
            }
        };
        self.images.entry(key).or_insert(number);
        let cells: Vec<String> = [number.to_string(), image].into_iter().chain(cells).collect();
        self.file.write(&line(&cells)?).await
    }
}

fn line(cells: &[String]) -> Result<Vec<u8>> {
    let failed = |source: std::io::Error| Error::File {
        action: "write",
        path: "a line of a TSV".into(),
        source,
    };
    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| failed(error.into()))?;
    writer.into_inner().map_err(|error| failed(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample;

    #[test]
    fn an_open_question_becomes_a_choice_where_something_is_wrong() {
        let completions = BTreeMap::from([(
            "counting".to_owned(),
            ["4", "7", "9", "12"].map(str::to_owned).to_vec(),
        )]);
        let tables = Tables::new(
            "x",
            Survey {
                completions,
                ..Survey::default()
            },
        );
        let options = tables.options(&sample("1")).unwrap();
        assert!(
            options.len() == 4 && options.contains(&"4".to_owned()) && options.contains(&"5".to_owned()),
            "{options:?}"
        );
        assert_eq!(tables.options(&sample("1")), Some(options));
        let mut yes = sample("2");
        yes.completion = "Yes".to_owned();
        let mut options = tables.options(&yes).unwrap();
        options.sort();
        assert_eq!(options, ["Yes", "no"]);
        let mut alone = sample("3");
        alone.category = None;
        alone.audit.clear();
        assert_eq!(tables.options(&alone), None);
    }
}
