/// The cookie of a session.
async fn cookie(sessions: &Sessions, call: &Call) -> Result<Option<Claims>, AuthError> {
    sessions.read(call).await
}
///The authenticator [`cookie`](fn@cookie), as the app names it.
#[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
struct cookie {}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Authenticator for cookie {
    const NAME: &'static str = "cookie";
    fn plan(plan: &mut ::pikku::service::Plan) {
        <Sessions as ::pikku::Service>::plan(plan);
    }
    const META: ::pikku::function::Meta = ::pikku::function::Meta {
        description: "The cookie of a session.",
        module: ::core::module_path!(),
        file: ::core::file!(),
        line: ::core::line!(),
        services: &[<Sessions as ::pikku::Service>::NAME],
    };
    const CHALLENGE: &'static str = "Bearer realm=\"shop\"";
    fn authenticate<'a>(
        scope: &'a ::pikku::service::Scope<'a>,
    ) -> ::pikku::BoxFuture<
        'a,
        ::core::result::Result<
            ::core::option::Option<::pikku::Claims>,
            ::pikku::AuthError,
        >,
    > {
        ::pikku::edge(async move {
            let p0 = <Sessions as ::pikku::Service>::get(scope).await?;
            let p1: &Call = scope.call();
            cookie(&p0, p1).await
        })
    }
    const KEEPS: bool = true;
    fn settle<'a>(
        scope: &'a ::pikku::service::Scope<'a>,
        change: &'a ::pikku::SessionChange,
    ) -> ::pikku::BoxFuture<'a, ::core::result::Result<(), ::pikku::Problem>> {
        ::pikku::edge(async move {
            let p0 = <Sessions as ::pikku::Service>::get(scope).await?;
            let p1: &Call = scope.call();
            keep(&p0, p1, change).await
        })
    }
}
