pub struct Audit;
pub struct Db;

#[pikku::service(per_call)]
fn audit() -> Audit {
    Audit
}

#[pikku::service]
fn db(audit: &Audit) -> Db {
    let _ = audit;
    Db
}

fn main() {}
