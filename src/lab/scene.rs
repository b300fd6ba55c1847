//! The scene graph: what a lab image shows. Plain data; rendering, questions and edits read it.
//!
//! A scene is [`SIDE`] × [`SIDE`] pixels; positions are pixel centres, x to the right, y down.

use serde::{Deserialize, Serialize};

/// Width and height of a rendered scene in pixels: 8 × 8 patches of 12 pixels.
pub const SIDE: u32 = 96;

/// Gives a closed set of words its `ALL`, its `name` and its `parse`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "the variants are their own names")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that questions, answers and instructions use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The one with that name.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.name() == word)
            }
        }
    };
}

words! {
    /// A colour of an object.
    Color { Red = "red", Orange = "orange", Yellow = "yellow", Green = "green", Blue = "blue", Purple = "purple", Pink = "pink", Black = "black" }
}
words! {
    /// What an object's surface looks like; the last three are materials.
    Surface { Plain = "plain", Striped = "striped", Dotted = "dotted", Checkered = "checkered", Wood = "wood", Brick = "brick", Metal = "metal" }
}
words! {
    /// How big an object is drawn: about 8, 14, 21 and 30 pixels across.
    Size { Tiny = "tiny", Small = "small", Medium = "medium", Large = "large" }
}
words! {
    /// The sky, and with it the light.
    Weather { Sunny = "sunny", Cloudy = "cloudy", Rainy = "rainy", Snowy = "snowy", Night = "night" }
}
words! {
    /// Objects without inner structure.
    Shape { Circle = "circle", Square = "square", Triangle = "triangle", Star = "star", Heart = "heart", Cross = "cross", Tree = "tree", House = "house", Cup = "cup", Fish = "fish" }
}
words! {
    /// Flags of fixed meaning.
    Country { Japan = "japan", France = "france", Italy = "italy", Germany = "germany", Poland = "poland", Ukraine = "ukraine", Sweden = "sweden", Switzerland = "switzerland" }
}
words! {
    /// Road and safety signs of fixed meaning.
    Pictogram { Stop = "stop", NoEntry = "no entry", Yield = "yield", Parking = "parking", TurnLeft = "turn left", TurnRight = "turn right", Danger = "danger", FirstAid = "first aid" }
}
words! {
    /// What a person's pose says that they do.
    Action { Standing = "standing", Running = "running", Sitting = "sitting", Jumping = "jumping", Waving = "waving", Lying = "lying" }
}
words! {
    /// What a person's face says that they feel.
    Emotion { Happy = "happy", Sad = "sad", Angry = "angry", Surprised = "surprised" }
}
words! {
    /// What a person holds in the hand.
    Item { Ball = "ball", Balloon = "balloon", Umbrella = "umbrella", Book = "book" }
}
words! {
    /// What a person wears.
    Garment { Hat = "hat", Crown = "crown", Scarf = "scarf", Tie = "tie" }
}

/// A posed figure; the object's colour is the colour of the shirt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// What the pose shows.
    pub action: Action,
    /// What the face shows.
    pub emotion: Emotion,
    /// What is in the hand.
    pub holds: Option<Item>,
    /// What is on the head or around the neck.
    pub wears: Option<Garment>,
    /// The index of the object that the free hand touches; it stands right beside.
    pub touches: Option<usize>,
}

/// What an object is, with whatever inner structure it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants are their own names")]
pub enum Kind {
    Shape(Shape),
    /// `hour` 1–12, `minute` a multiple of five.
    Clock {
        hour: u8,
        minute: u8,
    },
    Flag(Country),
    /// A board with a number or a short word on it.
    Board(String),
    Sign(Pictogram),
    Person(Person),
}

impl Kind {
    /// The noun of questions: "star", "clock", "flag", "board", "sign", "person".
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Shape(shape) => shape.name(),
            Self::Clock { .. } => "clock",
            Self::Flag(_) => "flag",
            Self::Board(_) => "board",
            Self::Sign(_) => "sign",
            Self::Person(_) => "person",
        }
    }
}

/// One thing in a scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its colour; flags and signs have colours of their own and ignore it.
    pub color: Color,
    /// Its surface; only shapes show one other than plain.
    pub surface: Surface,
    /// How big it is drawn.
    pub size: Size,
    /// Centre, pixels from the left.
    pub x: f32,
    /// Centre, pixels from the top.
    pub y: f32,
}

/// Everything that an image of the lab shows. Later objects are drawn over earlier ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// The sky and the light.
    pub weather: Weather,
    /// The things.
    pub objects: Vec<Object>,
}
