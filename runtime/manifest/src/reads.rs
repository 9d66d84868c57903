use crate::{Group, Manifest, Need};
use serde::{Deserialize, Serialize};

/// What is read of an app's surroundings: names, sorted, each once; never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Reads {
    /// The secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The configuration parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// The environment variables, those that need not be set too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
}

impl Reads {
    /// Whether nothing is read.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What needs declare.
    pub fn of<'n>(needs: impl IntoIterator<Item = &'n Need>) -> Self {
        let mut reads = Self::default();
        for need in needs {
            let (names, name) = match need {
                Need::ReadSecret(name) => (&mut reads.secrets, name),
                Need::ReadParameter(name) => (&mut reads.parameters, name),
                Need::Variable(name) | Need::OptionalVariable(name) => (&mut reads.variables, name),
                _ => continue,
            };
            names.push(name.clone());
        }
        for names in [&mut reads.secrets, &mut reads.parameters, &mut reads.variables] {
            names.sort_unstable();
            names.dedup();
        }
        reads
    }
}

impl Manifest {
    /// What is read through services of those names, directly or through other services.
    pub fn reads_through<'n>(&self, services: impl IntoIterator<Item = &'n str>) -> Reads {
        Reads::of(self.reached(services).into_iter().flat_map(|service| &service.needs))
    }

    /// What a group's bundle reads: its functions, and what stands around their calls.
    pub fn reads_of(&self, group: &Group) -> Reads {
        Reads::of(self.services_of(group).into_iter().flat_map(|service| &service.needs))
    }
}
