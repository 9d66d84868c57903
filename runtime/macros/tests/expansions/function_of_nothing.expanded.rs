#[cfg(feature = "health")]
pub(crate) async fn health() -> Result<(), Infallible> {
    Ok(())
}
#[cfg(feature = "health")]
///The function [`health`](fn@health), as wirings name it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
pub(crate) struct health {}
#[cfg(feature = "health")]
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Function for health {
    const NAME: &'static str = "health";
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        services: &[],
    };
    const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None;
    type Input = ();
    type Output = ();
    type Error = Infallible;
    fn plan(_: &mut ::pikku::service::Plan) {}
    fn call<'a>(
        _: &'a ::pikku::service::Scope<'a>,
        _: Self::Input,
    ) -> ::pikku::function::Invoked<'a> {
        ::pikku::edge(async move { ::pikku::function::outcome::<Self>(health().await) })
    }
}
