//! A `[[route]]`: its methods and path, its steps, its answer.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::entry::{Entry, ProfileErrors, Table};
use super::response::{OURS, is_bodiless};
use super::{Issued, Response, Route, Rules, Scope, Step, rate_limit, signed};
use crate::delay::Delay;
use crate::distribution;
use crate::spelling::did_you_mean;
use crate::units::Spelled;
use crate::work::cpu::{Amount, Cpu, Place, iterations_within};
use crate::work::database::{Kind, Query};
use crate::work::inference::{Ask, Batch};
use crate::work::io::Mode;
use crate::work::memory::Hold;

/// Methods that a route may have. GET answers HEAD too.
pub(super) const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// How often users ask a route, beside the weights of the others.
pub(super) const WEIGHT: RangeInclusive<f64> = 0.0..=1e6;

/// Longest path: with its method it must fit the route table.
const PATH: usize = 200;

/// What a step can be.
const STEPS: [&str; 10] = ["cpu", "io", "mem", "db", "infer", "bytes", "cache", "rate_limit", "issue", "check"];

/// Most values of a list in a route: what is longer is a slip of a script.
const MOST: usize = 100;

/// Reads a route. Each mistake is found; what is left of the route is `None` when it could not be served.
pub fn read(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Route> {
    let table = entry.table(&["method", "path", "weight", "request", "steps", "response"], errors)?;
    let methods = table.get("method").map_or_else(|| vec![Method::GET], |methods| read_methods(&methods, errors));
    let path = table.needed("path", "a path such as \"/users/{id}\"", errors);
    let path = path.and_then(|path| Some((read_path(&path, errors)?, path.at())));
    let name = path.as_ref().map_or("", |(path, _)| path);
    let weight = table.get("weight").map_or(Some(1.0), |weight| weight.number(&WEIGHT, errors));
    let steps = table.get("steps").map_or_else(Vec::new, |steps| read_steps(&steps, name, rules, errors));
    let request_bytes = table.get("request").and_then(|request| read_request(&request, rules, errors));
    let response = table.get("response");
    let mut response =
        response.map_or_else(|| Some(Response::default()), |response| read_response(&response, rules, errors))?;
    let (at, key) = (table.get("steps").map_or(table.span.start, |steps| steps.at()), table.key("steps"));
    sum_up(&steps, &mut response, rules, errors, (at, &key));
    signed::check(&steps, name, errors, (at, &key));
    if steps.iter().any(|step| matches!(step, Step::Infer(_)))
        && let Some(method) =
            methods.iter().find(|method| ![Method::POST, Method::PUT, Method::PATCH].contains(method))
    {
        errors.wrong(
            at,
            &key,
            format!("have an infer step, whose picture {method} does not send; allowed are POST, PUT, PATCH"),
        );
    }
    let (path, at) = path?;
    Some(Route { methods, path, at, weight: weight?, request_bytes, steps, response })
}

fn read_methods(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Vec<Method> {
    let mut methods: Vec<Method> = Vec::new();
    let given = entry.one_or_list(errors);
    if given.is_empty() {
        errors.wrong_value(entry, format!("must name at least one of {}", METHODS.join(", ")));
    }
    for entry in given {
        let Some(text) = entry.text(errors) else { continue };
        match text.parse::<Method>() {
            Ok(method) if METHODS.contains(&text) && !methods.contains(&method) => methods.push(method),
            Ok(_) if METHODS.contains(&text) => errors.wrong_value(&entry, "is there twice; once is enough"),
            Ok(Method::HEAD) => errors.wrong_value(&entry, "HEAD is answered wherever GET is; name GET"),
            Ok(_) | Err(_) => errors.wrong_value(&entry, format!("must be one of {}", METHODS.join(", "))),
        }
    }
    methods
}

fn read_path(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<String> {
    let path = entry.text(errors)?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`|".contains(&byte);
    let allowed = if !path.starts_with('/') {
        "must begin with /".to_owned()
    } else if path.len() > PATH {
        format!("must have at most {PATH} bytes")
    } else if let Some(odd) = path.chars().find(|&letter| !u8::try_from(letter).is_ok_and(plain)) {
        format!("must not have {odd:?} in it: a path is ASCII without a query, other characters percent-encoded")
    } else if let Some(segment) = path.split('/').find(|segment| segment.starts_with([':', '*'])) {
        format!("must not have the segment {segment:?}: what varies is written {{id}}, all the rest {{*rest}}")
    } else if let Err(error) = matchit::Router::new().insert(path, ()) {
        format!("is no path pattern ({error}); what varies is written {{id}}, all the rest {{*rest}}")
    } else {
        return Some(path.to_owned());
    };
    errors.wrong_value(entry, allowed);
    None
}

fn read_steps(entry: &Entry<'_>, path: &str, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Vec<Step> {
    let steps = entry.list(errors);
    if steps.len() > MOST {
        errors.wrong(entry.at(), &entry.key, format!("must be at most {MOST} steps, not {}", steps.len()));
        return Vec::new();
    }
    let seed = |number| seed_of(rules.seed, path, number);
    steps.iter().enumerate().filter_map(|(number, step)| read_step(step, seed(number), rules, errors)).collect()
}

/// Each delay has a seed of its own: two with the same one would be long for the same requests.
fn seed_of(seed: u64, path: &str, number: usize) -> u64 {
    // FNV-1a, the same on every machine.
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let bytes = seed.to_le_bytes().into_iter().chain(path.bytes()).chain((number as u64).to_le_bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |state: u64, byte| (state ^ u64::from(byte)).wrapping_mul(PRIME))
}

fn read_step(entry: &Entry<'_>, seed: u64, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Step> {
    let table = entry.open_table(errors)?;
    let entries = table.entries();
    let [(name, span, step)] = &entries[..] else {
        let names: Vec<String> = entries.iter().map(|(name, ..)| name.escape_debug().to_string()).collect();
        let found = if names.is_empty() { "nothing".to_owned() } else { names.join(" and ") };
        let allowed = format!("a step is one of {}, not {found}", STEPS.join(", "));
        errors.wrong(table.span.start, &entry.key, allowed);
        return None;
    };
    match *name {
        "cpu" => read_cpu(step, rules, errors).map(Step::Cpu),
        "io" => read_io(step, seed, rules, errors),
        "mem" => read_mem(step, rules, errors).map(Step::Mem),
        "bytes" => {
            let table = step.table(&["size"], errors)?;
            let size = table.needed("size", "how many bytes the body has, such as 684 or \"64KiB\"", errors)?;
            size.bytes(rules.bytes, errors).map(Step::Bytes)
        }
        "db" => read_db(step, rules, errors).map(Step::Db),
        "rate_limit" => rate_limit::read(step, Scope::Route, errors),
        "cache" => read_cache(step, errors),
        "issue" => signed::read(step, signed::ISSUED, errors).map(Step::Issue),
        "check" => signed::read(step, signed::CHECKED, errors).map(Step::Check),
        "infer" => read_infer(step, rules, errors).map(Step::Infer),
        other => {
            let question = did_you_mean(other, STEPS);
            let hint = question.unwrap_or_else(|| format!("a step is one of {}", STEPS.join(", ")));
            errors.wrong(span.start, &step.key, format!("there is no such step; {hint}"));
            None
        }
    }
}

fn read_cpu(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Cpu> {
    let table = entry.table(&["iterations", "ms", "on"], errors)?;
    let place = read_word(&table, "on", Place::ALL.map(|place| (place.name(), place)), errors);
    let amount = match table.one_of(["iterations", "ms"], errors)? {
        ("iterations", entry) => {
            let whose = format!(" ({})", rules.cpu.map(Spelled));
            entry.whole(&(0..=iterations_within(rules.cpu.most)), &whose, errors).map(Amount::Iterations)
        }
        (_, entry) => entry.milliseconds(rules.cpu, errors).map(Amount::Time),
    };
    Some(Cpu { amount: amount?, place: place? })
}

/// A key's word, one of a few; the first when it is left out.
fn read_word<T: Copy, const MANY: usize>(
    table: &Table<'_>,
    name: &str,
    words: [(&str, T); MANY],
    errors: &mut ProfileErrors<'_>,
) -> Option<T> {
    let Some(entry) = table.get(name) else { return words.first().map(|(_, meant)| *meant) };
    let text = entry.text(errors)?;
    let known = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
    if known.is_none() {
        errors.wrong_value(&entry, format!("must be one of {}", words.map(|(word, _)| word).join(", ")));
    }
    known
}

fn read_io(entry: &Entry<'_>, seed: u64, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Step> {
    let table = entry.table(&["ms", "delay", "mode"], errors)?;
    let mode = read_word(&table, "mode", Mode::ALL.map(|mode| (mode.name(), mode)), errors);
    let grammar = distribution::Rules { limit: rules.delay, read: rules.read };
    let delay = match table.one_of(["ms", "delay"], errors)? {
        ("ms", entry) => {
            let time = entry.milliseconds(rules.delay, errors)?;
            Delay::parse(&Spelled(time).to_string(), &grammar, seed).ok()
        }
        (_, entry) => match Delay::parse(entry.text(errors)?, &grammar, seed) {
            Ok(delay) => Some(delay),
            Err(mistake) => {
                errors.wrong_value(&entry, format!("{mistake}; allowed: {}", mistake.allowed));
                None
            }
        },
    };
    Some(Step::Io { delay: delay?, mode: mode? })
}

fn read_mem(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Hold> {
    let table = entry.table(&["bytes", "ms"], errors)?;
    let bytes = table.needed("bytes", "how much is taken, such as \"10MiB\"", errors);
    let bytes = bytes.and_then(|bytes| bytes.bytes(rules.memory, errors));
    let time = table.get("ms").map_or(Some(Duration::ZERO), |time| time.milliseconds(rules.delay, errors));
    Some(Hold { bytes: bytes?, time: time? })
}

fn read_db(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Query> {
    let table = entry.table(&Query::NAMES, errors)?;
    let [kind, rows, indexed, think, place, pipelined] = Query::NAMES;
    let kind = read_word(&table, kind, Query::kinds(), errors);
    let indexed = read_word(&table, indexed, Query::INDEXED, errors);
    let place = read_word(&table, place, Query::places(), errors);
    let pipeline = table.get(pipelined);
    let pipelined = read_word(&table, pipelined, Query::PIPELINED, errors);
    let think = table.get(think).map_or(Some(Duration::ZERO), |think| waits(&think, rules, errors));
    let rows = match (kind.map(Kind::default_rows), table.get(rows)) {
        (_, Some(rows)) => rows.whole(&(0..=rules.db_rows.most), &rules.db_rows.in_brackets(), errors),
        (None, None) => None,
        (Some(default), None) if default <= rules.db_rows.most => Some(default),
        (Some(default), None) => {
            table.lacks(
                rows,
                &format!(
                    "{default} by default, and there are {}{}",
                    rules.db_rows.most,
                    rules.db_rows.in_brackets()
                ),
                errors,
            );
            None
        }
    };
    let (kind, indexed, pipelined) = (kind?, indexed?, pipelined?);
    let query = Query { kind, rows: rows?, indexed, think: think?, place: place?, pipelined };
    match (pipeline, query.pipeline_allowed()) {
        (Some(pipeline), Some(allowed)) => {
            errors.wrong_value(&pipeline, allowed);
            None
        }
        _ => Some(query),
    }
}

fn read_infer(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Ask> {
    let table = entry.table(&Ask::NAMES, errors)?;
    let [place, quantised, cached, batch, delay] = Ask::NAMES;
    let place = read_word(&table, place, Ask::places(), errors);
    let quantised = read_word(&table, quantised, Ask::SWITCHED, errors);
    let cached = read_word(&table, cached, Ask::SWITCHED, errors);
    let default = Batch::DEFAULT;
    let most = table.get(batch).map_or(Some(default.most), |most| most.whole(&(1..=Batch::MOST), "", errors));
    let delay =
        table.get(delay).map_or(Some(default.delay.min(rules.delay.most)), |delay| waits(&delay, rules, errors));
    let batch = Batch { most: most?, delay: delay? };
    Some(Ask { place: place?, quantised: quantised?, cached: cached?, batch })
}

/// A time up to `--max-delay`.
fn waits(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Duration> {
    let whose = format!(" ({})", rules.delay.map(Spelled));
    entry.duration(&(Duration::ZERO..=rules.delay.most), &whose, errors)
}

fn read_cache(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<Step> {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_hours(1);
    let table = entry.table(&["keys", "ttl"], errors)?;
    let keys = table.needed("keys", "how many different answers there are, such as 100", errors);
    let keys = keys.and_then(|keys| keys.whole(&(1..=100_000), "", errors));
    let time = table.needed("ttl", "for how long one is kept, such as \"5s\"", errors);
    let time = time.and_then(|time| time.duration(&(SHORTEST..=LONGEST), "", errors));
    Some(Step::Cache { keys: keys?, time: time? })
}

/// How many bytes a request of the load plan sends.
fn read_request(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<u64> {
    let table = entry.table(&["size"], errors)?;
    let size = table.needed("size", "how many bytes a request of the load plan sends", errors)?;
    size.bytes(rules.body, errors)
}

fn read_response(entry: &Entry<'_>, rules: &Rules<'_>, errors: &mut ProfileErrors<'_>) -> Option<Response> {
    let table = entry.table(&["status", "size", "headers"], errors)?;
    let status = table.get("status").map_or(Some(200), |status| status.whole(&(200..=599), "", errors));
    let status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    let size = table.get("size").map(|size| (size.bytes(rules.bytes, errors), size));
    if let (Some(status), Some((Some(1..), entry))) = (status, &size)
        && is_bodiless(status)
    {
        errors.wrong_value(entry, format!("must be 0: a {} has no body", status.as_u16()));
    }
    let headers = table.get("headers").map_or_else(Vec::new, |headers| read_headers(&headers, errors));
    Some(Response { status: status.unwrap_or_default(), size: size.and_then(|(size, _)| size), headers })
}

fn read_headers(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    let Some(table) = entry.open_table(errors) else { return headers };
    for (name, span, values) in table.entries() {
        let Ok(known) = name.parse::<HeaderName>() else {
            errors.wrong(span.start, &values.key, "is no header's name: letters, digits, - and _ are allowed");
            continue;
        };
        if OURS.contains(&known.as_str()) {
            let allowed = "can't be set: the target itself writes it; any header but these is allowed: ";
            errors.wrong(span.start, &values.key, format!("{allowed}{}", OURS.join(", ")));
            continue;
        }
        for value in values.one_or_list(errors) {
            let Some(text) = value.text(errors) else { continue };
            match HeaderValue::from_str(text) {
                Ok(text) => headers.push((known.clone(), text)),
                Err(_) => errors.wrong_value(&value, "must be printable text on one line"),
            }
        }
    }
    headers
}

/// What the steps come to, held to the limits too; and a body that is said once.
fn sum_up(
    steps: &[Step],
    response: &mut Response,
    rules: &Rules<'_>,
    errors: &mut ProfileErrors<'_>,
    (at, key): (usize, &str),
) {
    let (mut iterations, mut cpu, mut wait) = (0_u64, Duration::ZERO, Duration::ZERO);
    let mut body: Option<u64> = None;
    let (mut limits, mut caches, mut pictures, mut says_more) = (0, 0, 0, false);
    for step in steps {
        match step {
            Step::Cpu(Cpu { amount: Amount::Iterations(more), place: _ }) => {
                iterations = iterations.saturating_add(*more);
            }
            Step::Cpu(Cpu { amount: Amount::Time(more), place: _ }) => cpu = cpu.saturating_add(*more),
            // What is drawn is within the limit by itself; only what is fixed can be added up.
            Step::Io { delay, mode: _ } => wait = wait.saturating_add(delay.always().unwrap_or_default()),
            Step::Mem(hold) => wait = wait.saturating_add(hold.time),
            Step::Db(query) => wait = wait.saturating_add(query.think),
            Step::Bytes(more) => body = Some(body.unwrap_or(0).saturating_add(*more)),
            Step::RateLimit { .. } => limits += 1,
            Step::Issue(signed) if signed.carrier == Issued::Body => says_more = true,
            Step::Infer(_) => pictures += 1,
            Step::Issue(_) | Step::Check(_) => {}
            Step::Cache { .. } => caches += 1,
        }
    }
    if wait > rules.delay.most {
        let most = rules.delay.map(Spelled);
        let allowed = format!("wait {} in all: must be at most {}{}", Spelled(wait), most.most, most.in_brackets());
        errors.wrong(at, key, allowed);
    }
    if says_more && (body.is_some() || response.size.is_some() || is_bodiless(response.status)) {
        errors.wrong(
            at,
            key,
            "issue a value in the body, which is JSON: leave its size out, and let the status have a body",
        );
    }
    if caches > 1 {
        errors.wrong(at, key, format!("have {caches} caches: a route keeps its answers in one"));
    }
    if caches > 0 && pictures > 0 {
        errors.wrong(
            at,
            key,
            "have a cache and infer: what is kept would answer for other pictures; give infer `cache = \"on\"` in its place",
        );
    }
    if pictures > 1 {
        errors.wrong(
            at,
            key,
            format!("have {pictures} infer steps: a request sends one picture, so give one at most"),
        );
    }
    if limits > 1 {
        errors.wrong(at, key, format!("have {limits} rate limits: a route has one bucket, so give one at most"));
    }
    let within = iterations_within(rules.cpu.most.saturating_sub(cpu));
    if cpu > rules.cpu.most || iterations > within {
        errors.wrong(at, key, format!("compute too much in all: must be at most {}", rules.cpu.map(Spelled)));
    }
    let Some(bytes) = body else { return };
    if bytes > rules.bytes.most.0 {
        let allowed =
            format!("make {bytes} bytes in all: must be at most {}{}", rules.bytes.most, rules.bytes.in_brackets());
        errors.wrong(at, key, allowed);
    }
    if response.size.is_some() {
        errors.wrong(at, key, "a body's size is said once: by `bytes` steps or by `response.size`, not both");
    } else if bytes > 0 && is_bodiless(response.status) {
        errors.wrong(at, key, format!("must make no bytes: a {} has no body", response.status.as_u16()));
    } else {
        response.size = Some(bytes);
    }
}
