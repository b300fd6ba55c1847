//! Every metric against figures of the reference evaluators.
//!
//! `METRIC_VECTORS` names a file of vectors (one JSON object a line: metric, variant, prediction, references, expected,
//! tol, extra); without it the committed ones are read. Lines whose metric or variant is not offered are counted, a
//! figure beyond its tolerance is a failure.

use super::letter::{Letter, Options};
use super::mme::Subtask;
use super::pope::{Confusion, Pope};
use super::yes_no::{MmeReading, YesNo};
use super::{
    Variant, ai2d, anls::Anls, box_iou, cider, gqa::Gqa, mean, mmbench, mmmu, mmt, ptb, realworldqa,
    relaxed::Relaxed, seed, vqa_accuracy::VqaAccuracy,
};
use crate::benchmark::statistic::{mcnemar, multiple, normal, slices, wilson};
use crate::diverge::{VqaDialect, token_f1, vqa_in};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

#[derive(Deserialize)]
struct Vector {
    id: String,
    metric: String,
    variant: String,
    group: Option<String>,
    role: String,
    prediction: Value,
    references: Vec<Value>,
    expected: f64,
    tol: f64,
    extra: Map<String, Value>,
}

/// What became of a vector.
enum Checked {
    Figure(f64),
    /// It only feeds its group's figure.
    Input,
    NotOffered,
}
use Checked::{Figure, Input, NotOffered};

const COMMITTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/benchmarks/metric_vectors.jsonl"
);
const TABLE: &str = include_str!("../../../tests/data/benchmarks/divexplorer_table.json");

