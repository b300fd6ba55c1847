//! What a question means: the tree between parsing and evaluation.

use crate::lab::scene::{Action, Color, Emotion, Garment, Item, Shape, Size, Surface, Weather};

/// What a noun phrase can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noun {
    /// Anything that stands in the scene.
    Thing,
    /// Anything without inner structure.
    AnyShape,
    Shape(Shape),
    Clock,
    Flag,
    Board,
    Sign,
    Person,
    /// In somebody's hand.
    Item(Item),
    /// On somebody's body.
    Garment(Garment),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Determiner {
    /// There must be exactly one.
    The,
    /// One is enough.
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Left,
    Right,
    Above,
    Below,
}

/// What only one of several can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Largest,
    Smallest,
    Farthest(Direction),
}

/// "the small red star left of the clock".
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phrase {
    pub(super) determiner: Determiner,
    pub(super) extreme: Option<Extreme>,
    pub(super) noun: Noun,
    pub(super) filters: Vec<Predicate>,
    /// As written, for reasons.
    pub(super) words: String,
}

/// What can be true of a thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Predicate {
    /// Everything is.
    Here,
    Color(Color),
    Surface(Surface),
    Size(Size),
    Acts(Action),
    Feels(Emotion),
    /// What a clock, board, sign or flag tells.
    Says(String),
    /// Among those that the phrase fits.
    Is(Box<Phrase>),
    Beside(Direction, Box<Phrase>),
    /// In one half of the image.
    Half(Direction),
    Larger(Box<Phrase>),
    Smaller(Box<Phrase>),
    Same(Attribute, Box<Phrase>),
    Holds(Box<Phrase>),
    Wears(Box<Phrase>),
    /// Holds or wears.
    Has(Box<Phrase>),
    Touches(Box<Phrase>),
    TouchedBy(Box<Phrase>),
    Not(Box<Predicate>),
    Both(Box<Predicate>, Box<Predicate>),
}

impl Phrase {
    /// How many phrases are nested in one another, this one included.
    pub(super) fn depth(&self) -> usize {
        1 + self.filters.iter().map(Predicate::depth).max().unwrap_or(0)
    }
}

impl Predicate {
    fn depth(&self) -> usize {
        match self {
            Self::Is(phrase)
            | Self::Beside(_, phrase)
            | Self::Larger(phrase)
            | Self::Smaller(phrase)
            | Self::Same(_, phrase)
            | Self::Holds(phrase)
            | Self::Wears(phrase)
            | Self::Has(phrase)
            | Self::Touches(phrase)
            | Self::TouchedBy(phrase) => phrase.depth(),
            Self::Not(inner) => inner.depth(),
            Self::Both(one, other) => one.depth().max(other.depth()),
            _ => 0,
        }
    }
}

/// What can be asked of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    Color,
    Surface,
    Size,
    /// Its noun.
    Kind,
    Action,
    Emotion,
    Holds,
    Wears,
    Touches,
    Hour,
    Minutes,
    /// "3:25".
    Time,
    /// What a clock, board, sign or flag tells.
    Message,
    /// "number" or "word".
    TextKind,
    Country,
    /// The half of the image, left or right.
    Side,
}

/// What a sentence asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    Exists(Phrase),
    Count(Phrase),
    /// Whether there are exactly so many.
    CountIs(Phrase, usize),
    /// Whether there are more of the one than of the other.
    More(Phrase, Phrase),
    Is(Phrase, Predicate),
    /// Which of two predicates is true, each with the word that answers.
    Either(Phrase, [(Predicate, String); 2]),
    Attribute(Attribute, Phrase),
    /// Which of two is the larger, or the smaller.
    Larger([Phrase; 2]),
    Smaller([Phrase; 2]),
    /// Whether a clock's long hand is past the half.
    PastHalf(Phrase),
    Weather,
    WeatherIs(Weather),
    DayOrNight,
    IsDay,
    /// What a sign demands: the answer is `positive` if the phrase's sign says so, else the opposite.
    Rule {
        sign: Phrase,
        says: &'static str,
        positive: bool,
    },
}
