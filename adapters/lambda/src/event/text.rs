pub(crate) use pikku::json::Text;

/// The text, owned; empty where there is none.
pub(crate) fn owned(text: Option<&Text<'_>>) -> String {
    text.map(|text| text.0.clone().into_owned()).unwrap_or_default()
}

/// The text, owned.
pub(crate) fn some(text: Option<&Text<'_>>) -> Option<String> {
    text.map(|text| text.0.clone().into_owned())
}
