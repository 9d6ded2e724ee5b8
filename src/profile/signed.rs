//! Steps that give a client a signed value, and that need one: `{ issue = { cookie = "session" } }`.

use super::entry::{Entry, ProfileErrors};
use super::{Step, open_parts};

/// A value that a client is given or has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<Carrier> {
    /// What it is called, such as `session`.
    pub name: String,
    /// The name of the one that it belongs to, such as a cart to a session.
    pub of: Option<String>,
    /// Where it stands.
    pub carrier: Carrier,
}

/// Where an answer has a value that is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issued {
    /// In a cookie.
    Cookie,
    /// In its JSON, under the value's name.
    Body,
}

/// Where a request has a value that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// In a cookie.
    Cookie,
    /// In the open part of its path.
    Path,
}

/// How each place is written.
pub const ISSUED: [(&str, Issued); 2] = [("cookie", Issued::Cookie), ("body", Issued::Body)];
/// The same for what is checked.
pub const CHECKED: [(&str, Checked); 2] = [("cookie", Checked::Cookie), ("path", Checked::Path)];

/// Reads what is issued or checked at one of two places.
pub fn read<Carrier: Copy>(
    entry: &Entry<'_>,
    [one, other]: [(&'static str, Carrier); 2],
    errors: &mut ProfileErrors<'_>,
) -> Option<Signed<Carrier>> {
    let table = entry.table(&[one.0, other.0, "of"], errors)?;
    let (key, name) = table.one_of([one.0, other.0], errors)?;
    let of = match table.get("of") {
        Some(of) => Some(of.word(errors)?),
        None => None,
    };
    Some(Signed { name: name.word(errors)?, of, carrier: if key == one.0 { one.1 } else { other.1 } })
}

/// Whether a route can issue and check its signed values: each is there once, after the one that it is of and before a cache,
/// and one that stands in the path has an open part of its name.
pub fn check(steps: &[Step], path: &str, errors: &mut ProfileErrors<'_>, (at, key): (usize, &str)) {
    let mut known: Vec<&str> = Vec::new();
    let has_cache = steps.iter().any(|step| matches!(step, Step::Cache { .. }));
    let mut is_behind_cache = false;
    for step in steps {
        is_behind_cache |= matches!(step, Step::Cache { .. });
        let (Step::Issue(Signed { name, of, .. }) | Step::Check(Signed { name, of, .. })) = step else { continue };
        let is_in_body = matches!(step, Step::Issue(Signed { carrier: Issued::Body, .. }));
        if has_cache && is_in_body {
            errors.wrong(
                at,
                key,
                "keep a body that issues a value: others would get it too; issue it without the cache",
            );
        } else if is_behind_cache {
            errors.wrong(at, key, "issue and check behind cache would be left out by its hits: put them before it");
        }
        if known.contains(&name.as_str()) {
            errors.wrong(at, key, format!("have {name} twice: it is issued or checked once in a route"));
        }
        if let Some(of) = of.as_deref().filter(|of| !known.contains(of)) {
            errors.wrong(at, key, format!("have {name} of {of}: a step before it must issue or check {of}"));
        }
        if is_in_body && name == "steps" {
            errors.wrong(at, key, "issue a value called steps in the body, where that says what was done");
        }
        let is_in_path = matches!(step, Step::Check(Signed { carrier: Checked::Path, .. }));
        if is_in_path && open_parts(path).next() != Some(name) {
            errors.wrong(at, key, format!("check {name} in the path: its first open part must be {{{name}}}"));
        }
        known.push(name);
    }
}
