fn audit(call: &Call, db: &Db) -> Audit {
    Audit::of(call.id(), db)
}
#[automatically_derived]
impl ::pikku::Service for Audit {
    type Lifetime = ::pikku::service::PerCall;
    const NAME: &'static str = "Audit";
    const NEEDS: &'static [::pikku::Need] = &[];
    const CLOSES: bool = false;
    const DEPENDS_ON: &'static [&'static str] = &[<Db as ::pikku::Service>::NAME];
    const DEPTH_OF_THE_SERVICES_BELOW: usize = ::pikku::service::depth_above([
        <Db as ::pikku::Service>::DEPTH_OF_THE_SERVICES_BELOW,
    ]);
    fn plan(plan: &mut ::pikku::service::Plan) {
        plan.per_call::<
                Self,
            >(|plan| {
            <Db as ::pikku::Service>::plan(plan);
        });
    }
    fn get<'s>(
        scope: &'s ::pikku::service::Scope<'_>,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<
            ::pikku::service::Handle<'s, Self>,
            ::pikku::Problem,
        >,
    > + ::core::marker::Send {
        scope.per_call()
    }
}
#[automatically_derived]
impl ::pikku::service::ConstructPerCall for Audit {
    fn construct<'s>(
        scope: &'s ::pikku::service::Scope<'_>,
    ) -> ::pikku::BoxFuture<'s, ::core::result::Result<Self, ::pikku::BoxError>> {
        ::pikku::edge(async move {
            let d0: &Call = scope.call();
            let d1 = <Db as ::pikku::Service>::get(scope).await?;
            let service = audit(d0, &d1);
            ::core::result::Result::Ok(service)
        })
    }
}
const _: usize = <Audit as ::pikku::Service>::DEPTH_OF_THE_SERVICES_BELOW;
