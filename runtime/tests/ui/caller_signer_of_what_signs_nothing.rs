#[derive(Clone)]
pub struct Callers;

#[derive(Clone, pikku::CallerSigner)]
pub struct AppCallers(Callers);

#[pikku::service]
fn app_callers() -> AppCallers {
    AppCallers(Callers)
}

fn main() {}
