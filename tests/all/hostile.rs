//! Bytes and texts that mean harm: whatever comes, the answer is a picture, an answer or a reason, soon and in little
//! memory. `AUDITDM_HOSTILE=1000000 cargo test --release hostile` tries more than the thousands of every day.

#[path = "hostile/audit.rs"]
mod audit;
#[path = "hostile/checkpoints.rs"]
mod checkpoints;
#[path = "hostile/images.rs"]
mod images;
#[path = "hostile/mutation.rs"]
mod mutation;
#[path = "hostile/texts.rs"]
mod texts;

/// How many mutations each test tries.
fn mutations() -> u64 {
    std::env::var("AUDITDM_HOSTILE").map_or(20_000, |count| count.parse().unwrap())
}
