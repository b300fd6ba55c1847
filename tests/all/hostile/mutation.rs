//! Files and texts gone wrong, the same ones every time: cut, flipped, overwritten, spliced, with absurd lengths.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The `index`th mutation of one of `seeds`, and which seed it is.
pub(super) fn mutated(seeds: &[Vec<u8>], index: u64) -> (usize, Vec<u8>) {
    let mut rng = ChaCha8Rng::seed_from_u64(index);
    let which = rng.random_range(0..seeds.len());
    let mut bytes = seeds[which].clone();
    for _ in 0..rng.random_range(1..6) {
        let other = seeds.choose(&mut rng).expect("there are seeds");
        mutate(&mut bytes, other, &mut rng);
    }
    if rng.random_bool(0.7) {
        mend_checksums(&mut bytes);
    }
    (which, bytes)
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        bytes.extend_from_slice(other);
    }
    let at = rng.random_range(0..bytes.len());
    let end = (at + rng.random_range(1..40)).min(bytes.len());
    // Most of what a parser believes stands at the start.
    let early = rng.random_range(0..bytes.len().min(200));
    match rng.random_range(0..10) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => bytes[early] = rng.random(),
        3 => bytes[at..end].fill(*[0x00, 0xFF, 0x7F, 0x80].choose(rng).expect("four bytes")),
        4 => rng.fill(&mut bytes[at..end]),
        5 => drop(bytes.drain(at..end)),
        6 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(early..early, part);
        }
        7 => {
            // The head of one file before the rest of another.
            let from = rng.random_range(0..other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        8 => {
            let length = *[0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x0001_0000, 0x4E20]
                .choose(rng)
                .expect("six lengths");
            let length = u32::to_be_bytes(length);
            bytes.splice(early..(early + 4).min(bytes.len()), length);
        }
        _ => {
            let length = u16::to_be_bytes(*[0, 1, 2, 0xFFFF, 0x8000].choose(rng).expect("five lengths"));
            bytes.splice(early..(early + 2).min(bytes.len()), length);
        }
    }
}

/// Makes the chunks of a PNG credible, so that its decoder looks at what they hold.
pub(super) fn mend_checksums(bytes: &mut [u8]) {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return;
    }
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(end) = (at + 8).checked_add(length).filter(|end| end + 4 <= bytes.len()) else {
            return;
        };
        let checksum = crc(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
        at = end + 4;
    }
}

/// A PNG chunk: length, type, data, checksum.
pub(super) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut typed = kind.to_vec();
    typed.extend_from_slice(data);
    let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&typed);
    bytes.extend_from_slice(&crc(&typed).to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
