//! What a template is: one question in several wordings.

use crate::row::Category;

/// One question in several wordings; `{a}`, `{b}` … stand for what is asked about.
///
/// Words of the held-out wordings occur in other templates' train wordings: a model that learns its words
/// from the lab has met each of them.
pub(super) struct Template {
    pub(super) category: Category,
    pub(super) name: &'static str,
    pub(super) train: &'static [&'static str],
    pub(super) held_out: &'static [&'static str],
}

/// Fills a wording's slots.
pub(super) fn fill(wording: &str, slots: &[(&str, &str)]) -> String {
    slots.iter().fold(wording.to_owned(), |text, (slot, value)| {
        text.replace(&format!("{{{slot}}}"), value)
    })
}
