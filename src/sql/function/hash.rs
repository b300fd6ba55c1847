//! Perceptual hashes: how far apart two are, and keys by which near duplicates meet.

use arrow::array::builder::Int64Builder;
use arrow::array::{AsArray, ListBuilder};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::logical_expr::{ScalarUDF, Signature, Volatility};
use std::sync::Arc;

/// Bits of a key.
const BAND_BITS: i64 = 16;
const BANDS: i64 = 64 / BAND_BITS;

/// Bits that differ, 0–64.
pub(super) fn distance(a: i64, b: i64) -> i64 {
    (a ^ b).count_ones().into()
}

/// One key for each quarter of a hash: hashes that differ in at most three bits share a key, because one quarter
/// has no difference; unrelated ones seldom do.
fn keys(hash: i64) -> impl Iterator<Item = i64> {
    (0..BANDS).map(move |band| (band << BAND_BITS) | ((hash >> (band * BAND_BITS)) & ((1 << BAND_BITS) - 1)))
}

/// `near_duplicate_keys(hash)`: a list of four keys, to be joined on.
pub(super) fn near_duplicate_keys() -> ScalarUDF {
    let item = Arc::new(Field::new_list_field(DataType::Int64, true));
    let signature = Signature::exact(vec![DataType::Int64], Volatility::Immutable);
    super::with_signature("near_duplicate_keys", signature, DataType::List(item), |rows| {
        let mut lists = ListBuilder::new(Int64Builder::new());
        for hash in rows[0].as_primitive::<Int64Type>() {
            if let Some(hash) = hash {
                lists.values().extend(keys(hash).map(Some));
            }
            lists.append(hash.is_some());
        }
        Ok(Arc::new(lists.finish()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn near_duplicates_share_a_key(hash: i64, flipped in proptest::collection::vec(0_u32..64, 0..=3)) {
            let near = flipped.iter().fold(hash, |near, bit| near ^ (1_i64 << bit));
            proptest::prop_assert!(distance(hash, near) <= 3);
            proptest::prop_assert!(keys(hash).any(|key| keys(near).any(|other| key == other)));
        }
    }
}
