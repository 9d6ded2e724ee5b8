//! From the values that won to a [`Config`], or to every mistake in them. Pure: it knows nothing but its arguments.

use std::fmt::Display;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::instance::is_name;
use super::layers::{self, Given, Winners};
use super::settings::setting;
use super::{Address, Config, DatabaseChoice, Kind, Layers, LogFormat, Mistake, Mode, Secret, Setting, Source};
use crate::phase::Phases;
use crate::units::{Bytes, parse_duration};

/// Makes the configuration of its layers.
///
/// # Errors
/// Every mistake in them.
pub fn resolve(layers: &Layers) -> Result<Config, Vec<Mistake>> {
    let (winners, mistakes) = layers::gather(layers);
    let mut reader = Reader { winners, mistakes, failed: Vec::new() };
    let mode = reader.read("mode", |text, kind| one_of(&Mode::ALL, text, kind));
    let max_workers = reader.read("max-workers", number);
    let mut config = Config {
        listen: reader.read_all("listen", |text, _| text.parse()),
        admin: reader.read("admin", admin),
        admin_token: reader.read_if_given("admin-token", |text, kind| some_text(text, kind).map(Secret::new)),
        profile: reader.read("profile", some_text),
        mode,
        workers: workers(&mut reader, mode, max_workers, layers.processors.workers()),
        max_workers,
        pool_threads: reader.read("pool-threads", number),
        seed: reader.read("seed", number),
        max_connections: reader.read("max-connections", number),
        max_inflight: reader.read("max-inflight", number),
        max_delay: reader.read("max-delay", duration),
        max_cpu: reader.read("max-cpu", duration),
        max_body: reader.read("max-body", bytes),
        max_bytes: reader.read("max-bytes", bytes),
        max_mem: reader.read("max-mem", bytes),
        max_leak: reader.read("max-leak", bytes),
        database: database(&mut reader),
        db_rows: reader.read("db-rows", number),
        db_pool: reader.read("db-pool", number),
        db_acquire_timeout: reader.read("db-acquire-timeout", duration),
        db_timeout: reader.read("db-timeout", duration),
        backlog: reader.read("backlog", number),
        keep_alive_timeout: some_unless_zero(reader.read("keep-alive-timeout", duration)),
        shutdown_timeout: reader.read("shutdown-timeout", duration),
        drain_delay: reader.read("drain-delay", duration),
        sample_interval: reader.read("sample-interval", duration),
        run_dir: reader.read_if_given("run-dir", |text, kind| some_text(text, kind).map(PathBuf::from)),
        named: reader.read_if_given("instance", instance),
        container_host: layers.container_host.clone(),
        csv: !reader.read("no-csv", switch),
        log: reader.read("log", filter),
        log_format: reader.read("log-format", |text, kind| one_of(&LogFormat::ALL, text, kind)),
        quiet: reader.read("quiet", switch),
        spin: Duration::from_micros(reader.read("spin-us", number)),
        duration: reader.read_if_given("duration", duration),
        phases: reader.read_if_given("phases", phases).unwrap_or_default(),
        while_command: reader.read_if_given("while", some_text),
        times: !reader.read("without-times", switch),
    };
    take_passed(&mut reader, &mut config, &layers.passed);
    check_addresses(&mut reader, &config);
    if reader.mistakes.is_empty() { Ok(config) } else { Err(reader.mistakes) }
}

/// Reads settings and collects what is wrong with them.
struct Reader {
    winners: Winners,
    mistakes: Vec<Mistake>,
    failed: Vec<&'static str>,
}

impl Reader {
    /// The value of a setting that has a default; that default too when the given value is a mistake, so that
    /// reading goes on.
    fn read<T>(&mut self, name: &'static str, parse: impl Fn(&str, &Kind) -> Result<T, String>) -> T {
        self.read_if_given(name, &parse).unwrap_or_else(|| {
            let setting = setting(name);
            parse(setting.default, &setting.kind).expect("each default is allowed: a test reads all of them")
        })
    }

