//! What an auditor calls a weakness, as one of the fifteen categories or of the user's own.
//!
//! In: the auditor's word for the category. Out: a category's name and how it was found: the word itself is one, by phrases
//! that it has in it, or by the nearest meaning where a model of sentences is at hand. What is like none is `other` and counted.
//! The source's own categories are never changed.

mod words;

use crate::embed::{Embedder, cosine};
use crate::error::Result;
use crate::hub;
use crate::row::Category;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// The category of what could not be mapped.
const OTHER: &str = "other";

/// Words that are remembered; all are forgotten when there are more.
const REMEMBERED: usize = 10_000;

/// Categories beside the fifteen, and how words are mapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoryOptions {
    /// Phrases of a category: one of the fifteen, or one of the user's own, which prompted auditors are then told of.
    pub own: BTreeMap<String, Vec<String>>,
    /// A folder as sentence-transformers saves it, or the name of such a model on the hub; that of
    /// `[divergence.semantic]` unless named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedder: Option<String>,
    /// A word belongs to the category of the nearest meaning when their cosine is larger.
    pub same_above: f64,
}

impl Default for CategoryOptions {
    fn default() -> Self {
        Self {
            own: BTreeMap::new(),
            embedder: None,
            same_above: 0.5,
        }
    }
}

impl CategoryOptions {
    /// What is wrong with it, each problem beginning with the option's name.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, phrases) in &self.own {
            let plain = |each: char| each.is_alphanumeric() || each == '_';
            if name.is_empty() || name.chars().count() > 40 || !name.chars().all(plain) {
                problems.push(format!(
                    "own.{name}: a category's name has at most 40 letters, digits and `_`"
                ));
            }
            if phrases.iter().any(|phrase| split(phrase).is_empty()) {
                problems.push(format!("own.{name}: a phrase without a word"));
            }
        }
        if !(self.same_above > 0.0 && self.same_above < 1.0) {
            problems.push("same_above is a cosine between 0 and 1, e.g. 0.5".to_owned());
        }
        problems
    }

    /// Names that are not among the fifteen.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.own.keys().map(String::as_str);
        names.filter(|name| Category::parse(name).is_none())
    }
}

