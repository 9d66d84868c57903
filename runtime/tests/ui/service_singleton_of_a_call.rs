use pikku::Call;

pub struct Audit;

#[pikku::service]
fn audit(call: &Call) -> Audit {
    let _ = call;
    Audit
}

fn main() {}
