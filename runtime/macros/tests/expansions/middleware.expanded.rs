/// Says how long a call took.
async fn took(clock: &Clock, user: Option<Session<User>>, next: Next<'_>) -> Outcome {
    next.run().await
}
///The middleware [`took`](fn@took), as the app names it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
struct took {}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Middleware for took {
    const NAME: &'static str = "took";
    fn plan(plan: &mut ::pikku::service::Plan) {
        <Clock as ::pikku::Service>::plan(plan);
    }
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "Says how long a call took.",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        services: &[<Clock as ::pikku::Service>::NAME],
    };
    const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None
        .and(<Option<Session<User>> as ::pikku::function::FromCall<'_>>::SESSION);
    fn handle<'a>(
        scope: &'a ::pikku::service::Scope<'a>,
        next: ::pikku::Next<'a>,
    ) -> ::pikku::BoxFuture<'a, ::pikku::Outcome> {
        ::pikku::edge(async move {
            let p0 = <Clock as ::pikku::Service>::get(scope).await?;
            let p1 = <Option<
                Session<User>,
            > as ::pikku::function::FromCall<'_>>::from_call(scope.call())?;
            took(&p0, p1, next).await
        })
    }
}
