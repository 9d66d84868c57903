#[derive(Clone, pikku::CallerSigner)]
pub struct AppCallers(Callers);

#[derive(Clone, pikku::CallerSigner)]
pub struct NamedCallers {
    callers: pikku_auth::message::Callers,
}
