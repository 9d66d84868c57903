//! What the author of an app chooses about its functions on AWS.

use super::error::{Place, Problem, TemplateError};
use std::collections::BTreeMap;
use std::fmt;

/// The days that CloudWatch Logs can keep a log for.
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The choices a template is rendered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateOptions {
    /// The app's name, which stands in the template's description.
    pub app: String,
    /// The processor the bundles are built for.
    pub architecture: Architecture,
    /// The settings of the groups that are not in `groups`.
    pub defaults: FunctionSettings,
    /// The settings of a group, by its name.
    pub groups: BTreeMap<String, FunctionSettings>,
    /// Where secrets are kept, by name; those that are not named are in Secrets Manager, under the account's own key.
    pub secrets: BTreeMap<String, SecretSettings>,
    /// The values that variables have unless the deployment gives others.
    pub variables: BTreeMap<String, String>,
}

/// How a secret is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecretSettings {
    /// What keeps it.
    pub store: SecretStore,
    /// Whether it is encrypted under a KMS key of the user's, which is then a parameter of the template.
    pub kms_key: bool,
}

/// What keeps secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretStore {
    /// AWS Secrets Manager.
    #[default]
    SecretsManager,
    /// Parameter Store of AWS Systems Manager, as a SecureString.
    ParameterStore,
}

/// A processor that Lambda runs functions on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit Intel and AMD.
    X86_64,
    /// 64-bit Arm.
    Arm64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// The settings of one group's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Its memory in MB, 128 to 10,240; its share of a processor grows with it.
    pub memory_mb: u32,
    /// How long a call may take in seconds, 1 to 900.
    pub timeout_s: u32,
    /// How many days its log is kept; one of the values that CloudWatch Logs knows.
    pub log_retention_days: u32,
}

impl Default for FunctionSettings {
    fn default() -> Self {
        Self { memory_mb: 256, timeout_s: 10, log_retention_days: 30 }
    }
}

impl TemplateOptions {
    /// The settings of a group.
    pub fn settings(&self, group: &str) -> FunctionSettings {
        self.groups.get(group).copied().unwrap_or(self.defaults)
    }
}

impl FunctionSettings {
    /// The settings that AWS does not take.
    pub(super) fn faults(&self, group: &str) -> Vec<TemplateError> {
        let mut faults = Vec::new();
        let mut check = |key, value, taken: bool, allowed: &str| {
            if !taken {
                let problem = Problem::Setting { key, value, allowed: allowed.to_owned() };
                faults.push(TemplateError { place: Place::group(group), problem });
            }
        };
        check("memory_mb", self.memory_mb, (128..=10_240).contains(&self.memory_mb), "128 to 10240");
        check("timeout_s", self.timeout_s, (1..=900).contains(&self.timeout_s), "1 to 900");
        let kept = self.log_retention_days;
        let days = RETENTION_DAYS.map(|days| days.to_string()).join(", ");
        check("log_retention_days", kept, RETENTION_DAYS.contains(&kept), &format!("one of {days}"));
        faults
    }
}
