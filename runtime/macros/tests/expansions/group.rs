#[derive(pikku::Group)]
pub struct NightlyReports;
