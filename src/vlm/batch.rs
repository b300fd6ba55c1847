//! Prompts of different lengths as one rectangle of token ids and roles.

use crate::vlm::sequence::{Role, Sequence};

/// Where the padding of short prompts stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before the prompt.
    Left,
    /// After the prompt.
    Right,
}

/// Padded rows.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Token ids, 0 where there is padding.
    pub ids: Vec<Vec<u32>>,
    /// What each token is for.
    pub sequence: Sequence,
}

impl Batch {
    /// Prompts, and behind each the answer (or its beginning) that is already known, padded to `length` or to the
    /// longest, whichever is more. `role` says what a prompt's token is for ([`crate::vlm::Config::role`]).
    pub fn new(rows: &[(&[u32], &[u32])], length: usize, side: Side, role: impl Fn(u32) -> Role) -> Self {
        let length = rows
            .iter()
            .map(|(prompt, answer)| prompt.len() + answer.len())
            .fold(length, usize::max);
        let row = |(prompt, answer): &(&[u32], &[u32])| {
            let mut cells: Vec<(u32, Role)> = prompt.iter().map(|&id| (id, role(id))).collect();
            cells.extend(answer.iter().map(|&id| (id, Role::Suffix)));
            let padding = vec![(0, Role::Padding); length - cells.len()];
            match side {
                Side::Left => [padding, cells].concat(),
                Side::Right => [cells, padding].concat(),
            }
        };
        let (ids, roles) = rows
            .iter()
            .map(|cells| row(cells).into_iter().unzip())
            .unzip::<Vec<u32>, Vec<_>, _, _>();
        Self {
            ids,
            sequence: Sequence::new(roles),
        }
    }
}
