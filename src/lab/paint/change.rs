//! New values of attributes: "red", "larger", "run", "hold a ball", "snowy", "3:25".

use super::compose::Place;
use crate::lab::describe::{shown, size, surface, text, time, with_article};
use crate::lab::refer::find_words;
use crate::lab::scene::{
    Action, Color, Country, Emotion, Garment, Item, Kind, Object, Person, Pictogram, Scene, Size, Surface,
    Weather,
};
use rand_chacha::ChaCha8Rng;

/// One attribute's new value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Weather(Weather),
    Color(Color),
    Surface(Surface),
    Size(Size),
    Larger,
    Smaller,
    Time(u8, u8),
    /// A board's new text; a pictogram or country where the object is a sign or flag.
    Word(String),
    Pictogram(Pictogram),
    Country(Country),
    Action(Action),
    Emotion(Emotion),
    Holds(Item),
    Wears(Garment),
}

impl Change {
    /// Reads "X red", "it snowy", "the person hold a ball": what changes and its new value.
    pub(super) fn split(scene: &Scene, words: &[&str]) -> Result<(Option<usize>, Self), String> {
        if let ["it" | "weather", rest @ ..] | ["the", "weather" | "sky", rest @ ..] = words {
            return match Self::parse(rest)? {
                weather @ Self::Weather(_) => Ok((None, weather)),
                _ => Err(format!("`{}` is no weather", shown(&rest.join(" ")))),
            };
        }
        let mut problem = None;
        for at in (1..words.len()).rev() {
            let Ok(change) = Self::parse(&words[at..]) else {
                continue;
            };
            match find_words(scene, &words[..at]) {
                Ok(index) => return Ok((Some(index), change)),
                Err(reason) => problem = problem.or(Some(reason)),
            }
        }
        Err(problem.unwrap_or_else(|| format!("I do not understand `{}`", shown(&words.join(" ")))))
    }

    /// Reads a new value.
    pub(super) fn parse(words: &[&str]) -> Result<Self, String> {
        let all = words.join(" ");
        let unknown = || format!("I do not know what `{}` should be", shown(&all));
        let value = match words {
            ["to" | "show" | "say" | "be" | "feel" | "look" | "made", rest @ ..] if !rest.is_empty() => {
                return Self::parse(rest);
            }
            ["hold" | "carry", "a" | "an" | "the", item] => {
                Self::Holds(Item::parse(item).ok_or_else(unknown)?)
            }
            ["wear", "a" | "an" | "the", garment] => {
                Self::Wears(Garment::parse(garment).ok_or_else(unknown)?)
            }
            ["of", material] => Self::Surface(surface(material).ok_or_else(unknown)?),
            _ => Self::value(&all).ok_or_else(unknown)?,
        };
        Ok(value)
    }

    fn value(word: &str) -> Option<Self> {
        match word {
            "larger" | "bigger" => return Some(Self::Larger),
            "smaller" => return Some(Self::Smaller),
            _ => {}
        }
        weather(word)
            .map(Self::Weather)
            .or_else(|| Color::parse(word).map(Self::Color))
            .or_else(|| surface(word).map(Self::Surface))
            .or_else(|| size(word).map(Self::Size))
            .or_else(|| time(word).map(|(hour, minute)| Self::Time(hour, minute)))
            .or_else(|| action(word).map(Self::Action))
            .or_else(|| Emotion::parse(word).map(Self::Emotion))
            .or_else(|| Pictogram::parse(word).map(Self::Pictogram))
            .or_else(|| Country::parse(word).map(Self::Country))
            .or_else(|| text(word).map(Self::Word))
    }

