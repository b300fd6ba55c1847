//! Which token of a padded batch sees which, and at which position it stands.
//!
//! In: a role for every token. Out: additive attention masks and rotary tables. The prefix-LM rule of PaliGemma:
//! tokens of the prefix (image and prompt) see each other in both directions, tokens of the suffix (the
//! answer) see what stands before them. The rule of Gemma 3: everything sees what stands before it, and the
//! tokens of one image each other. A sliding layer's window cuts what stands too far before, PaliGemma's prefix
//! excepted. Padding may stand anywhere: positions count real tokens, and nothing sees padding.

use crate::error::Result;
use candle_core::{Device, Tensor};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Fills a row up to the batch's length.
    Padding,
    /// PaliGemma's image and prompt.
    Prefix,
    /// One of a Gemma 3 image's tokens, which stand together.
    Image,
    /// Gemma 3's prompt around the images.
    Text,
    /// The answer.
    Suffix,
}

/// Added to the scores of what may not be seen. Finite: a row of nothing else must not become NaN.
const HIDDEN: f32 = -1e9;

/// The roles and positions of a batch so far; decoding appends to it.
#[derive(Debug, Clone)]
pub struct Sequence {
    roles: Vec<Vec<Role>>,
    positions: Vec<Vec<u32>>,
}

impl Sequence {
    /// One row a sequence; positions begin at 1.
    ///
    /// # Panics
    /// When the rows are not of one length.
    pub fn new(roles: Vec<Vec<Role>>) -> Self {
        assert!(
            roles.windows(2).all(|pair| pair[0].len() == pair[1].len()),
            "rows are padded to one length"
        );
        let positions = roles.iter().map(|row| count(row)).collect();
        Self { roles, positions }
    }

    /// The same rows, each behind what stands before it.
    ///
    /// # Panics
    /// When there are not as many rows before it.
    #[must_use]
    pub fn after(&self, before: &[&[Role]]) -> Self {
        assert_eq!(before.len(), self.batch(), "one beginning a row");
        let rows = before.iter().zip(&self.roles);
        Self::new(rows.map(|(before, row)| [before, &row[..]].concat()).collect())
    }

    /// One more token a row.
    pub fn append(&mut self, roles: &[Role]) {
        for ((row, positions), &role) in self.roles.iter_mut().zip(&mut self.positions).zip(roles) {
            positions.push(positions.last().copied().unwrap_or(0) + u32::from(role != Role::Padding));
            row.push(role);
        }
    }

    /// The roles of one row.
    pub fn roles(&self, row: usize) -> &[Role] {
        &self.roles[row]
    }

    /// Of each row the place of its last real token, counted within the last `queries` tokens.
    pub fn last_tokens(&self, queries: usize) -> Vec<usize> {
        let last = |roles: &Vec<Role>| {
            let tail = &roles[roles.len() - queries..];
            tail.iter()
                .rposition(|&role| role != Role::Padding)
                .unwrap_or(queries - 1)
        };
        self.roles.iter().map(last).collect()
    }

    /// Rows.
    pub fn batch(&self) -> usize {
        self.roles.len()
    }

    /// Tokens in a row, padding included.
    pub fn length(&self) -> usize {
        self.roles.first().map_or(0, Vec::len)
    }

    /// The additive mask of the last `queries` tokens over all tokens, `[B, 1, T, S]`; with a window, a
    /// suffix token sees keys with query − key < window.
    pub fn mask(&self, queries: usize, window: Option<usize>, device: &Device) -> Result<Tensor> {
        let (batch, keys) = (self.batch(), self.length());
        let mut mask = Vec::with_capacity(batch * queries * keys);
        let window = window.map_or(u32::MAX, |window| u32::try_from(window).unwrap_or(u32::MAX));
        for (roles, positions) in self.roles.iter().zip(&self.positions) {
            let image = images(roles);
            for query in keys - queries..keys {
                mask.extend((0..keys).map(|key| {
                    let near = positions[query].saturating_sub(positions[key]) < window;
                    let sees = match roles[query] {
                        Role::Prefix if roles[key] == Role::Prefix => true,
                        Role::Image if roles[key] == Role::Image && image[key] == image[query] => near,
                        _ => key <= query && near,
                    };
                    if roles[key] != Role::Padding && sees {
                        0.0
                    } else {
                        HIDDEN
                    }
                }));
            }
        }
        Ok(Tensor::from_vec(mask, (batch, 1, queries, keys), device)?)
    }

