//! Held-out combinations: about one in seven ways of putting attributes together is never trained on.
//!
//! Every single attribute value is seen in training; some combinations of them are not.

use super::scene::{Kind, Object};

/// Which combinations a world shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// None that is held out.
    Train,
    /// At least one that is held out.
    HeldOut,
}

/// Whether an object shows a combination that training never sees: of shape, colour and surface; of hour
/// and minute; of a board's characters; of an action and what is worn or held.
#[must_use]
pub fn held_out(object: &Object) -> bool {
    match &object.kind {
        Kind::Shape(shape) => chosen(&[shape.name(), object.color.name(), object.surface.name()], 7),
        Kind::Clock { hour, minute } => chosen(&["clock", &hour.to_string(), &minute.to_string()], 7),
        Kind::Board(text) => chosen(&["board", text], 7),
        Kind::Flag(_) | Kind::Sign(_) => false,
        Kind::Person(person) => {
            let action = person.action.name();
            person.wears.is_some_and(|worn| chosen(&[action, worn.name()], 9))
                || person.holds.is_some_and(|held| chosen(&[action, held.name()], 9))
        }
    }
}

/// One in `share` of all lists of words, by FNV-1a.
fn chosen(words: &[&str], share: u64) -> bool {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in words.iter().flat_map(|word| word.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of this hash hardly depend on the first bytes.
    let mixed = (hash ^ (hash >> 29))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .rotate_left(31);
    mixed.is_multiple_of(share)
}