/// A category and who says that it is this one: `prober`, `rule`, `embedding` or `unmapped`.
pub(super) type Mapped = (String, &'static str);

/// Maps words to categories.
#[derive(Debug)]
pub struct Categories {
    /// Each category with its phrases as words; the user's own first.
    phrases: Vec<(String, Vec<Vec<String>>)>,
    meanings: Option<Meanings>,
    known: Mutex<HashMap<String, Mapped>>,
}

#[derive(Debug)]
struct Meanings {
    embedder: Embedder,
    same_above: f64,
    /// In the order of `phrases`.
    vectors: Vec<Vec<f32>>,
}

impl Default for Categories {
    /// The fifteen, by rules.
    fn default() -> Self {
        Self::named(&CategoryOptions::default())
    }
}

impl Categories {
    fn named(options: &CategoryOptions) -> Self {
        let own = options.own.iter().map(|(name, phrases)| {
            let canonical = Category::parse(name).map_or(name.as_str(), |category| category.name());
            let phrases = phrases.iter().chain([name]);
            (
                canonical.to_owned(),
                phrases.map(|phrase| split(phrase)).collect(),
            )
        });
        let fifteen = words::PHRASES.iter().map(|(category, phrases)| {
            (
                category.name().to_owned(),
                phrases.iter().map(|phrase| split(phrase)).collect(),
            )
        });
        Self {
            phrases: own.chain(fifteen).collect(),
            meanings: None,
            known: Mutex::default(),
        }
    }

    /// The fifteen and the user's own, by rules and, with the model that is named, by meaning.
    ///
    /// # Errors
    /// When that model cannot be loaded.
    pub fn open(options: &CategoryOptions, embedder: Option<&str>) -> Result<Self> {
        let mut categories = Self::named(options);
        if let Some(name) = options.embedder.as_deref().or(embedder) {
            let embedder = Embedder::load(&hub::folder(name)?)?;
            let told = categories.phrases.iter().map(|(name, phrases)| {
                let phrases = phrases.iter().map(|words| words.join(" "));
                [name.replace('_', " ")]
                    .into_iter()
                    .chain(phrases)
                    .collect::<Vec<_>>()
                    .join(", ")
            });
            let told: Vec<String> = told.collect();
            let vectors = embedder.embed(&told.iter().map(String::as_str).collect::<Vec<_>>())?;
            categories.meanings = Some(Meanings {
                embedder,
                same_above: options.same_above,
                vectors,
            });
        }
        Ok(categories)
    }

    /// The category that a word means.
    ///
    /// A word that is new takes the time of one short text through the model of sentences; auditors have few.
    pub fn map(&self, word: &str) -> Mapped {
        let word = word.trim().trim_end_matches('.');
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mapped) = known.get(word) {
            return mapped.clone();
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let found = self.find(word);
        let mapped = found.unwrap_or_else(|| (OTHER.to_owned(), "unmapped"));
        known.insert(word.to_owned(), mapped.clone());
        mapped
    }

    fn find(&self, word: &str) -> Option<Mapped> {
        if let Some(category) = Category::parse(word) {
            return Some((category.name().to_owned(), "prober"));
        }
        let plain = word.to_lowercase().replace([' ', '-'], "_");
        if let Some((name, _)) = self.phrases.iter().find(|(name, _)| name.to_lowercase() == plain) {
            return Some((name.clone(), "prober"));
        }
        let said = split(word);
        let longest = self.phrases.iter().filter_map(|(name, phrases)| {
            let within = phrases
                .iter()
                .filter(|phrase| phrase.iter().all(|word| said.contains(word)));
            Some((within.map(Vec::len).max()?, name))
        });
        // Of equally long ones the first.
        if let Some((_, name)) = longest.rev().max_by_key(|(words, _)| *words) {
            return Some((name.clone(), "rule"));
        }
        let meanings = self.meanings.as_ref().filter(|_| !said.is_empty())?;
        let vector = meanings.embedder.embed(&[word]).ok()?.pop()?;
        let near = self.phrases.iter().zip(&meanings.vectors);
        let (cosine, (name, _)) = near
            .map(|(category, meaning)| (cosine(&vector, meaning), category))
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        (cosine > meanings.same_above).then(|| (name.clone(), "embedding"))
    }
}

/// Words in lower case, plurals like singulars.
fn split(text: &str) -> Vec<String> {
    let words = text
        .split(|each: char| !each.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let singular = |word: &str| {
        let word = word.to_lowercase();
        let hissed = ["ch", "sh", "x", "ss"];
        let stem = word.strip_suffix("es");
        if let Some(stem) = stem.filter(|stem| hissed.iter().any(|end| stem.ends_with(end))) {
            return stem.to_owned();
        }
        let plural = word
            .strip_suffix('s')
            .filter(|stem| stem.len() > 2 && !stem.ends_with('s'));
        plural.map_or(word.clone(), str::to_owned)
    };
    words.map(singular).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_auditors_say_is_mapped_by_its_words() {
        let categories = Categories::default();
        for (word, category, source) in [
            ("Counting", "counting", "prober"),
            ("spatial relationship.", "spatial_relationship", "prober"),
            ("Object Counting", "counting", "rule"),
            ("numbers of people", "counting", "rule"),
            ("Colors", "color_recognition", "rule"),
            ("colour of clothing", "color_recognition", "rule"),
            ("OCR", "small_text_recognition", "rule"),
            ("reading text on a sign", "small_text_recognition", "rule"),
            ("Traffic signs", "sign_understanding", "rule"),
            ("telling the time", "clock_reading", "rule"),
            ("time of day", "atmosphere", "rule"),
            ("Facial expressions", "atmosphere", "rule"),
            ("relative position / left-right", "spatial_relationship", "rule"),
            ("spatial relations", "spatial_relationship", "rule"),
            ("human-object interaction", "object_relationship", "rule"),
            ("object existence", "hallucination_avoidance", "rule"),
            ("texture", "material_recognition", "rule"),
            ("Landmarks", "world_knowledge", "rule"),
            ("vibes", OTHER, "unmapped"),
            ("", OTHER, "unmapped"),
            ("\u{202e}<script>", OTHER, "unmapped"),
        ] {
            assert_eq!(categories.map(word), (category.to_owned(), source), "{word}");
            assert_eq!(
                categories.map(word),
                (category.to_owned(), source),
                "remembered: {word}"
            );
        }
    }

    #[test]
    fn every_name_of_the_fifteen_has_phrases() {
        let mut there: Vec<Category> = words::PHRASES.iter().map(|(category, _)| *category).collect();
        there.sort_unstable();
        assert_eq!(there, Category::ALL);
    }

    #[test]
    fn own_categories_come_first_and_own_phrases_add() {
        let text = "own = { vehicle_damage = [\"scratch\", \"dent\"], counting = [\"inventory\"] }";
        let options: CategoryOptions = toml::from_str(text).unwrap();
        assert!(options.validate().is_empty());
        assert_eq!(options.names().collect::<Vec<_>>(), ["vehicle_damage"]);
        let categories = Categories::open(&options, None).unwrap();
        let map = |word: &str| categories.map(word).0;
        assert_eq!(map("Vehicle damage"), "vehicle_damage");
        assert_eq!(map("color of scratches"), "vehicle_damage");
        assert_eq!(
            (map("shelf inventory"), map("colors")),
            ("counting".to_owned(), "color_recognition".to_owned())
        );
        let bad: CategoryOptions = toml::from_str("same_above = 2.0\nown = { \"a b\" = [\"…\"] }").unwrap();
        assert_eq!(bad.validate().len(), 3, "{:?}", bad.validate());
    }

    #[test]
    fn where_no_word_helps_the_nearest_meaning_does_if_it_is_near() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/embedder");
        let open = |same_above| {
            let options = CategoryOptions {
                own: BTreeMap::from([("mats".to_owned(), vec!["unbelievable mat".to_owned()])]),
                same_above,
                ..CategoryOptions::default()
            };
            Categories::open(&options, Some(folder)).unwrap()
        };
        let near = open(0.01);
        let (category, source) = near.map("unbelievable, unbelievable");
        assert_eq!(source, "embedding");
        let meanings = near.meanings.as_ref().unwrap();
        let vector = meanings
            .embedder
            .embed(&["unbelievable, unbelievable"])
            .unwrap()
            .remove(0);
        let at = near
            .phrases
            .iter()
            .position(|(name, _)| *name == category)
            .unwrap();
        let cosines: Vec<f64> = meanings
            .vectors
            .iter()
            .map(|each| cosine(&vector, each))
            .collect();
        assert!(cosines.iter().all(|each| *each <= cosines[at]), "{cosines:?}");
        assert_eq!(open(0.9999).map("unbelievable, unbelievable").1, "unmapped");
    }
}
