//! Places where a test lets the process die, as if it had been killed just there.
//!
//! `AUDITDM_FAILPOINT="after answers 2"` ends the process when it comes for the second time to the end of a
//! commit to `answers`. Only this crate's tests are compiled with the feature `failpoints` (the crate is its
//! own dev-dependency with it), so `cargo test` needs no flag and what `cargo build` makes has none of this.

/// Before or after something that is to be all or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// Dies here if the environment says so.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(side: Side, what: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    static CHOSEN: LazyLock<Option<(Side, String, AtomicUsize)>> = LazyLock::new(|| {
        let chosen = std::env::var("AUDITDM_FAILPOINT").ok()?;
        let mut words = chosen.split(' ');
        let side = match words.next()? {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return None,
        };
        let (what, times) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        Some((side, what, AtomicUsize::new(times)))
    });
    if let Some((chosen, place, left)) = &*CHOSEN
        && (*chosen, place.as_str()) == (side, what)
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        // Neither destructors nor buffers get another word.
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn reach(_side: Side, _what: &str) {}
