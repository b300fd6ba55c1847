//! The integration tests, in one binary: it links the query engine once.

mod slt;
