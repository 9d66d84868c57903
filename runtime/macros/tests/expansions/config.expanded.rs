#[automatically_derived]
impl ::pikku::Service for Settings {
    type Lifetime = ::pikku::service::Singleton;
    const NAME: &'static str = "Settings";
    const NEEDS: &'static [::pikku::Need] = &[
        ::pikku::Need::OptionalVariable("PAGE_SIZE"),
        ::pikku::Need::OptionalVariable("TOKEN_ISSUER"),
        ::pikku::Need::OptionalVariable("BANNER"),
        ::pikku::Need::ReadSecret("session-keys"),
        ::pikku::Need::ReadSecret("shop/database"),
    ];
    const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;
    fn plan(plan: &mut ::pikku::service::Plan) {
        plan.singleton::<Self>(|_| {});
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
impl ::pikku::service::Construct for Settings {
    fn construct(
        container: &::pikku::service::Container,
    ) -> ::pikku::BoxFuture<'_, ::core::result::Result<Self, ::pikku::BoxError>> {
        ::pikku::edge(async move {
            let mut reader = ::pikku::config::Reader::new(&**container.platform());
            let v0 = reader.variable("PAGE_SIZE").or::<u32>(20);
            let v1 = reader
                .variable("TOKEN_ISSUER")
                .or_text::<String>("https://id.example");
            let v2 = reader.variable("BANNER").optional::<String>();
            let v3 = reader
                .secret("session-keys")
                .await
                .required::<String>()
                .map(::pikku::Secret::new);
            let v4 = reader
                .secret("shop/database")
                .await
                .optional::<String>()
                .map(|value| value.map(::pikku::Secret::new));
            match (v0, v1, v2, v3, v4) {
                (
                    ::core::option::Option::Some(v0),
                    ::core::option::Option::Some(v1),
                    ::core::option::Option::Some(v2),
                    ::core::option::Option::Some(v3),
                    ::core::option::Option::Some(v4),
                ) => {
                    ::core::result::Result::Ok(Self {
                        page_size: v0,
                        issuer: v1,
                        banner: v2,
                        session_keys: v3,
                        database: v4,
                    })
                }
                #[allow(unreachable_patterns)]
                _ => ::core::result::Result::Err(reader.into_error()),
            }
        })
    }
}
