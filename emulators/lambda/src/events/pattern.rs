//! A short text that a regular expression matches.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// The most that one repetition is stretched to reach a length.
const STRETCH: u32 = 10_000;

/// The text that the pattern matches with the fewest repetitions, or the first that has that many characters when its
/// repetitions are stretched one after the other. Nothing where the pattern is none, or looks around.
pub(super) fn matching(pattern: &str, least: usize) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let shortest = write(&hir, 0)?;
    if shortest.chars().count() >= least {
        return Some(shortest);
    }
    // What is missing is spread over the repetitions by trying more and more of it in each.
    let missing = u32::try_from(least - shortest.chars().count()).ok()?.min(STRETCH);
    (1..=missing).map_while(|extra| write(&hir, extra)).find(|text| text.chars().count() >= least)
}

fn write(hir: &Hir, extra: u32) -> Option<String> {
    Some(match hir.kind() {
        HirKind::Empty => String::new(),
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok()?,
        HirKind::Class(class) => character(class)?.to_string(),
        HirKind::Look(Look::Start | Look::End | Look::StartLF | Look::EndLF) => String::new(),
        HirKind::Look(_) => return None,
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            let count = repetition.min.saturating_add(extra).min(most);
            write(&repetition.sub, 0)?.repeat(usize::try_from(count).ok()?)
        }
        HirKind::Capture(capture) => write(&capture.sub, extra)?,
        HirKind::Concat(parts) => parts.iter().map(|part| write(part, extra)).collect::<Option<_>>()?,
        HirKind::Alternation(choices) => write(choices.first()?, extra)?,
    })
}

/// A character of the class that reads well.
fn character(class: &Class) -> Option<char> {
    let contains = |wanted: char| match class {
        Class::Unicode(class) => class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&wanted)),
        Class::Bytes(class) => {
            class.ranges().iter().any(|range| (char::from(range.start())..=char::from(range.end())).contains(&wanted))
        }
    };
    let first = || match class {
        Class::Unicode(class) => class.ranges().first().map(|range| range.start()),
        Class::Bytes(class) => class.ranges().first().map(|range| char::from(range.start())),
    };
    "aA01xX-_. ".chars().find(|wanted| contains(*wanted)).or_else(first)
}
