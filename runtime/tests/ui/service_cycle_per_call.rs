pub struct Audit;

#[pikku::service(per_call)]
fn audit(audit: &Audit) -> Audit {
    let _ = audit;
    Audit
}

fn main() {}
