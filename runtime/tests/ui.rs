//! What the compiler says of mistakes: one in each file of `ui`, with its exact message beside it.
//!
//! The messages come from one toolchain: after a change of it or of a message, `TRYBUILD=overwrite cargo test -p pikku
//! --test ui` writes them anew, for the eye to judge.

#[test]
fn every_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
