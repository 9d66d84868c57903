/// Shows an order.
pub async fn order() -> Result<(), Infallible> {
    Ok(())
}
///The function [`order`](fn@order), as wirings name it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
pub struct order {}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Function for order {
    const NAME: &'static str = "order";
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "Shows an order.",
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
    fn layers(layers: &mut ::pikku::access::OwnLayers<'_>) {
        layers.permission::<All<(owns_order, weekday)>>();
        layers.middleware::<took>();
    }
    fn call<'a>(
        _: &'a ::pikku::service::Scope<'a>,
        _: Self::Input,
    ) -> ::pikku::function::Invoked<'a> {
        ::pikku::edge(async move { ::pikku::function::outcome::<Self>(order().await) })
    }
}
#[automatically_derived]
impl ::pikku::access::Exposed for order {}
