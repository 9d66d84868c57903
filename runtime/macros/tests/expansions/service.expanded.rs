async fn db(config: &Config, clock: &pikku::service::Clock) -> Result<Db, BoxError> {
    Db::connect(&config.url).await
}
#[automatically_derived]
impl ::pikku::Service for Db {
    type Lifetime = ::pikku::service::Singleton;
    const NAME: &'static str = "Db";
    const NEEDS: &'static [::pikku::Need] = &[
        Need::ReadTable("orders"),
        Need::WriteTable("orders"),
    ];
    const CLOSES: bool = true;
    const DEPENDS_ON: &'static [&'static str] = &[
        <Config as ::pikku::Service>::NAME,
        <pikku::service::Clock as ::pikku::Service>::NAME,
    ];
    const DEPTH_OF_THE_SERVICES_BELOW: usize = ::pikku::service::depth_above([
        <Config as ::pikku::Service>::DEPTH_OF_THE_SERVICES_BELOW,
        <pikku::service::Clock as ::pikku::Service>::DEPTH_OF_THE_SERVICES_BELOW,
    ]);
    fn plan(plan: &mut ::pikku::service::Plan) {
        plan.singleton::<
                Self,
            >(|plan| {
            <Config as ::pikku::Service>::plan(plan);
            <pikku::service::Clock as ::pikku::Service>::plan(plan);
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
        ::core::future::ready(::core::result::Result::Ok(scope.singleton()))
    }
}
#[automatically_derived]
impl ::pikku::service::Construct for Db {
    fn construct(
        container: &::pikku::service::Container,
    ) -> ::pikku::BoxFuture<'_, ::core::result::Result<Self, ::pikku::BoxError>> {
        ::pikku::edge(async move {
            let d0 = container.get::<Config>();
            let d1 = container.get::<pikku::service::Clock>();
            let service = db(d0, d1).await?;
            ::core::result::Result::Ok(service)
        })
    }
    fn close(&self) -> ::pikku::BoxFuture<'_, ()> {
        ::pikku::edge(async move { close_db(self).await })
    }
}
const _: usize = <Db as ::pikku::Service>::DEPTH_OF_THE_SERVICES_BELOW;
