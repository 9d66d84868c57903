#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Error for OrderError {
    const CASES: &'static [::pikku::ErrorCase] = &[
        ::pikku::ErrorCase {
            code: "out_of_stock",
            status: ::pikku::StatusCode::new(409u16),
            title: "There is not enough of it",
            retry: false,
        },
        ::pikku::ErrorCase {
            code: "no_such_order",
            status: ::pikku::StatusCode::new(404u16),
            title: "missing",
            retry: false,
        },
        ::pikku::ErrorCase {
            code: "closed",
            status: ::pikku::StatusCode::new(503u16),
            title: "closed",
            retry: false,
        },
    ];
    fn into_problem(self) -> ::pikku::Problem {
        let private = ::std::format!("{:?}", self);
        match self {
            Self::OutOfStock { left, sku, .. } => {
                ::pikku::Problem::new(
                        const { ::pikku::StatusCode::new(409u16) },
                        "out_of_stock",
                        ::std::format!("only {left} of {sku} left"),
                    )
                    .with_retry(false)
                    .with_private(private)
            }
            Self::Missing { 0: _0, .. } => {
                ::pikku::Problem::new(
                        const { ::pikku::StatusCode::new(404u16) },
                        "no_such_order",
                        ::std::format!("there is no order {_0}"),
                    )
                    .with_retry(false)
                    .with_private(private)
            }
            Self::Closed { .. } => {
                ::pikku::Problem::new(
                        const { ::pikku::StatusCode::new(503u16) },
                        "closed",
                        "closed",
                    )
                    .with_retry(false)
                    .with_private(private)
            }
        }
    }
}
#[automatically_derived]
#[allow(deprecated)]
impl ::pikku::Error for PayError {
    const CASES: &'static [::pikku::ErrorCase] = &::pikku::__private::cases::<
        { 1usize + <OrderError as ::pikku::Error>::CASES.len() },
    >(
        &[
            &[
                ::pikku::ErrorCase {
                    code: "declined",
                    status: ::pikku::StatusCode::new(402u16),
                    title: "declined",
                    retry: false,
                },
            ],
            <OrderError as ::pikku::Error>::CASES,
        ],
    );
    fn into_problem(self) -> ::pikku::Problem {
        let private = ::std::format!("{:?}", self);
        match self {
            Self::Declined { .. } => {
                ::pikku::Problem::new(
                        const { ::pikku::StatusCode::new(402u16) },
                        "declined",
                        "declined",
                    )
                    .with_retry(false)
                    .with_private(private)
            }
            Self::Order { 0: error } => {
                <OrderError as ::pikku::Error>::into_problem(error)
            }
        }
    }
}