    /// Makes the change.
    pub(super) fn apply(
        self,
        scene: &mut Scene,
        index: Option<usize>,
        rng: &mut ChaCha8Rng,
    ) -> Result<(), String> {
        let index = match (&self, index) {
            (Self::Weather(weather), None) => {
                scene.weather = *weather;
                return Ok(());
            }
            (_, None) => return Err("only the weather belongs to the whole scene".to_owned()),
            (_, Some(index)) => index,
        };
        let resized = matches!(
            self,
            Self::Size(_) | Self::Larger | Self::Smaller | Self::Word(_) | Self::Action(_)
        );
        self.apply_to(&mut scene.objects[index])?;
        if resized {
            let (x, y) = (scene.objects[index].x, scene.objects[index].y);
            Place::Near(x, y).put(scene, index, rng)?;
        }
        Ok(())
    }

    fn apply_to(self, object: &mut Object) -> Result<(), String> {
        let noun = object.kind.noun();
        let cannot = |what: &str| Err(format!("{} has no {what}", with_article(noun)));
        match (self, &mut object.kind) {
            (Self::Color(_), Kind::Flag(_) | Kind::Sign(_)) => return cannot("colour of its own to change"),
            (Self::Color(color), _) => object.color = color,
            (Self::Surface(surface), Kind::Shape(_)) => object.surface = surface,
            (Self::Surface(_), _) => return cannot("surface to change"),
            (Self::Size(size), _) => object.size = size,
            (Self::Larger, _) => {
                object.size =
                    next(object.size, 1).ok_or_else(|| format!("the {noun} is as large as can be"))?;
            }
            (Self::Smaller, _) => {
                object.size =
                    next(object.size, -1).ok_or_else(|| format!("the {noun} is as small as can be"))?;
            }
            (Self::Time(new_hour, new_minute), Kind::Clock { hour, minute }) => {
                (*hour, *minute) = (new_hour, new_minute);
            }
            (Self::Time(..), _) => return cannot("hands"),
            (Self::Pictogram(pictogram), Kind::Sign(shown)) => *shown = pictogram,
            (Self::Country(country), Kind::Flag(shown)) => *shown = country,
            (Self::Action(action), Kind::Person(person)) => act(person, action),
            (Self::Emotion(emotion), Kind::Person(person)) => person.emotion = emotion,
            (Self::Holds(item), Kind::Person(person)) => person.holds = Some(item),
            (Self::Wears(garment), Kind::Person(person)) => person.wears = Some(garment),
            (Self::Word(word), Kind::Board(text)) => *text = word,
            (Self::Pictogram(word), Kind::Board(text)) if word.name().len() <= 5 => {
                word.name().clone_into(text);
            }
            (Self::Country(word), Kind::Board(text)) if word.name().len() <= 5 => {
                word.name().clone_into(text);
            }
            (Self::Word(word), _) => return Err(format!("the {noun} cannot become `{}`", shown(&word))),
            (Self::Pictogram(_), _) => return cannot("pictogram"),
            (Self::Country(_), _) => return cannot("country"),
            (Self::Action(_) | Self::Emotion(_) | Self::Holds(_) | Self::Wears(_), _) => {
                return Err(format!("{} is no person", with_article(noun)));
            }
            (Self::Weather(_), _) => return cannot("weather"),
        }
        Ok(())
    }
}

fn act(person: &mut Person, action: Action) {
    person.action = action;
    if action == Action::Lying {
        person.touches = None;
    }
}

fn next(size: Size, step: isize) -> Option<Size> {
    Size::ALL.get((size as usize).checked_add_signed(step)?).copied()
}

fn weather(word: &str) -> Option<Weather> {
    match word {
        "rain" => Some(Weather::Rainy),
        "snow" => Some(Weather::Snowy),
        other => Weather::parse(other),
    }
}

/// An action by its participle or its verb.
fn action(word: &str) -> Option<Action> {
    match word {
        "stand" => Some(Action::Standing),
        "run" => Some(Action::Running),
        "sit" => Some(Action::Sitting),
        "jump" => Some(Action::Jumping),
        "wave" => Some(Action::Waving),
        "lie" => Some(Action::Lying),
        other => Action::parse(other),
    }
}
