#[derive(pikku::Config)]
pub struct Settings {
    #[pikku(default = 20)]
    page_size: u32,
    #[pikku(variable = "TOKEN_ISSUER", default = "https://id.example")]
    issuer: String,
    banner: Option<String>,
    session_keys: Secret<String>,
    #[pikku(secret = "shop/database")]
    database: Option<pikku::Secret<String>>,
}
