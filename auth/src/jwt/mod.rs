//! JSON Web Tokens (RFC 7519), verified as RFC 8725 advises.
//!
//! - A key knows its algorithms: one for HMAC, those of its type for a public key. What a token says of itself chooses among
//!   them and nothing else; `none` is not among them.
//! - `kid` finds a key in the set that the app has. It is no path, no URL and no query, and `jku`, `x5u`, `jwk` and `x5c` are
//!   not looked at. A token with `crit` is refused (RFC 7515, section 4.1.11).
//! - Issuer, audience and expiry are always demanded; `nbf` and `iat` are looked at where they are there.
//! - A token of more than 8 KiB is refused before anything of it is read, and nothing of what it claims is read before its
//!   signature is verified.
//!
//! # What is in a bundle
//!
//! What verifies, for the keys that the app makes and for no others: [`Key::hmac`] alone brings no RSA and no curves.
//! [`Key::jwk`] and [`KeySet::new`] take keys of any type, and bring all.

#[cfg(feature = "https")]
mod https;
mod jwks;
mod key;
mod signature;
#[cfg(test)]
mod vectors;
mod verify;

#[cfg(feature = "https")]
pub use https::HttpsFetch;
pub use jwks::{Fetch, KeySet, check_origin};
pub use key::{Key, KeyError};
pub use verify::Tokens;
