use super::Kinds;
use crate::{Contract, ContractMissing, Function};

/// What of an app a binary holds.
///
/// The packager writes one for each bundle. Everything is decided by constants, so that what is not selected is never
/// compiled. `All` selects the whole app, for development and for the manifest.
pub trait Selection: Send + Sync + 'static {
    /// The groups; `None` for all.
    const GROUPS: Option<&'static [&'static str]>;
    /// The functions among those of the groups; `None` for all.
    const FUNCTIONS: Option<&'static [&'static str]> = None;
    /// The kinds of events that the selected wirings take.
    const KINDS: Kinds = Kinds::ALL;
    /// Whether a selected service is to be closed when the process ends.
    const CLOSES: bool = true;
    /// Whether a selected service sends to queues ([`crate::Need::SendToQueue`]).
    const SENDS: bool = true;
    /// Whether a selected service reads secrets ([`crate::Need::ReadSecret`]) from a service of the platform: the bundle then holds
    /// what asks it. On Azure that is one that asks for [`Secrets`](crate::service::Secrets); the platform hands over the others.
    const READS_SECRETS: bool = true;
    /// The environment variables that the selected services read; `None` where they are not known.
    const VARIABLES: Option<&'static [&'static str]> = None;
    /// The secrets that the selected services read, as far as they are known.
    const SECRETS: &'static [&'static str] = &[];
    /// The authenticators, permissions and middleware that stand around the selected wirings, besides the functions' own;
    /// `None` for all.
    const LAYERS: Option<&'static [&'static str]> = None;
    /// Whether the app describes itself instead of running.
    #[doc(hidden)]
    const DESCRIBES: bool = false;

    /// How the input of a selected function is decoded and validated.
    fn contract<F: Function>() -> Result<Contract, ContractMissing>;
}

/// Whether an optional list holds a name; no list holds every name.
pub(crate) const fn selected(list: Option<&[&str]>, name: &str) -> bool {
    let Some(list) = list else { return true };
    let mut index = 0;
    while index < list.len() {
        if equal(list[index].as_bytes(), name.as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The whole app, its inputs validated by interpreting the schemas of their types.
#[cfg(any(feature = "introspect", feature = "interpret"))]
#[derive(Clone, Copy, Debug)]
pub struct All;

#[cfg(any(feature = "introspect", feature = "interpret"))]
impl Selection for All {
    const GROUPS: Option<&'static [&'static str]> = None;
    const DESCRIBES: bool = cfg!(feature = "introspect");

    #[cfg(feature = "interpret")]
    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        Ok(crate::validation::contract_of::<F>())
    }

    /// Without the `interpret` feature the app can describe itself but not run.
    #[cfg(not(feature = "interpret"))]
    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        Err(ContractMissing::new(F::NAME))
    }
}
