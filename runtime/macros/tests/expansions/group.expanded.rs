#[automatically_derived]
impl ::pikku::Group for NightlyReports {
    const NAME: &'static str = "nightly-reports";
}
