/// Whose order it is may see it.
pub async fn owns_order(
    db: &Db,
    user: Session<User>,
    input: OrderId,
) -> Result<bool, DbError> {
    Ok(db.owner(input.order).await? == user.id)
}
///The permission [`owns_order`](fn@owns_order), as the app names it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
pub struct owns_order {}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Permission for owns_order {
    const NAME: &'static str = "owns_order";
    fn plan(plan: &mut ::pikku::service::Plan) {
        <Db as ::pikku::Service>::plan(plan);
    }
    const META: ::core::option::Option<::pikku::function::Meta> = ::core::option::Option::Some(::pikku::function::Meta {
        description: "Whose order it is may see it.",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        services: &[<Db as ::pikku::Service>::NAME],
    });
    const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None
        .and(<Session<User> as ::pikku::function::FromCall<'_>>::SESSION);
    fn describe(rule: &mut ::std::string::String) {
        rule.push_str(Self::NAME);
    }
    fn decide<'a>(
        scope: &'a ::pikku::service::Scope<'a>,
        input: &'a ::pikku::access::InputValue,
    ) -> ::pikku::BoxFuture<'a, ::pikku::access::Decision> {
        let verdict = ::pikku::edge(async move {
            let p0 = <Db as ::pikku::Service>::get(scope).await?;
            let p1 = <Session<
                User,
            > as ::pikku::function::FromCall<'_>>::from_call(scope.call())?;
            let p2 = ::pikku::access::input::<OrderId>(input)?;
            ::pikku::access::Verdict::verdict(owns_order(&p0, p1, p2).await)
        });
        ::std::boxed::Box::pin(::pikku::access::decide(scope, Self::NAME, 500, verdict))
    }
}
