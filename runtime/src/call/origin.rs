/// What of the platform handed a call over.
///
/// Only a platform with functions and bindings of its own, such as Azure Functions, has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The service that it came from, such as `azure-storage-queue`.
    pub service: &'static str,
    /// The platform's own name of the function.
    pub function: String,
    /// The name of the binding that carried it.
    pub binding: String,
}
