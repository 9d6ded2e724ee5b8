//! Steps that give a client a signed value, and that need one: `{ issue = { cookie = "session" } }`.

use super::entry::{Entry, ProfileErrors};
use super::{Step, open_parts};

/// A value that a client is given and has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What it is called, such as `session`.
    pub name: String,
    /// The name of the one that it belongs to, such as a cart to a session.
    pub of: Option<String>,
    /// Where it stands.
    pub carrier: Carrier,
}

/// Where a signed value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In a cookie, of an answer and of requests.
    Cookie,
    /// In the JSON of an answer, under its name.
    Body,
    /// In the open part of a path.
    Path,
}

impl Carrier {
    fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Body => "body",
            Self::Path => "path",
        }
    }
}

/// Where an answer may have one.
pub const ISSUED: [Carrier; 2] = [Carrier::Cookie, Carrier::Body];

/// Where a request may have one.
pub const CHECKED: [Carrier; 2] = [Carrier::Cookie, Carrier::Path];

/// Reads what is issued or checked at one of two places.
pub fn read(entry: &Entry<'_>, carriers: [Carrier; 2], errors: &mut ProfileErrors<'_>) -> Option<Signed> {
    let [one, other] = carriers.map(Carrier::name);
    let table = entry.table(&[one, other, "of"], errors)?;
    let (carrier, name) = table.one_of([one, other], errors)?;
    let of = match table.get("of") {
        Some(of) => Some(of.word(errors)?),
        None => None,
    };
    let carrier = carriers.into_iter().find(|known| known.name() == carrier)?;
    Some(Signed { name: name.word(errors)?, of, carrier })
}

/// Whether a route can issue and check its signed values: each is there once, after the one that it is of and before a cache,
/// and one that stands in the path has an open part of its name.
pub fn check(steps: &[Step], path: &str, errors: &mut ProfileErrors<'_>, (at, key): (usize, &str)) {
    let mut known: Vec<&str> = Vec::new();
    let has_cache = steps.iter().any(|step| matches!(step, Step::Cache { .. }));
    let mut is_behind_cache = false;
    for step in steps {
        is_behind_cache |= matches!(step, Step::Cache { .. });
        let (Step::Issue(signed) | Step::Check(signed)) = step else { continue };
        if has_cache && matches!(step, Step::Issue(_)) && signed.carrier == Carrier::Body {
            errors.wrong(
                at,
                key,
                "keep a body that issues a value: others would get it too; issue it without the cache",
            );
        } else if is_behind_cache {
            errors.wrong(at, key, "issue and check behind cache would be left out by its hits: put them before it");
        }
        let Signed { name, of, carrier } = signed;
        if known.contains(&name.as_str()) {
            errors.wrong(at, key, format!("have {name} twice: it is issued or checked once in a route"));
        }
        if let Some(of) = of.as_deref().filter(|of| !known.contains(of)) {
            errors.wrong(at, key, format!("have {name} of {of}: a step before it must issue or check {of}"));
        }
        if *carrier == Carrier::Body && name == "steps" {
            errors.wrong(at, key, "issue a value called steps in the body, where that says what was done");
        }
        if *carrier == Carrier::Path && open_parts(path).next() != Some(name) {
            errors.wrong(at, key, format!("check {name} in the path: its first open part must be {{{name}}}"));
        }
        known.push(name);
    }
}
