//! From what is written to a plan, or to every mistake in it.

mod window;

use std::time::Duration;

use super::kind::{Delay, Kind, Needs, ROWS, Reach, Row};
use super::window::Window;
use super::written::{Written, WrittenKind};
use super::{EVERY_ROUTE, EXEMPT, KINDS, Plan, takes};
use crate::limit::Limit;
use crate::mistake::{Mistake, Source};
use crate::partition::{Partition, Spacing, TooMuch, hash};
use crate::units::{Bytes, Rate, Spelled};

/// Longest name of a plan.
const NAME: usize = 64;

/// What a plan is held against.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Method and path of every route.
    pub routes: Vec<(String, String)>,
    /// What a plan without a seed takes.
    pub seed: u64,
    /// Why a worker may not crash here, if it may not.
    pub no_crash: Option<&'static str>,
    /// Why listeners may not refuse here, if they may not.
    pub no_refuse: Option<&'static str>,
    /// Of a delay.
    pub max_delay: Limit<Duration>,
    /// Of all that a worker leaks.
    pub max_leak: Limit<Bytes>,
}

impl Rules {
    /// For plans that were held against rules before.
    #[must_use]
    pub fn none() -> Self {
        Self {
            routes: Vec::new(),
            seed: 0,
            no_crash: None,
            no_refuse: None,
            max_delay: Limit::unnamed(Duration::MAX),
            max_leak: Limit::unnamed(Bytes(u64::MAX)),
        }
    }
}

/// Checks the plan that is written at `place` (such as `faults[0]`), the `number`-th from 1, and fills in what was left
/// out. With no routes in the rules, any is taken.
///
/// # Errors
/// Every mistake in it.
pub fn understand(
    written: &Written,
    place: &str,
    number: usize,
    rules: &Rules,
) -> Result<(Plan, Written), Vec<Mistake>> {
    let mut reading = Reading { place: place.to_owned(), rules, stream: (0, 0), mistakes: Vec::new() };
    let read = reading.plan(written, number);
    if reading.mistakes.is_empty() { read.ok_or_else(Vec::new) } else { Err(reading.mistakes) }
}

/// The seed of a plan that has none of its own: from the run's and its name, or the requests that one plan hits would be
/// those that another hits, too. Short enough to be read as a number by whoever reads JSON.
fn seed_of(run: u64, name: &str) -> u64 {
    name.bytes().fold(run, |seed, byte| hash(seed, u64::from(byte))) >> 32
}

struct Reading<'a> {
    place: String,
    rules: &'a Rules,
    /// The plan's seed, and which of its kinds is being read.
    stream: (u64, usize),
    mistakes: Vec<Mistake>,
}

