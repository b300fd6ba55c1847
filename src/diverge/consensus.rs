//! What the references agree on.

use super::scale::Scale;

/// The largest group of references that mean the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Consensus {
    /// The answer of the group's first member.
    pub answer: String,
    /// The group's share of the references that answered.
    pub agreement: f64,
}

/// The consensus of the answers, in the references' order; `None` when there are none.
#[must_use]
pub fn consensus(answers: &[&str], choices: &[String], scale: &Scale) -> Option<Consensus> {
    let supporters = |candidate: &&str| {
        let same = |other: &&&str| scale.distance(candidate, other, choices).same() == Some(true);
        answers.iter().filter(same).count()
    };
    // Of groups of one size the one that comes first in the references' order stands.
    let (answer, size) = answers
        .iter()
        .map(|answer| (*answer, supporters(answer)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    Some(Consensus {
        answer: answer.to_owned(),
        agreement: size.max(1) as f64 / answers.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majorities() {
        let agreed =
            |answers: &[&str]| consensus(answers, &[], &Scale::default()).map(|c| (c.answer, c.agreement));
        assert_eq!(agreed(&[]), None);
        assert_eq!(agreed(&["two", "2"]), Some(("two".to_owned(), 1.0)));
        assert_eq!(agreed(&["cat", "dog"]), Some(("cat".to_owned(), 0.5)));
        assert_eq!(agreed(&["dog", "cat", "a cat"]).unwrap().0, "cat");
    }
}
