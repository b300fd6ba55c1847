//! Which of the slices that pass tell something of their own.
//!
//! The one with the largest contrast first, then each that still fails more when the rows of those before it are taken
//! away. Slices that have fewer of its conditions take nothing away: it must fail more than what is left of each.

use super::frame::Half;
use super::score::Counts;
use super::search::{Aim, Candidate};

/// A slice that was chosen and its rows.
struct Chosen {
    candidate: Candidate,
    rows: Vec<u64>,
}

/// At most `limit` of the candidates, which come with the largest contrast first.
pub(super) fn choose(half: &Half, candidates: Vec<Candidate>, aim: Aim, limit: usize) -> Vec<Candidate> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for candidate in candidates {
        if chosen.len() == limit {
            break;
        }
        let rows = half.rows(&candidate.conditions);
        let is_wider = |other: &&Chosen| {
            let conditions = &other.candidate.conditions;
            conditions
                .iter()
                .all(|condition| candidate.conditions.contains(condition))
        };
        let (wider, others): (Vec<_>, Vec<_>) = chosen.iter().partition(is_wider);
        let mut taken = vec![0_u64; rows.len()];
        for other in others {
            taken
                .iter_mut()
                .zip(&other.rows)
                .for_each(|(taken, row)| *taken |= row);
        }
        let left = |rows: &[u64]| -> Counts {
            let left: Vec<u64> = rows.iter().zip(&taken).map(|(row, taken)| row & !taken).collect();
            half.count(&left)
        };
        let own = left(&rows);
        let stands_out = |from: Counts| aim.values.z(own, from) >= aim.least_z;
        if own.n() >= aim.fewest
            && stands_out(half.all - half.count(&taken))
            && wider.iter().all(|wider| stands_out(left(&wider.rows)))
        {
            chosen.push(Chosen { candidate, rows });
        }
    }
    chosen.into_iter().map(|chosen| chosen.candidate).collect()
}
