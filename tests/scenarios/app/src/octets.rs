//! Answers with a form of their own.

use pikku::{
    Call, Problem, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use schemars::JsonSchema;
use serde::Deserialize;

const OCTETS: &str = "application/octet-stream";

/// `hello`, as gzip writes it.
const GZIPPED: &[u8] =
    &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0];

/// Gives the octets of the body back in reverse order.
#[pikku::function(public)]
pub async fn reversed(call: &Call) -> Result<Response, Problem> {
    let request = call.http().ok_or_else(|| Problem::internal("not over HTTP"))?;
    let reversed: Vec<u8> = request.body.iter().rev().copied().collect();
    Ok(Response::new(StatusCode::OK).with_body(OCTETS, reversed))
}

/// Which answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Wanted {
    shape: Form,
}

/// An answer with a form of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Two cookies, each in a header of its own.
    Cookies,
    /// A redirect.
    Redirect,
    /// Several values of one header.
    Repeated,
    /// A status, a type and a text of their own.
    Page,
    /// A status and nothing else.
    Bare,
    /// Octets that are no text.
    Octets,
    /// An error's status without its envelope.
    Teapot,
    /// A status that says that nothing has changed, with a tag.
    Unchanged,
    /// The last status that there may be.
    Odd,
    /// Text in a header that is not ASCII.
    Unicode,
    /// A body that is compressed already.
    Compressed,
    /// A body where the status has none.
    NoContent,
}

/// Answers with a form of its own.
#[pikku::function(public)]
pub async fn shaped(wanted: Wanted) -> Result<Response, Problem> {
    let value = HeaderValue::from_static;
    Ok(match wanted.shape {
        Form::Cookies => Response::new(StatusCode::OK)
            .with_header(header::SET_COOKIE, value("a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT"))
            .with_header(header::SET_COOKIE, value("b=2; HttpOnly; SameSite=Lax"))
            .with_body("text/plain", "two"),
        Form::Redirect => {
            Response::new(StatusCode::SEE_OTHER).with_header(header::LOCATION, value("/elsewhere?a=1&b=%20#top"))
        }
        Form::Repeated => Response::new(StatusCode::OK)
            .with_header(header::VARY, value("accept"))
            .with_header(header::VARY, value("accept-language"))
            .with_body("text/plain", "varied"),
        Form::Page => Response::new(StatusCode::ACCEPTED)
            .with_header(header::CACHE_CONTROL, value("no-store"))
            .with_body("text/html; charset=utf-8", "<p>größer</p>\n"),
        Form::Bare => Response::new(StatusCode::RESET_CONTENT),
        Form::Octets => Response::new(StatusCode::OK).with_body("image/x-none", (0..=255).collect::<Vec<u8>>()),
        Form::Unchanged => Response::new(StatusCode::NOT_MODIFIED).with_header(header::ETAG, value("W/\"v1\"")),
        Form::Unicode => {
            let name = HeaderValue::from_bytes("Zoë 日本".as_bytes()).map_err(|e| Problem::internal(e.to_string()))?;
            Response::new(StatusCode::OK)
                .with_header(HeaderName::from_static("x-name"), name)
                .with_body("text/plain", "named")
        }
        Form::Compressed => Response::new(StatusCode::OK)
            .with_header(header::CONTENT_ENCODING, value("gzip"))
            .with_body("text/plain", GZIPPED),
        Form::NoContent => Response::new(StatusCode::NO_CONTENT).with_body("text/plain", "something"),
        Form::Odd => {
            let status = StatusCode::from_u16(599).map_err(|error| Problem::internal(error.to_string()))?;
            Response::new(status).with_body("text/plain", "odd")
        }
        Form::Teapot => Response::new(StatusCode::IM_A_TEAPOT).with_body("text/plain", "short and stout"),
    })
}

/// How large an answer.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Size {
    octets: usize,
}

/// Answers with that many octets of text.
#[pikku::function(public)]
pub async fn large(size: Size) -> Result<Response, Problem> {
    Ok(Response::new(StatusCode::OK).with_body("text/plain", vec![b'x'; size.octets]))
}