impl Reading<'_> {
    fn wrong(&mut self, at: &str, value: Option<String>, wrong: impl Into<String>, allowed: impl Into<String>) {
        self.mistakes.push(Mistake::field(&format!("{}.{at}", self.place), value, wrong, allowed));
    }

    /// A name that is none of those that are known.
    fn wrong_name(
        &mut self,
        at: &str,
        (name, value): (&str, Option<String>),
        wrong: &str,
        known: &[&str],
        allowed: String,
    ) {
        let mistake = Mistake::field(&format!("{}.{at}", self.place), value, wrong, allowed);
        self.mistakes.push(mistake.meant(name, known.iter().copied()));
    }

    fn plan(&mut self, written: &Written, number: usize) -> Option<(Plan, Written)> {
        let Written { name, route, method, spacing, seed, kinds: _, window: _ } = written;
        let name = name.clone().unwrap_or_else(|| format!("fault {number}"));
        self.name(&name);
        let method = method.as_ref().map(|method| method.to_ascii_uppercase());
        let route = route.clone().unwrap_or_else(|| EVERY_ROUTE.to_owned());
        self.target(&route, method.as_deref());
        let spacing = self.spacing(spacing.as_deref());
        let seed = seed.unwrap_or_else(|| seed_of(self.rules.seed, &name));
        self.stream.0 = seed;
        let window = self.window(written.window.as_ref());
        let kinds = self.kinds(&written.kinds);
        if let (Some(kinds), Some(window)) = (&kinds, &window) {
            self.together(kinds, window, written, &route, method.as_deref());
        }
        let (kinds, window, spacing) = (kinds?, window?, spacing?);
        let rates: Vec<Rate> = written.kinds.iter().map(|kind| kind.rate.unwrap_or(Rate::ZERO)).collect();
        let partition = match Partition::new(spacing, seed, &rates) {
            Ok(partition) => partition,
            Err(sum) => {
                self.wrong("kinds", None, sum.to_string(), TooMuch::ALLOWED);
                return None;
            }
        };
        let understood = Written {
            name: Some(name.clone()),
            route: Some(route.clone()),
            method: method.clone(),
            spacing: Some(spacing.name().to_owned()),
            seed: Some(seed),
            kinds: written.kinds.clone(),
            window: written.window.clone(),
        };
        let route = Some(route).filter(|route| route != EVERY_ROUTE);
        Some((Plan { name, route, method, kinds, window, partition }, understood))
    }

    fn name(&mut self, name: &str) {
        let plain = |letter: char| letter.is_alphanumeric() || letter.is_ascii_punctuation() || letter == ' ';
        if name.is_empty() || name.chars().count() > NAME || !name.chars().all(plain) {
            let allowed = format!("1 to {NAME} letters, digits, spaces and signs");
            self.wrong("name", Some(format!("{name:?}")), "is no name", allowed);
        }
    }

    fn target(&mut self, route: &str, method: Option<&str>) {
        let routes = &self.rules.routes;
        if routes.is_empty() {
            return;
        }
        let shown = || Some(format!("{route:?}"));
        let mut paths: Vec<&str> =
            routes.iter().map(|(_, path)| path.as_str()).filter(|path| path.starts_with('/')).collect();
        paths.retain(|path| !EXEMPT.contains(path));
        paths.dedup();
        let allowed = || format!("{EVERY_ROUTE:?} for every route that isn't exempt, {}", paths.join(", "));
        if EXEMPT.contains(&route) {
            let (value, allowed) = (shown(), allowed());
            return self.wrong("route", value, "is exempt from faults", allowed);
        }
        if route != EVERY_ROUTE && !paths.contains(&route) {
            let (value, allowed) = (shown(), allowed());
            return self.wrong_name("route", (route, value), "is no route of this target", &paths, allowed);
        }
        let Some(method) = method else { return };
        let its: Vec<&str> = routes
            .iter()
            .filter(|(_, path)| route == EVERY_ROUTE || path == route)
            .map(|(method, _)| method.as_str())
            .filter(|method| !method.is_empty())
            .collect();
        if !its.iter().any(|table| takes(table, method)) {
            let mut its = its;
            its.sort_unstable();
            its.dedup();
            let allowed = its.join(", ");
            self.wrong("method", Some(format!("{method:?}")), format!("is not taken by {route}"), allowed);
        }
    }

    fn spacing(&mut self, spacing: Option<&str>) -> Option<Spacing> {
        let all = [Spacing::Shuffled, Spacing::Even, Spacing::Random];
        let Some(name) = spacing else { return Some(Spacing::default()) };
        let found = all.into_iter().find(|spacing| spacing.name() == name);
        if found.is_none() {
            self.wrong("spacing", Some(format!("{name:?}")), "is no spacing", "shuffled, even or random");
        }
        found
    }

    fn kinds(&mut self, written: &[WrittenKind]) -> Option<Vec<Kind>> {
        if written.is_empty() || written.len() > KINDS {
            let wrong = format!("has {} kinds", written.len());
            self.wrong("kinds", None, wrong, format!("1 to {KINDS}"));
            return None;
        }
        let outer = self.place.clone();
        let mut kinds = Vec::new();
        for (number, kind) in written.iter().enumerate() {
            self.place = format!("{outer}.kinds[{number}]");
            self.stream.1 = number;
            kinds.extend(self.kind(kind));
        }
        self.place = outer;
        (kinds.len() == written.len()).then_some(kinds)
    }

    fn kind(&mut self, written: &WrittenKind) -> Option<Kind> {
        let WrittenKind { kind: name, rate, code, delay, bytes } = written;
        let Some(row) = Row::of(name) else {
            let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            let value = Some(format!("{name:?}"));
            self.wrong_name("kind", (name, value), "is no kind of fault", &names, names.join(", "));
            return None;
        };
        let before = self.mistakes.len();
        match rate {
            None if row.has_rate() => self.wrong("rate", None, "is missing", "0 to 1, such as 0.003"),
            Some(rate) if !row.has_rate() => {
                let wrong = format!("has no meaning for {name}, which concerns everything");
                self.wrong("rate", Some(rate.to_string()), wrong, "no rate");
            }
            None | Some(_) => {}
        }
        for (field, is_there) in [("code", code.is_some()), ("delay", delay.is_some()), ("bytes", bytes.is_some())]
        {
            let wanted = row.needs.field() == Some(field);
            if wanted && !is_there {
                self.wrong(field, None, format!("is missing: {name} needs it"), example(field));
            } else if is_there && !wanted {
                let of = ROWS.iter().filter(|row| row.needs.field() == Some(field)).map(|row| row.name);
                let of = of.collect::<Vec<_>>().join(" and ");
                self.wrong(field, None, format!("has no meaning for {name}"), format!("only for {of}"));
            }
        }
        if self.mistakes.len() > before {
            return None;
        }
        let kind = match row.needs {
            Needs::Nothing(make) => make(),
            Needs::Code(make) => make(self.code((*code)?)?),
            Needs::Delay(make) => make(self.delay(delay.as_deref()?)?),
            Needs::Bytes(make) => make(bytes.as_ref()?.0),
        };
        match kind {
            Kind::Refuse => self.unless(self.rules.no_refuse, name, kind),
            Kind::Crash => self.unless(self.rules.no_crash, name, kind),
            Kind::Leak(bytes) => self.leak(Bytes(bytes)).map(Kind::Leak),
            kind => Some(kind),
        }
    }

    fn unless(&mut self, reason: Option<&'static str>, name: &str, kind: Kind) -> Option<Kind> {
        let Some(reason) = reason else { return Some(kind) };
        self.wrong("kind", Some(format!("{name:?}")), "is not possible here", reason);
        None
    }

    fn delay(&mut self, text: &str) -> Option<Delay> {
        match Delay::parse(text, self.rules.max_delay, self.stream) {
            Ok(delay) => Some(delay),
            Err(mistake) => {
                let value = mistake.value.as_ref().map(|value| format!("{value:?}"));
                let source = Source::Field(format!("{}.delay", self.place));
                self.mistakes.push(Mistake { source, value, ..mistake });
                None
            }
        }
    }

    fn code(&mut self, code: i64) -> Option<u16> {
        let status = u16::try_from(code).ok().filter(|code| (200..=599).contains(code));
        if status.is_none() {
            self.wrong("code", Some(code.to_string()), "is no status to answer with", "200 to 599");
        }
        status
    }

    fn leak(&mut self, bytes: Bytes) -> Option<u64> {
        let limit = self.rules.max_leak;
        if bytes.0 == 0 || bytes > limit.most {
            let over = format!("is over {}", limit.flag());
            let wrong = if bytes > limit.most { &over } else { "leaks nothing" };
            self.wrong("bytes", Some(bytes.to_string()), wrong, format!("1 to {}", limit.most));
            return None;
        }
        Some(bytes.0)
    }

    /// What must hold of the parts of a plan taken together.
    fn together(&mut self, kinds: &[Kind], window: &Window, written: &Written, route: &str, method: Option<&str>) {
        let Some(row) = kinds.iter().map(Kind::row).find(|row| !row.has_rate()) else { return };
        let name = row.name;
        if kinds.len() > 1 {
            self.wrong("kinds", None, format!("has {name} beside others"), format!("{name} alone in its plan"));
        }
        match window.longest() {
            None => {
                let allowed = "in time and with an end: from and to, or every and a shorter for";
                let value = if written.window.is_none() { "is missing" } else { "has no end in time" };
                self.wrong("window", None, format!("{value}: {name} holds while it is open"), allowed);
            }
            Some(longest) if row.reach == Reach::Requests && longest > self.rules.max_delay.most => {
                let (longest, most) = (Spelled(longest), Spelled(self.rules.max_delay.most));
                let wrong = format!("is a longer wait than {}", self.rules.max_delay.flag());
                self.wrong("window", Some(longest.to_string()), wrong, format!("up to {most} at a stretch"));
            }
            Some(_) => {}
        }
        if row.reach == Reach::Requests {
            return;
        }
        let wrong = format!("has no meaning for {name}, which concerns the listeners");
        if route != EVERY_ROUTE {
            self.wrong("route", Some(format!("{route:?}")), wrong.as_str(), format!("{EVERY_ROUTE:?}"));
        }
        if let Some(method) = method {
            self.wrong("method", Some(format!("{method:?}")), wrong, "no method");
        }
    }
}

fn example(field: &str) -> &'static str {
    match field {
        "code" => "200 to 599",
        "delay" => "a duration such as 200ms",
        _ => "a number of bytes such as 1000 or 64KiB",
    }
}
