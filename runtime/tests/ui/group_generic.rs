#[derive(pikku::Group)]
pub struct Orders<T>(T);

fn main() {}
