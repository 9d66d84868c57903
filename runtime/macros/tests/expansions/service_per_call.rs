#[pikku::service(per_call)]
fn audit(call: &Call, db: &Db) -> Audit {
    Audit::of(call.id(), db)
}