    /// The value of a setting, or nothing when it isn't given or is a mistake.
    fn read_if_given<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str, &Kind) -> Result<T, String>,
    ) -> Option<T> {
        let Given { source, text, more: _ } = self.winners.get(name)?;
        let kind = &setting(name).kind;
        let parsed = layers::in_quotes(text).map_or_else(|| parse(text, kind), Err);
        match parsed {
            Ok(value) => Some(value),
            Err(allowed) => {
                let value = (!kind.is_secret()).then(|| text.clone());
                self.mistakes.push(Mistake { source: source.clone(), value, allowed });
                self.failed.push(name);
                None
            }
        }
    }

    /// The values of a setting that takes several and has a default; the default when one of them is a mistake.
    fn read_all<T>(&mut self, name: &'static str, parse: impl Fn(&str, &Kind) -> Result<T, String>) -> Vec<T> {
        let Setting { kind, default, .. } = setting(name);
        let by_default = parse(default, kind).expect("each default is allowed: a test reads all of them");
        let Some(Given { source, text, more }) = self.winners.get(name) else { return vec![by_default] };
        let mut values = Vec::new();
        for text in std::iter::once(text).chain(more) {
            match layers::in_quotes(text).map_or_else(|| parse(text, kind), Err) {
                Ok(value) => values.push(value),
                Err(allowed) => {
                    self.mistakes.push(Mistake { source: source.clone(), value: Some(text.clone()), allowed });
                    self.failed.push(name);
                }
            }
        }
        if self.has_failed(name) { vec![by_default] } else { values }
    }

    /// Adds a mistake about a value that was understood. A default is nobody's mistake.
    fn refuse(&mut self, name: &'static str, value: impl Display, allowed: String) {
        if let Some(Given { source, .. }) = self.winners.get(name) {
            self.mistakes.push(Mistake { source: source.clone(), value: Some(value.to_string()), allowed });
        }
    }

    /// Adds a mistake if a setting is given beside sockets that were passed, which leave nothing for it to say.
    fn refuse_beside_passed(&mut self, name: &'static str) {
        if let Some(Given { source, .. }) = self.winners.get(name) {
            let allowed = "can't be given with sockets that a service manager passes (LISTEN_FDS): leave it out";
            self.mistakes.push(Mistake { source: source.clone(), value: None, allowed: allowed.to_owned() });
        }
    }

    fn has_failed(&self, name: &str) -> bool {
        self.failed.contains(&name)
    }
}

/// One in `single`; otherwise what was asked for, or by default what the processors allow.
fn workers(reader: &mut Reader, mode: Mode, max_workers: usize, by_default: usize) -> usize {
    let most = if reader.has_failed("max-workers") { 256 } else { max_workers };
    let is_single = mode == Mode::Single && !reader.has_failed("mode");
    let range = format!("must be 1 to {most} (--max-workers)");
    let advice = "choose --mode threads or --mode cluster for more";
    let given = reader.read_if_given("workers", |text, kind| match number(text, kind) {
        Ok(1) => Ok(1),
        Ok(count) if count <= most && is_single => Err(format!("must be 1 in mode single: {advice}")),
        Ok(count) if count <= most => Ok(count),
        Ok(_) | Err(_) if is_single => Err(format!("{range}, and 1 in mode single: {advice}")),
        Ok(_) | Err(_) => Err(range.clone()),
    });
    match (given, is_single) {
        (Some(count), _) => count,
        (None, true) => 1,
        (None, false) => by_default.min(most),
    }
}

/// The one that was asked for: a run has one database.
fn database(reader: &mut Reader) -> DatabaseChoice {
    let is_embedded = reader.read("db", switch);
    let url = reader.read_if_given("database-url", |text, kind| database_url(text, kind).map(Secret::new));
    match (is_embedded, url) {
        (false, None) => DatabaseChoice::ByProfile,
        (true, None) => DatabaseChoice::Embedded,
        (is_embedded, Some(url)) => {
            if is_embedded {
                reader.refuse("db", true, "can't be given with --database-url: a run has one database".to_owned());
            }
            DatabaseChoice::Server(url)
        }
    }
}

/// What a service manager calls the admin's socket; all others are the target's.
const PASSED_ADMIN: &str = "admin";

/// Puts sockets that were passed in the place of the addresses to listen on.
fn take_passed(reader: &mut Reader, config: &mut Config, passed: &[(RawFd, String)]) {
    let addresses = |is_admin: bool| {
        let of_kind = passed.iter().filter(move |(_, name)| (name == PASSED_ADMIN) == is_admin);
        of_kind.map(|(descriptor, _)| Address::Passed(*descriptor))
    };
    let listen: Vec<Address> = addresses(false).collect();
    if !listen.is_empty() {
        reader.refuse_beside_passed("listen");
        reader.refuse_beside_passed("backlog");
        config.listen = listen;
    }
    if let Some(admin) = addresses(true).next() {
        reader.refuse_beside_passed("admin");
        config.admin = Some(admin);
    }
    let admins = addresses(true).count();
    if admins > 1 {
        let source = Source::Environment("LISTEN_FDNAMES".to_owned());
        let allowed = format!("must name one socket {PASSED_ADMIN} at most, and it names {admins}");
        reader.mistakes.push(Mistake { source, value: None, allowed });
    }
}

