#[derive(Clone)]
struct Callers;

#[derive(Clone, pikku::CallerSigner)]
pub enum EitherCallers {
    These,
}

#[derive(Clone, pikku::CallerSigner)]
pub struct BothCallers(Callers, Callers);

#[derive(Clone, pikku::CallerSigner)]
pub struct NoCallers;

#[derive(Clone, pikku::CallerSigner)]
pub struct AnyCallers<T>(T);

fn main() {}
