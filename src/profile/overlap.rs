//! Which routes would be in each other's way: judged by the very code that the router finds them with.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::ops::Range;

use super::entry::ProfileErrors;
use super::{Route, Rules};

/// Finds routes of the same method and pattern, patterns that can't be told apart, those that would hide what every
/// target offers, and those that the route table has no room for.
pub fn check(routes: &[Route], rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) {
    let Rules { offered, room, .. } = rules;
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut patterns = matchit::Router::new();
    let fixed = |path: &str| {
        let other = other_slash(path);
        let is_it = |known: &String| known == path || other.as_ref() == Some(known);
        offered.iter().any(|offer| offer.is_fixed && is_it(&offer.path))
    };
    let mut names = offered.len();
    for Route { methods, path, at, .. } in routes {
        let key = "route.path";
        if fixed(path) {
            let all: BTreeSet<&str> =
                offered.iter().filter(|offer| offer.is_fixed).map(|offer| &*offer.path).collect();
            let all = all.into_iter().collect::<Vec<_>>().join(", ");
            let allowed = format!("{path} can't be replaced: {all} stay as they are; any other path is allowed");
            errors.wrong(*at, key, allowed);
            continue;
        }
        let shape = shape(path);
        for method in methods {
            if let Some(earlier) = seen.insert((method.to_string(), shape.clone()), *at) {
                let place = errors.place(earlier);
                let allowed = format!(
                    "{method} {path} is the same as the route at {place}; each needs its own path or method"
                );
                errors.wrong(*at, key, allowed);
            } else if !offered.iter().any(|offer| offer.method == method.as_str() && offer.path == *path) {
                names += 1;
            }
        }
        // The same shape with another method is the same entry of the router.
        if patterns.insert(shape.clone(), *at).is_err_and(|error| !is_itself(&error, &shape)) {
            errors.wrong(
                *at,
                key,
                format!(
                    "{path} can't be told apart from another route: {{name}} and {{*rest}} stand at the same place"
                ),
            );
        }
    }
    // What is offered besides may stand where a profile's {*rest} would.
    for offer in *offered {
        let shape = shape(&offer.path);
        if let Err(matchit::InsertError::Conflict { with }) = patterns.insert(shape.clone(), 0)
            && with != shape
            && let Some(route) = routes.iter().find(|route| super::overlap::shape(&route.path) == with)
        {
            let allowed = format!("{} can't be told apart from {}, which is served too", route.path, offer.path);
            errors.wrong(route.at, "route.path", allowed);
        }
    }
    if names > *room
        && let Some(last) = routes.last()
    {
        let allowed = format!(
            "these are too many routes: with those that are served anyway there are {names}, and {room} have room"
        );
        errors.wrong(last.at, "route", allowed);
    }
}

fn is_itself(error: &matchit::InsertError, shape: &str) -> bool {
    matches!(error, matchit::InsertError::Conflict { with } if with == shape)
}

/// Whether a pattern is a path and nothing else.
fn is_literal(path: &str) -> bool {
    !path.contains(['{', '}'])
}

/// A literal path with the slash at its end that it lacks, or without the one that it has.
#[must_use]
pub fn other_slash(path: &str) -> Option<String> {
    if path == "/" || !is_literal(path) {
        return None;
    }
    Some(path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned))
}

/// A pattern without the names in it: two with the same shape match the same paths.
#[must_use]
pub fn shape(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    let mut end = 0;
    for (number, place) in (1..).zip(open_places(path)) {
        let star = if path[place.clone()].starts_with('*') { "*" } else { "" };
        shape = format!("{shape}{}{star}p{number}", &path[end..place.start]);
        end = place.end;
    }
    shape + &path[end..]
}

/// The names of what a pattern leaves open, in their order: `id` of `{id}`, `*rest` of `{*rest}`.
pub fn open_parts(path: &str) -> impl Iterator<Item = &str> {
    open_places(path).map(|place| &path[place])
}

/// Where those names stand.
fn open_places(path: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    iter::from_fn(move || {
        loop {
            let begin = at + path[at..].find('{')? + 1;
            // Doubled, it is a brace of the path itself.
            if path[begin..].starts_with('{') {
                at = begin + 1;
                continue;
            }
            let end = begin + path[begin..].find('}')?;
            at = end;
            return Some(begin..end);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{open_parts, shape};

    #[test]
    fn names_are_no_part_of_a_shape() {
        for (path, expected, names) in [
            ("/", "/", &[][..]),
            ("/users/{id}", "/users/{p1}", &["id"]),
            ("/a/{x}/b/{*rest}", "/a/{p1}/b/{*p2}", &["x", "*rest"]),
            ("/a{{b}}/{c}", "/a{{b}}/{p1}", &["c"]),
        ] {
            assert_eq!(shape(path), expected);
            assert_eq!(open_parts(path).collect::<Vec<_>>(), names);
            matchit::Router::new().insert(shape(path), ()).unwrap();
        }
    }
}
