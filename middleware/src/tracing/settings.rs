//! What the environment says, by the variables of OpenTelemetry's SDK.

use super::span::SpanContext;
use percent_encoding::percent_decode_str;
use pikku::{BoxError, Call, Platform};

pub(super) const SERVICE: &str = "OTEL_SERVICE_NAME";
pub(super) const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";
pub(super) const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
pub(super) const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// What says whether a call has a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampler {
    /// Whether the span that the call is within decides, where there is one.
    by_parent: bool,
    /// The share of the others, from 0 to 1.
    ratio: f64,
}

impl Sampler {
    pub(super) fn of_environment(platform: &dyn Platform) -> Result<Self, BoxError> {
        let said = set(platform, SAMPLER).unwrap_or_else(|| "parentbased_always_on".to_owned());
        let (by_parent, kind) = match said.strip_prefix("parentbased_") {
            Some(kind) => (true, kind),
            None => (false, &*said),
        };
        let ratio = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => ratio(set(platform, SAMPLER_ARGUMENT).as_deref().unwrap_or("1"))?,
            _ => {
                return Err(format!(
                    "the variable {SAMPLER} is `{said}`: it is always_on, always_off or traceidratio, or one of these behind parentbased_"
                )
                .into());
            }
        };
        Ok(Self { by_parent, ratio })
    }

    /// The place of a call's span in its trace; `None` where the platform has no randomness.
    pub(super) fn begin(&self, call: &Call) -> Option<SpanContext> {
        let mut random = [0; 24];
        getrandom::getrandom(&mut random).ok()?;
        // Zeros are no ids.
        let trace = u128::from_be_bytes(*random.first_chunk()?).max(1);
        let span = u64::from_be_bytes(*random.last_chunk()?).max(1);
        let parent = call.parent_span().as_deref().and_then(parsed);
        if parent.is_some() {
            return Some(self.within(parent, trace, span));
        }
        // What the platform traces itself. What it does not is no decision: AWS Lambda says so of every call where X-Ray is off.
        let of_platform = call.traceparent().as_deref().and_then(parsed);
        let told = of_platform.filter(|(.., flags)| flags & 1 == 1);
        Some(self.within(told, of_platform.map_or(trace, |(trace, ..)| trace), span))
    }

    fn within(&self, parent: Option<(u128, u64, u8)>, new: u128, span: u64) -> SpanContext {
        let trace = parent.map_or(new, |(trace, ..)| trace);
        let is_sampled = match parent {
            Some((.., flags)) if self.by_parent => flags & 1 == 1,
            _ => self.takes(trace),
        };
        SpanContext { trace, span, parent: parent.map(|(_, parent, _)| parent), flags: u8::from(is_sampled) }
    }

    /// By the trace's id, so that all who see a trace decide alike ("TraceIdRatioBased" of OpenTelemetry's SDK).
    fn takes(&self, trace: u128) -> bool {
        const WHOLE: f64 = (1_u64 << 63) as f64;
        self.ratio >= 1.0 || ((trace as u64 >> 1) as f64) < self.ratio * WHOLE
    }
}

fn ratio(text: &str) -> Result<f64, BoxError> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("the variable {SAMPLER_ARGUMENT} is `{text}`: it is a number from 0 to 1").into())
}

/// The trace, the span and the flags of a `traceparent` that is well-formed.
fn parsed(text: &str) -> Option<(u128, u64, u8)> {
    let mut parts = text.split('-').skip(1);
    let trace = u128::from_str_radix(parts.next()?, 16).ok()?;
    let span = u64::from_str_radix(parts.next()?, 16).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    (trace != 0 && span != 0).then_some((trace, span, flags))
}

/// What is said of the service to the collector.
pub(super) fn resource(platform: &dyn Platform, policy: &str) -> Result<Vec<(String, String)>, BoxError> {
    let given = set(platform, RESOURCE).unwrap_or_default();
    let mut said = pairs(&given).map_err(|why| format!("the variable {RESOURCE} is not valid: {why}"))?;
    // The name of its own goes before one among the others.
    let has_name = said.iter().any(|(name, _)| name == "service.name");
    let name = set(platform, SERVICE);
    if let Some(name) = name.or_else(|| (!has_name).then(|| policy.to_owned())) {
        said.retain(|(known, _)| known != "service.name");
        said.insert(0, ("service.name".to_owned(), name));
    }
    for (name, text) in [
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", env!("CARGO_PKG_NAME")),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ] {
        said.push((name.to_owned(), text.to_owned()));
    }
    Ok(said)
}

/// Names and values with commas between, values percent-encoded, as the variables have them (W3C Baggage without properties).
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
        let named = pair.split_once('=').filter(|(name, _)| !name.trim().is_empty());
        let (name, value) = named.ok_or("it is a list of `name=value` with commas between")?;
        let value =
            percent_decode_str(value.trim()).decode_utf8().map_err(|_| "a value is no percent-encoded UTF-8")?;
        Ok((name.trim().to_owned(), value.into_owned()))
    });
    pairs.collect()
}

/// The value of a variable that is set and says something.
pub(super) fn set(platform: &dyn Platform, name: &str) -> Option<String> {
    platform.env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;

    #[test]
    fn the_parent_decides_where_it_is_asked() {
        let sampler = |by_parent, ratio| Sampler { by_parent, ratio };
        for (sampler, flags, is_sampled) in [
            (sampler(true, 1.0), None, true),
            (sampler(true, 1.0), Some(0), false),
            (sampler(true, 1.0), Some(1), true),
            (sampler(true, 0.0), None, false),
            (sampler(true, 0.0), Some(1), true),
            (sampler(false, 1.0), Some(0), true),
            (sampler(false, 0.0), Some(1), false),
        ] {
            let context = sampler.within(flags.map(|flags| (TRACE, 7, flags)), TRACE, 9);
            assert_eq!(context.is_sampled(), is_sampled, "{sampler:?} {flags:?}");
            assert_eq!(context.parent, flags.map(|_| 7));
            let flag = u8::from(is_sampled);
            assert_eq!(context.traceparent(), format!("00-0af7651916cd43dd8448eb211c80319c-0000000000000009-0{flag}"));
        }
    }

    #[test]
    fn a_share_of_the_traces_is_taken_by_their_ids() {
        let tenth = Sampler { by_parent: true, ratio: 0.1 };
        let ids = (0..10_000_u64).map(|n| u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let taken = ids.clone().filter(|id| tenth.takes(*id)).count();
        assert!((900..=1_100).contains(&taken), "{taken}");
        assert!(ids.clone().all(|id| Sampler { by_parent: true, ratio: 1.0 }.takes(id)));
        assert!(!ids.clone().any(|id| Sampler { by_parent: true, ratio: 0.0 }.takes(id)));
        // What a smaller share takes a larger one takes too.
        let half = Sampler { by_parent: true, ratio: 0.5 };
        assert!(ids.filter(|id| tenth.takes(*id)).all(|id| half.takes(id)));
    }

    #[test]
    fn ids_of_zeros_are_none() {
        assert_eq!(parsed("00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01"), Some((TRACE, 7, 1)));
        for text in [
            "00-00000000000000000000000000000000-0000000000000007-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c",
            "",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn pairs_are_read() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs("api-key=a%20b, team=shop,").unwrap(), [pair("api-key", "a b"), pair("team", "shop")]);
        assert_eq!(pairs("").unwrap(), []);
        assert!(["team", "=x", "team=%ff"].iter().all(|text| pairs(text).is_err()));
    }
}
