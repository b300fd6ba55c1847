//! Statistics of scores: intervals, paired tests, many tests at once, slices.
//!
//! Wilson's interval and McNemar's test are those that SQL has, too.

pub mod bootstrap;
pub mod fisher;
pub mod multiple;
pub mod normal;
pub mod paired;
pub mod slices;

pub(crate) use crate::sql::function::{mcnemar, wilson};
