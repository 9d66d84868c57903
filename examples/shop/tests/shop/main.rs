//! The shop as its own developers would test it.

mod common;
mod orders;
mod people;
mod store;
