/// Lists the orders.
pub async fn orders() -> Result<(), Infallible> {
    Ok(())
}
///The function [`orders`](fn@orders), as wirings name it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
pub struct orders {}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Function for orders {
    const NAME: &'static str = "orders";
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "Lists the orders.",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        services: &[],
    };
    const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None
        .and(::pikku::__private::SessionMode::Required);
    const ACCESS: ::pikku::access::Access = ::pikku::access::Access {
        public: false,
        scopes: &[::pikku::access::Scope::new("orders:read"), REPORTS],
        read_only: true,
    };
    const TAGS: &'static [&'static str] = &["staff"];
    const TIMEOUT_MS: ::core::option::Option<u32> = ::core::option::Option::Some(500);
    type Input = ();
    type Output = ();
    type Error = Infallible;
    fn plan(_: &mut ::pikku::service::Plan) {}
    fn call<'a>(
        _: &'a ::pikku::service::Scope<'a>,
        _: Self::Input,
    ) -> ::pikku::function::Invoked<'a> {
        ::pikku::edge(async move { ::pikku::function::outcome::<Self>(orders().await) })
    }
}
#[automatically_derived]
impl ::pikku::access::Exposed for orders {}
/// Says hello.
pub async fn hello() -> Result<(), Infallible> {
    Ok(())
}
///The function [`hello`](fn@hello), as wirings name it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
pub struct hello {}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Function for hello {
    const NAME: &'static str = "hello";
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "Says hello.",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        services: &[],
    };
    const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None;
    const ACCESS: ::pikku::access::Access = ::pikku::access::Access {
        public: true,
        scopes: &[],
        read_only: false,
    };
    type Input = ();
    type Output = ();
    type Error = Infallible;
    fn plan(_: &mut ::pikku::service::Plan) {}
    fn call<'a>(
        _: &'a ::pikku::service::Scope<'a>,
        _: Self::Input,
    ) -> ::pikku::function::Invoked<'a> {
        ::pikku::edge(async move { ::pikku::function::outcome::<Self>(hello().await) })
    }
}
#[automatically_derived]
impl ::pikku::access::Exposed for hello {}