#[test]
fn metric_vectors() {
    let path = std::env::var("METRIC_VECTORS").unwrap_or_else(|_| COMMITTED.to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let vectors: Vec<Vector> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let mut groups: HashMap<&str, Vec<&Vector>> = HashMap::new();
    for vector in &vectors {
        if let (Some(group), "item") = (&vector.group, vector.role.as_str()) {
            groups.entry(group).or_default().push(vector);
        }
    }
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let (mut not_offered, mut misses): (BTreeMap<String, usize>, Vec<String>) = Default::default();
    for vector in &vectors {
        let group = vector
            .group
            .as_deref()
            .and_then(|group| groups.get(group))
            .map_or(&[][..], Vec::as_slice);
        let count = counts.entry(&vector.metric).or_default();
        match vector.check(group) {
            Figure(figure) if (figure - vector.expected).abs() <= vector.tol => count[0] += 1,
            Figure(figure) => {
                count[1] += 1;
                misses.push(format!(
                    "{} ({}): {figure} is not {}",
                    vector.id, vector.variant, vector.expected
                ));
            }
            Input => count[2] += 1,
            NotOffered => {
                let name = format!("{} {}", vector.metric, vector.variant);
                *not_offered.entry(name).or_default() += 1;
            }
        }
    }
    let mut said = format!("{path}\n{:<24} {:>6} {:>6}\n", "metric", "passed", "failed");
    for (metric, [passed, failed, inputs]) in &counts {
        let _ = write!(said, "{metric:<24} {passed:>6} {failed:>6}");
        let inputs = if *inputs > 0 {
            format!("  ({inputs} inputs of an aggregate)")
        } else {
            String::new()
        };
        let _ = writeln!(said, "{inputs}");
    }
    for (what, count) in &not_offered {
        let _ = writeln!(said, "not offered: {what} ({count})");
    }
    let passed: usize = counts.values().map(|[passed, ..]| passed).sum();
    // Standard error is not captured into the figures of other tests, and shows with `--nocapture`.
    eprintln!("{said}{passed} passed, {} failed", misses.len());
    assert!(misses.is_empty(), "{}", misses.join("\n"));
    assert!(passed > 0, "no vector of {path} is offered");
}

/// Rules by the vector's variant, or "not offered".
macro_rules! rules {
    ($vector:expr) => {
        match Variant::named(&$vector.variant) {
            Some(rules) => rules,
            None => return NotOffered,
        }
    };
}

impl Vector {
    fn check(&self, group: &[&Self]) -> Checked {
        let (prediction, answers) = (self.prediction.as_str().unwrap_or_default(), self.answers());
        let gold = answers.first().map_or("", String::as_str);
        let yes = |right: bool| Figure(f64::from(u8::from(right)));
        match self.metric.as_str() {
            "vqa_accuracy" => Figure(VqaAccuracy::score(rules!(self), prediction, &answers)),
            "vqa_normalize" => match self.variant.as_str() {
                "official" => yes(vqa_in(VqaDialect::Official, prediction) == gold),
                "vlmevalkit" => yes(vqa_in(VqaDialect::VlmEvalKit, prediction) == gold),
                "evalai" => yes(vqa_in(VqaDialect::EvalAi, prediction) == gold),
                _ => NotOffered,
            },
            "gqa_exact" => yes(Gqa::right(rules!(self), prediction, gold)),
            "anls" => Figure(Anls::score(rules!(self), prediction, &answers)),
            "relaxed_accuracy" => yes(Relaxed::right(rules!(self), prediction, gold)),
            "loc_iou" | "loc_acc@0.5" => {
                let iou = box_iou::Locations::iou(
                    rules!(self),
                    prediction,
                    self.truth(),
                    self.size("width"),
                    self.size("height"),
                );
                if self.metric == "loc_iou" {
                    Figure(iou)
                } else {
                    yes(iou >= box_iou::FOUND)
                }
            }
            "text_box_iou" => {
                let (width, height) = (self.size("width"), self.size("height"));
                Figure(box_iou::TextBox::iou(
                    rules!(self),
                    prediction,
                    self.truth(),
                    width,
                    height,
                ))
            }
            "iou" => Figure(box_iou::iou(corners(&self.prediction), self.truth())),
            "iou_acc@0.5" => yes(box_iou::iou(corners(&self.prediction), self.truth()) >= box_iou::FOUND),
            "ptb_tokenize" => yes(ptb::tokens(prediction).join(" ") == gold),
            "cider_d" => self.cider(group, rules!(self)),
            "mc_letter" => {
                let letter = Letter::extract(rules!(self), prediction, &self.options());
                self.letter(letter)
            }
            "seed_letter" => self.letter(seed::extract(prediction)),
            "ai2d_letter" => {
                let same = self.extra["extracted"] == ai2d::extract(prediction);
                Figure(if same {
                    f64::from(u8::from(ai2d::right_letter(prediction, gold)))
                } else {
                    f64::NAN
                })
            }
            "ai2d_text" => yes(ai2d::right_text(prediction, gold)),
            "mmt_letter" => self.letter(mmt::extract(prediction, &mmt::LETTERS)),
            "mmt_random_branch" => yes(mmt::extract(prediction, &mmt::LETTERS).is_none()),
            "mmmu_mc" => {
                let letter = mmmu::Mmmu::extract(rules!(self), prediction, &self.options());
                self.letter(letter)
            }
            "mmmu_mc_random_branch" => yes(mmmu::Mmmu::Official
                .extract(prediction, &self.options())
                .is_none()),
            "mmmu_open" if self.variant == "official" => yes(mmmu::open_right(prediction, &answers)),
            "mme_parse" => yes(MmeReading::read(rules!(self), prediction).name() == gold),
            "yorn_extract" => {
                let said = YesNo::by_words(prediction).name().replace("other", "unknown");
                yes(said == gold.to_lowercase())
            }
            "pope_parse" => yes(YesNo::by_denial(prediction).name() == gold),
            "realworldqa" => yes(realworldqa::right(prediction, gold)),
            "token_f1" => Figure(
                answers
                    .iter()
                    .map(|gold| token_f1(prediction, gold))
                    .fold(0.0, f64::max),
            ),
            "mmbench_circular" => self.mmbench(group),
            "mme_score" => self.mme(group, rules!(self)),
            "pope_metrics" => self.pope(group, rules!(self)),
            "mmmu_overall" | "mmstar" => self.averages(group),
            _ => self.statistic(),
        }
    }

    fn cider(&self, group: &[&Self], tokens: cider::Tokens) -> Checked {
        let answers: Vec<Vec<String>> = group.iter().map(|item| item.answers()).collect();
        let images: Vec<cider::Captioned> = group
            .iter()
            .zip(&answers)
            .map(|(item, references)| cider::Captioned {
                caption: item.prediction.as_str().unwrap_or_default(),
                references,
            })
            .collect();
        let scores = cider::scores(&images, tokens);
        Figure(match group.iter().position(|item| item.id == self.id) {
            Some(at) => scores[at],
            None => mean::micro(scores).unwrap_or(f64::NAN),
        })
    }

    fn letter(&self, letter: Option<char>) -> Checked {
        let said = letter.map(String::from).unwrap_or_default();
        let gold = &self.answers()[0];
        let as_told = self.extra.get("extracted").is_none_or(|told| *told == said);
        Figure(if as_told {
            f64::from(u8::from(said == *gold))
        } else {
            f64::NAN
        })
    }

    fn mmbench(&self, group: &[&Self]) -> Checked {
        let right = |item: &Self| {
            let letter = Letter::VlmEvalKit.extract(item.prediction.as_str().unwrap(), &item.options());
            letter.map(String::from).as_deref() == Some(&item.answers()[0])
        };
        if self.role == "item" {
            return Figure(f64::from(u8::from(right(self))));
        }
        let index = |item: &Self| item.extra["index"].as_u64().unwrap();
        let questions = mmbench::circular(group.iter().map(|item| (index(item), right(item))));
        Figure(mean::micro(questions.into_values().map(|right| f64::from(u8::from(right)))).unwrap())
    }

    fn mme(&self, group: &[&Self], reading: MmeReading) -> Checked {
        let right = |item: &Self| {
            let said = reading.read(item.prediction.as_str().unwrap());
            said.name() == item.answers()[0]
        };
        if self.role == "item" {
            return Figure(f64::from(u8::from(right(self))));
        }
        let image = |item: &&Self| item.extra["image"].as_str().unwrap().to_owned();
        let images: Vec<(String, bool)> = group.iter().map(|item| (image(item), right(item))).collect();
        Figure(Subtask::of(images.iter().map(|(image, right)| (image.as_str(), *right))).score())
    }

    fn pope(&self, group: &[&Self], rules: Pope) -> Checked {
        let read = |item: &Self| rules.read(item.prediction.as_str().unwrap());
        if self.role == "item" {
            return Figure(f64::from(u8::from(read(self).name() == self.answers()[0])));
        }
        let mut counts = Confusion::default();
        for item in group {
            counts.count(read(item), YesNo::gold(&item.answers()[0]).unwrap());
        }
        match self.extra["name"].as_str() {
            Some("acc") => Figure(counts.accuracy()),
            Some("precision") => Figure(counts.precision()),
            Some("recall") => Figure(counts.recall()),
            Some("f1") => Figure(counts.f1()),
            Some("yes_ratio") => Figure(counts.yes_ratio(rules)),
            _ => NotOffered,
        }
    }

    fn averages(&self, group: &[&Self]) -> Checked {
        if self.role == "item" {
            return Input;
        }
        match self.variant.as_str() {
            "official" | "vlmevalkit_micro" => {
                Figure(mean::micro(group.iter().map(|item| item.expected)).unwrap())
            }
            "lmms_macro_l2" => {
                let category = |item: &Self| item.extra["l2_category"].as_str().unwrap().to_owned();
                let scores: Vec<(String, f64)> =
                    group.iter().map(|item| (category(item), item.expected)).collect();
                Figure(
                    mean::macro_average(scores.iter().map(|(name, score)| (name.as_str(), *score))).unwrap(),
                )
            }
            _ => NotOffered,
        }
    }

    fn statistic(&self) -> Checked {
        let number = |at: usize| {
            self.references
                .get(at)
                .and_then(Value::as_f64)
                .unwrap_or(f64::NAN)
        };
        let whole = |at: usize| number(at) as u64;
        let figure = match self.metric.as_str() {
            "wilson_low" | "wilson_high" => {
                let z = normal::quantile(1.0 - number(2) / 2.0);
                let interval = wilson::interval_at(z, number(0) as i64, number(1) as i64);
                interval.map(|(low, high)| if self.metric == "wilson_low" { low } else { high })
            }
            "mcnemar_exact" => mcnemar::exact(number(0) as i64, number(1) as i64),
            "bh_adjusted" => {
                let p_values: Vec<f64> = self.references.iter().filter_map(Value::as_f64).collect();
                let at = self.extra["i"].as_u64().unwrap() as usize;
                Some(multiple::adjusted(&p_values, multiple::Dependence::Positive)[at])
            }
            "sliceline_score" => slices::sliceline(number(0), number(1), number(2), number(3), number(4)),
            "divexplorer_t" => Some(slices::divergence_t(whole(0), whole(1), whole(2), whole(3))),
            "divexplorer_divergence" => {
                let table: Value = serde_json::from_str(TABLE).unwrap();
                let columns: Vec<&str> = table["columns"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                let rows = table["rows"].as_array().unwrap();
                let inside = |row: &&Value| {
                    self.answers().iter().all(|item| {
                        let (column, value) = item.split_once('=').unwrap();
                        row[columns.iter().position(|each| *each == column).unwrap()] == value
                    })
                };
                let errors =
                    |rows: &[&Value]| rows.iter().filter(|row| row[columns.len() - 1] == 1).count() as u64;
                let (slice, all): (Vec<&Value>, Vec<&Value>) =
                    (rows.iter().filter(inside).collect(), rows.iter().collect());
                let (size, n) = (slice.len() as u64, all.len() as u64);
                let t = slices::divergence_t(errors(&slice), size, errors(&all), n);
                let as_told = (t - self.extra["t"].as_f64().unwrap()).abs() <= self.tol;
                slices::divergence(errors(&slice), size, errors(&all), n).filter(|_| as_told)
            }
            _ => return NotOffered,
        };
        Figure(figure.unwrap_or(f64::NAN))
    }

    fn answers(&self) -> Vec<String> {
        self.references
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    fn options(&self) -> Vec<(char, String)> {
        let options: &Map<String, Value> = self.extra["options"].as_object().unwrap();
        let option = |(letter, text): (&String, &Value)| {
            (letter.chars().next().unwrap(), text.as_str().unwrap().to_owned())
        };
        let options: Box<Options> = options.iter().map(option).collect();
        options.into_vec()
    }

    fn truth(&self) -> box_iou::Corners {
        corners(&self.references[0])
    }

    fn size(&self, name: &str) -> f64 {
        self.extra[name].as_f64().unwrap()
    }
}

fn corners(value: &Value) -> box_iou::Corners {
    [0, 1, 2, 3].map(|at| value[at].as_f64().unwrap())
}
