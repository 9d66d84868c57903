//! What `#[derive(pikku::Error)]` makes of error types.

use pikku::{Error, ErrorCase, StatusCode};

#[derive(Debug, thiserror::Error, pikku::Error)]
enum OrderError {
    /// There is not enough of it.
    ///
    /// More may come.
    #[error("warehouse {warehouse} has {left} of {sku}")]
    #[pikku(status = 409, detail = "only {left} of {sku} left", retry)]
    OutOfStock { sku: String, left: u32, warehouse: &'static str },
    #[error("no order")]
    #[pikku(status = 404, code = "no_such_order", detail = "there is no order {0:04}, {{sorry}}")]
    Missing(u64),
    #[error("closed")]
    #[pikku(status = 503)]
    ShopClosed,
    #[error("too many")]
    #[pikku(status = 429, retry = false)]
    TooMany,
}

#[derive(Debug, thiserror::Error, pikku::Error)]
enum PayError {
    #[error("declined")]
    #[pikku(status = 402)]
    Declined,
    #[error(transparent)]
    #[pikku(transparent)]
    Order(#[from] OrderError),
}

/// Nobody is there.
#[derive(Debug, pikku::Error)]
#[pikku(status = 503, detail = "{private} is not there")]
struct Absent {
    /// A name that the expansion uses itself.
    private: &'static str,
}

/// Names that a format string cannot show, nor a local variable hide.
#[derive(Debug, pikku::Error)]
#[pikku(status = 400, detail = "{type} and {error}")]
struct Odd {
    r#type: u8,
    error: u8,
}

#[derive(Debug, pikku::Error)]
enum Never {}

fn case(code: &'static str, status: u16, title: &'static str, retry: bool) -> ErrorCase {
    ErrorCase { code, status: StatusCode::new(status), title, retry }
}

#[test]
fn each_variant_is_a_case() {
    let cases = [
        case("out_of_stock", 409, "There is not enough of it", true),
        case("no_such_order", 404, "missing", false),
        case("shop_closed", 503, "shop closed", true),
        case("too_many", 429, "too many", false),
    ];
    assert_eq!(OrderError::CASES, cases);
    assert_eq!(Absent::CASES, [case("absent", 503, "Nobody is there", true)]);
    assert_eq!(Never::CASES, []);
}

#[test]
fn a_transparent_variant_has_the_cases_of_its_field() {
    let (declined, order) = PayError::CASES.split_first().unwrap();
    assert_eq!(*declined, case("declined", 402, "declined", false));
    assert_eq!(order, OrderError::CASES);
    assert_eq!(PayError::Declined.into_problem().code(), "declined");
    let problem = PayError::from(OrderError::ShopClosed).into_problem();
    assert_eq!((problem.code(), problem.private()), ("shop_closed", Some("ShopClosed")));
}

#[test]
fn callers_see_the_detail_and_the_log_sees_all() {
    let problem = OrderError::OutOfStock { sku: "tea".to_owned(), left: 2, warehouse: "north" }.into_problem();
    assert_eq!(problem.status(), StatusCode::CONFLICT);
    assert_eq!(problem.code(), "out_of_stock");
    assert_eq!(problem.detail(), "only 2 of tea left");
    assert!(problem.retry());
    assert_eq!(problem.private(), Some(r#"OutOfStock { sku: "tea", left: 2, warehouse: "north" }"#));

    assert_eq!(OrderError::Missing(7).into_problem().detail(), "there is no order 0007, {sorry}");
    assert_eq!(OrderError::ShopClosed.into_problem().detail(), "shop closed");
    assert!(!OrderError::TooMany.into_problem().retry());
    assert_eq!(Absent { private: "Ada" }.into_problem().detail(), "Ada is not there");
    assert_eq!(Odd { r#type: 1, error: 2 }.into_problem().detail(), "1 and 2");
}
