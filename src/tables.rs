//! The tables of an audit.

pub mod schema;

pub use schema::TableName;