    /// Cosines and sines of the last `queries` tokens, `[B, 1, T, D]` each, the halves repeated; positions are
    /// divided by `factor`.
    pub fn rotary(
        &self,
        queries: usize,
        dim: usize,
        (theta, factor): (f64, f64),
        device: &Device,
    ) -> Result<(Tensor, Tensor)> {
        let frequencies: Vec<f32> = (0..dim / 2)
            .map(|pair| 1.0 / (theta as f32).powf(2.0 * pair as f32 / dim as f32) / factor as f32)
            .collect();
        let mut angles = Vec::with_capacity(self.batch() * queries * dim);
        for positions in &self.positions {
            for &position in &positions[positions.len() - queries..] {
                for _ in 0..2 {
                    angles.extend(frequencies.iter().map(|frequency| position as f32 * frequency));
                }
            }
        }
        let angles = Tensor::from_vec(angles, (self.batch(), 1, queries, dim), device)?;
        Ok((angles.cos()?, angles.sin()?))
    }
}

/// Which image each token belongs to: runs of image tokens, numbered.
fn images(roles: &[Role]) -> Vec<usize> {
    let mut before = Role::Padding;
    let begin = |role: &Role| {
        let begins = *role == Role::Image && before != Role::Image;
        before = *role;
        begins
    };
    let begins: Vec<bool> = roles.iter().map(begin).collect();
    begins
        .iter()
        .scan(0, |image, &begins| {
            *image += usize::from(begins);
            Some(*image)
        })
        .collect()
}

/// The number of real tokens up to and including each.
fn count(roles: &[Role]) -> Vec<u32> {
    roles
        .iter()
        .scan(0, |position, role| {
            *position += u32::from(*role != Role::Padding);
            Some(*position)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Padding, Prefix, Suffix};

    fn seen(sequence: &Sequence, queries: usize, window: Option<usize>) -> Vec<String> {
        let mask = sequence.mask(queries, window, &Device::Cpu).unwrap();
        let rows = mask
            .reshape((sequence.batch() * queries, sequence.length()))
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        rows.iter()
            .map(|row| row.iter().map(|&x| if x == 0.0 { '#' } else { '.' }).collect())
            .collect()
    }

    #[test]
    fn prefix_sees_both_ways_and_suffix_back() {
        let mut sequence = Sequence::new(vec![vec![Padding, Prefix, Prefix, Prefix, Suffix]]);
        assert_eq!(
            seen(&sequence, 5, None),
            [".....", ".###.", ".###.", ".###.", ".####"]
        );
        // The window holds i − j < 2 for the suffix and leaves the prefix alone.
        assert_eq!(seen(&sequence, 5, Some(2))[3..], [".###.", "...##"]);
        sequence.append(&[Suffix]);
        assert_eq!(seen(&sequence, 1, Some(3)), ["...###"]);
    }

    #[test]
    fn tokens_of_one_image_see_each_other() {
        use Role::{Image, Text};
        let sequence = Sequence::new(vec![vec![Text, Image, Image, Text, Image, Image, Suffix]]);
        assert_eq!(
            seen(&sequence, 7, None),
            [
                "#......", "###....", "###....", "####...", "######.", "######.", "#######"
            ]
        );
        // A window cuts what stands before, within an image too.
        assert_eq!(
            seen(&sequence, 7, Some(1)),
            [
                "#......", ".##....", "..#....", "...#...", "....##.", ".....#.", "......#"
            ]
        );
    }

    #[test]
    fn padding_moves_no_position() {
        let left = Sequence::new(vec![vec![Padding, Prefix, Prefix, Suffix]]);
        let mut right = Sequence::new(vec![vec![Prefix, Prefix, Padding]]);
        assert_eq!(right.last_tokens(3), [1]);
        right.append(&[Suffix]);
        assert_eq!(left.positions, [[0, 1, 2, 3]]);
        assert_eq!(right.positions, [[1, 2, 2, 3]]);
        assert_eq!(seen(&right, 1, Some(2)), [".#.#"]);
        let table = |sequence: &Sequence| {
            let (cos, _) = sequence.rotary(1, 4, (10_000.0, 1.0), &Device::Cpu).unwrap();
            cos.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(table(&left), table(&right));
        assert!((table(&left)[0] - 3f32.cos()).abs() < 1e-6);
    }
}
