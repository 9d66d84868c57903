#[derive(pikku::Group)]
pub enum Orders {
    One,
}

fn main() {}
