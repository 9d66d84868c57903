pub struct Audit;

async fn close_audit(_: &Audit) {}

#[pikku::service(per_call, close = close_audit)]
fn audit() -> Audit {
    Audit
}

fn main() {}
