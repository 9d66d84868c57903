//! The greeting on the plain server, decoded and not validated: what axum does too.

use pikku::{Contract, ContractMissing, Decode, Field, Function, Selection};
use std::process::ExitCode;

struct Bare;

impl Selection for Bare {
    const GROUPS: Option<&'static [&'static str]> = None;

    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        const FIELDS: &[Field] = &[
            Field::new("age", Decode::Integer),
            Field::new("id", Decode::Integer),
            Field::new("name", Decode::Text),
            Field::new("tags", Decode::List(&Decode::Text)),
        ];
        Ok(Contract::new(FIELDS, None))
    }
}

fn main() -> ExitCode {
    pikku_server::run(bench_hello::app::<Bare>())
}
