#[derive(pikku::Group)]
pub struct EverythingThatHasToDoWithOrdersAndTheirReturns;

fn main() {}
