/// Places an order.
///
/// What is out of stock is refused.
pub async fn place_order(
    db: &Db,
    call: &pikku::Call,
    user: Session<User>,
    order: NewOrder,
) -> Result<Order, OrderError> {
    db.place(user.0, order).await
}
///The function [`place_order`](fn@place_order), as wirings name it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
pub struct place_order {}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Function for place_order {
    const NAME: &'static str = "place_order";
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "Places an order.\n\nWhat is out of stock is refused.",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        services: &[<Db as ::pikku::Service>::NAME],
    };
    const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None
        .and(<Session<User> as ::pikku::function::FromCall<'_>>::SESSION);
    type Input = NewOrder;
    type Output = Order;
    type Error = OrderError;
    fn plan(plan: &mut ::pikku::service::Plan) {
        <Db as ::pikku::Service>::plan(plan);
    }
    fn call<'a>(
        scope: &'a ::pikku::service::Scope<'a>,
        input: Self::Input,
    ) -> ::pikku::function::Invoked<'a> {
        ::pikku::edge(async move {
            let p0 = <Db as ::pikku::Service>::get(scope).await?;
            let p1: &pikku::Call = scope.call();
            let p2 = <Session<
                User,
            > as ::pikku::function::FromCall<'_>>::from_call(scope.call())?;
            ::pikku::function::outcome::<Self>(place_order(&p0, p1, p2, input).await)
        })
    }
}
#[automatically_derived]
impl ::pikku::access::Exposed for place_order {}
