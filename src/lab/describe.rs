//! What a noun phrase says of an object: "small striped red star", "person in blue holding a ball".
//!
//! The same phrase finds an object, makes one and is written about one. Left out: relations between
//! objects, which captions and instructions add.

use super::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Object, Pictogram, Shape, Size, Surface,
};
use std::fmt;

/// The sort of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are their own names")]
pub enum Noun {
    Shape(Shape),
    Clock,
    Flag,
    Board,
    Sign,
    Person,
}

impl Noun {
    const fn name(self) -> &'static str {
        match self {
            Self::Shape(shape) => shape.name(),
            Self::Clock => "clock",
            Self::Flag => "flag",
            Self::Board => "board",
            Self::Sign => "sign",
            Self::Person => "person",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "clock" | "watch" => Some(Self::Clock),
            "flag" => Some(Self::Flag),
            "board" => Some(Self::Board),
            "sign" => Some(Self::Sign),
            "person" | "man" | "woman" | "figure" => Some(Self::Person),
            other => Shape::parse(other).map(Self::Shape),
        }
    }
}

/// What is said of an object; `None` where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are the attributes of an object")]
pub struct Description {
    pub noun: Option<Noun>,
    pub size: Option<Size>,
    pub color: Option<Color>,
    pub surface: Option<Surface>,
    pub action: Option<Action>,
    pub emotion: Option<Emotion>,
    pub holds: Option<Item>,
    pub wears: Option<Garment>,
    pub country: Option<Country>,
    pub pictogram: Option<Pictogram>,
    /// Hour and minute.
    pub time: Option<(u8, u8)>,
    /// In lower case.
    pub text: Option<String>,
}