/// Two listeners can't share a place. The mistake is the later one's of `--listen`, and the admin's if both were given.
fn check_addresses(reader: &mut Reader, config: &Config) {
    if reader.has_failed("listen") || reader.has_failed("admin") {
        return;
    }
    let listen = &config.listen;
    for (at, later) in listen.iter().enumerate() {
        if let Some(earlier) = listen[..at].iter().find(|earlier| earlier.clashes(later)) {
            reader.refuse("listen", later, format!("must not be where the target listens already, {earlier}"));
        }
    }
    let Some(admin) = &config.admin else { return };
    let Some(listen) = listen.iter().find(|listen| listen.clashes(admin)) else { return };
    if reader.winners.contains_key("admin") {
        reader.refuse("admin", admin, format!("must not be where the target listens, {listen} (--listen)"));
    } else {
        let advice = "give --admin another address, or off";
        reader.refuse("listen", listen, format!("is where the admin routes listen, {admin}: {advice}"));
    }
}

fn must_be(kind: &Kind) -> String {
    format!("must be {kind}")
}

fn number<T: TryFrom<u64>>(text: &str, kind: &Kind) -> Result<T, String> {
    let Kind::Number(least, most) = kind else {
        unreachable!("read as a number, listed as {kind:?}");
    };
    let number: u64 = text.parse().map_err(|_| must_be(kind))?;
    if !(*least..=*most).contains(&number) {
        return Err(must_be(kind));
    }
    T::try_from(number).map_err(|_| must_be(kind))
}

fn duration(text: &str, kind: &Kind) -> Result<Duration, String> {
    let is_allowed = |duration: Duration| match kind {
        Kind::Duration(least, most) => (*least..=*most).contains(&duration),
        Kind::DurationOrNever(most) => duration <= *most,
        Kind::AnyDuration => !duration.is_zero(),
        _ => unreachable!("read as a duration, listed as {kind:?}"),
    };
    match parse_duration(text) {
        Ok(duration) if is_allowed(duration) => Ok(duration),
        Ok(_) => Err(must_be(kind)),
        Err(reason) => Err(format!("{reason}; allowed is {kind}")),
    }
}

fn bytes(text: &str, kind: &Kind) -> Result<Bytes, String> {
    let Kind::Bytes(most) = kind else {
        unreachable!("read as bytes, listed as {kind:?}");
    };
    match text.parse() {
        Ok(bytes) if bytes <= *most => Ok(bytes),
        Ok(_) => Err(must_be(kind)),
        Err(reason) => Err(format!("{reason}; allowed is {kind}")),
    }
}

fn admin(text: &str, _: &Kind) -> Result<Option<Address>, String> {
    match text {
        "off" => Ok(None),
        _ => text.parse().map(Some).map_err(|reason: String| format!("{reason}; or off")),
    }
}

fn phases(text: &str, kind: &Kind) -> Result<Phases, String> {
    if text.is_empty() {
        return Err(must_be(kind));
    }
    text.parse().map_err(|reasons| format!("{reasons}; allowed is {kind}"))
}

fn one_of<T: Copy + Display>(all: &[T], text: &str, kind: &Kind) -> Result<T, String> {
    let found = all.iter().find(|one| one.to_string() == text);
    found.copied().ok_or_else(|| must_be(kind))
}

fn switch(text: &str, kind: &Kind) -> Result<bool, String> {
    match text {
        // The digits because that is how most people switch something on in an environment.
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(must_be(kind)),
    }
}

fn some_text(text: &str, kind: &Kind) -> Result<String, String> {
    if text.is_empty() { Err(must_be(kind)) } else { Ok(text.to_owned()) }
}

/// What is wrong with a URL is said without a piece of it, as any may be of the password.
fn database_url(text: &str, kind: &Kind) -> Result<String, String> {
    let is_url = text.starts_with("postgresql://") || text.starts_with("postgres://");
    if is_url && text.parse::<tokio_postgres::Config>().is_ok() { Ok(text.to_owned()) } else { Err(must_be(kind)) }
}

fn instance(text: &str, kind: &Kind) -> Result<String, String> {
    if is_name(text) { Ok(text.to_owned()) } else { Err(must_be(kind)) }
}

fn filter(text: &str, kind: &Kind) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("must be {kind}: {error}")),
    }
}

fn some_unless_zero(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

#[cfg(test)]
mod tests;
