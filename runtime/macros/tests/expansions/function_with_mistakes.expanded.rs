pub fn place_order(order: NewOrder, coupon: Coupon) {}
///The function [`place_order`](fn@place_order), as wirings name it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
pub struct place_order {}
#[automatically_derived]
impl ::pikku::Function for place_order {
    const NAME: &'static str = "place_order";
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "",
        module: "",
        file: "",
        line: 0,
        services: &[],
    };
    const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None;
    type Input = ();
    type Output = ();
    type Error = ::core::convert::Infallible;
    fn plan(_: &mut ::pikku::service::Plan) {}
    fn call<'a>(
        _: &'a ::pikku::service::Scope<'a>,
        _: (),
    ) -> ::pikku::function::Invoked<'a> {
        ::pikku::edge(
            ::core::future::ready(
                ::core::result::Result::Ok(::pikku::function::Reply::Empty),
            ),
        )
    }
}
#[automatically_derived]
impl ::pikku::access::Exposed for place_order {}
::core::compile_error! {
    "a function of the app is async: write `async fn place_order`"
}
::core::compile_error! {
    "a function takes one input: put the fields of `order` and `coupon` in one struct, or take `&Coupon` if it is a service"
}
::core::compile_error! {
    "a function of the app says what it answers and how it fails: return `Result<T, E>`, or `Result<(), E>` for nothing"
}