impl Description {
    /// All that can be seen of an object. Flags and signs have no colour, only shapes a surface.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        let seen = Self {
            size: Some(object.size),
            color: Some(object.color),
            ..Self::default()
        };
        match &object.kind {
            Kind::Shape(shape) => Self {
                noun: Some(Noun::Shape(*shape)),
                surface: Some(object.surface),
                ..seen
            },
            Kind::Clock { hour, minute } => Self {
                noun: Some(Noun::Clock),
                time: Some((*hour, *minute)),
                ..seen
            },
            Kind::Flag(country) => Self {
                noun: Some(Noun::Flag),
                color: None,
                country: Some(*country),
                ..seen
            },
            Kind::Board(text) => Self {
                noun: Some(Noun::Board),
                text: Some(text.to_lowercase()),
                ..seen
            },
            Kind::Sign(pictogram) => Self {
                noun: Some(Noun::Sign),
                color: None,
                pictogram: Some(*pictogram),
                ..seen
            },
            Kind::Person(person) => Self {
                noun: Some(Noun::Person),
                action: Some(person.action),
                emotion: Some(person.emotion),
                holds: person.holds,
                wears: person.wears,
                ..seen
            },
        }
    }

    /// Whether everything that is said is true of the object.
    #[must_use]
    pub fn fits(&self, object: &Object) -> bool {
        fn agrees<T: PartialEq>(said: Option<&T>, seen: Option<&T>) -> bool {
            said.is_none() || said == seen
        }
        let seen = Self::of(object);
        agrees(self.noun.as_ref(), seen.noun.as_ref())
            && agrees(self.size.as_ref(), seen.size.as_ref())
            && agrees(self.color.as_ref(), seen.color.as_ref())
            && agrees(self.surface.as_ref(), seen.surface.as_ref())
            && agrees(self.action.as_ref(), seen.action.as_ref())
            && agrees(self.emotion.as_ref(), seen.emotion.as_ref())
            && agrees(self.holds.as_ref(), seen.holds.as_ref())
            && agrees(self.wears.as_ref(), seen.wears.as_ref())
            && agrees(self.country.as_ref(), seen.country.as_ref())
            && agrees(self.pictogram.as_ref(), seen.pictogram.as_ref())
            && agrees(self.time.as_ref(), seen.time.as_ref())
            && agrees(self.text.as_ref(), seen.text.as_ref())
    }

    /// Reads a noun phrase, with or without article.
    ///
    /// # Errors
    /// The first word that means nothing, or that no noun was said.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut said = Self::default();
        let mut rest = words;
        let mut named = false;
        while let [word, after @ ..] = rest {
            rest = after;
            let next = |skip: &[&str]| {
                let mut after = after;
                while let [word, more @ ..] = after
                    && skip.contains(word)
                {
                    after = more;
                }
                after
            };
            match *word {
                "the" | "a" | "an" => {}
                "object" | "thing" => named = true,
                "in" | "of" | "wearing" | "holding" | "showing" | "at" | "saying" | "reading" | "with" => {
                    let after = next(&["a", "an", "the", "text", "word", "number"]);
                    let [value, more @ ..] = after else {
                        return Err(format!("`{word}` what?"));
                    };
                    said.tail(word, value)?;
                    rest = more;
                }
                _ => {
                    let pair = after.first().map(|second| format!("{word} {second}"));
                    if let Some(pictogram) = pair.as_deref().and_then(Pictogram::parse) {
                        said.pictogram = Some(pictogram);
                        rest = &after[1..];
                    } else if let Some(noun) = Noun::parse(word) {
                        said.noun = Some(noun);
                        named = true;
                    } else {
                        said.adjective(word)?;
                    }
                }
            }
        }
        if named {
            Ok(said)
        } else {
            Err(format!("`{}` names no thing", shown(&words.join(" "))))
        }
    }

    fn adjective(&mut self, word: &str) -> Result<(), String> {
        if let Some(size) = size(word) {
            self.size = Some(size);
        } else if let Some(color) = Color::parse(word) {
            self.color = Some(color);
        } else if let Some(surface) = surface(word) {
            self.surface = Some(surface);
        } else if let Some(emotion) = Emotion::parse(word) {
            self.emotion = Some(emotion);
        } else if let Some(action) = Action::parse(word) {
            self.action = Some(action);
        } else if let Some(pictogram) = Pictogram::parse(word) {
            self.pictogram = Some(pictogram);
        } else if let Some(country) = Country::parse(word) {
            self.country = Some(country);
        } else {
            return Err(format!("I do not know the word `{}`", shown(word)));
        }
        Ok(())
    }

    /// What follows a noun: a preposition or participle and its value.
    fn tail(&mut self, word: &str, value: &str) -> Result<(), String> {
        let unknown = || format!("I do not know what `{word} {}` means", shown(value));
        match word {
            "in" => self.color = Some(Color::parse(value).ok_or_else(unknown)?),
            "of" => self.country = Some(Country::parse(value).ok_or_else(unknown)?),
            "wearing" => self.wears = Some(Garment::parse(value).ok_or_else(unknown)?),
            "holding" => self.holds = Some(Item::parse(value).ok_or_else(unknown)?),
            "showing" | "at" => self.time = Some(time(value).ok_or_else(unknown)?),
            "saying" | "reading" => self.text = Some(text(value).ok_or_else(unknown)?),
            _ => {
                if let Some(worn) = Garment::parse(value) {
                    self.wears = Some(worn);
                } else if let Some(held) = Item::parse(value) {
                    self.holds = Some(held);
                } else {
                    self.text = Some(text(value).ok_or_else(unknown)?);
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Description {
    /// Without article: size, feeling, action, surface, colour, noun, and what follows it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let person = self.noun == Some(Noun::Person);
        let words = [
            self.size.map(Size::name),
            self.emotion.map(Emotion::name),
            self.action.map(Action::name),
            self.surface.map(adjective),
            self.color.filter(|_| !person).map(Color::name),
            self.pictogram.map(Pictogram::name),
        ];
        for word in words.into_iter().flatten() {
            write!(out, "{word} ")?;
        }
        out.write_str(self.noun.map_or("object", Noun::name))?;
        if let Some(country) = self.country {
            write!(out, " of {}", country.name())?;
        }
        if let Some(color) = self.color.filter(|_| person) {
            write!(out, " in {}", color.name())?;
        }
        if let Some((hour, minute)) = self.time {
            write!(out, " showing {hour}:{minute:02}")?;
        }
        if let Some(text) = &self.text {
            write!(out, " saying {text}")?;
        }
        if let Some(worn) = self.wears {
            write!(out, " wearing {}", with_article(worn.name()))?;
        }
        if let Some(held) = self.holds {
            write!(out, " holding {}", with_article(held.name()))?;
        }
        Ok(())
    }
}

/// "a star", "an orange star".
#[must_use]
pub fn with_article(phrase: &str) -> String {
    let article = if phrase.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {phrase}")
}

/// The surface before a noun.
const fn adjective(surface: Surface) -> &'static str {
    match surface {
        Surface::Wood => "wooden",
        other => other.name(),
    }
}

/// A size by one of its names.
pub(super) fn size(word: &str) -> Option<Size> {
    match word {
        "big" | "huge" => Some(Size::Large),
        "little" => Some(Size::Small),
        other => Size::parse(other),
    }
}

/// A surface by one of its names.
pub(super) fn surface(word: &str) -> Option<Surface> {
    match word {
        "wooden" => Some(Surface::Wood),
        "metallic" => Some(Surface::Metal),
        other => Surface::parse(other),
    }
}

/// Hour 1–12 and minute, a multiple of five, of "3:25".
pub(super) fn time(word: &str) -> Option<(u8, u8)> {
    let (hour, minute) = word.split_once(':')?;
    if hour.len() > 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    ((1..=12).contains(&hour) && minute < 60 && minute % 5 == 0).then_some((hour, minute))
}

/// What a board can say: up to five letters and digits.
pub(super) fn text(word: &str) -> Option<String> {
    let fits = (1..=5).contains(&word.len()) && word.chars().all(|each| each.is_ascii_alphanumeric());
    fits.then(|| word.to_lowercase())
}

/// Text of unknown length in a message.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text's words in lower case, without the punctuation around them.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| {
            word.trim_matches(|each: char| !each.is_alphanumeric())
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}
