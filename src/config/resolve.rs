//! From the values that won to a [`Config`], or to every mistake in them. Pure: it knows nothing but its arguments.

use std::fmt::Display;
use std::os::fd::RawFd;

use super::given::{Given, Winners};
use super::kind::Value;
use super::layers;
use super::settings::{self, setting};
use super::{Address, Config, Layers, Mode, SETTINGS, Setting};
use crate::mistake::{Mistake, Source};

/// Makes the configuration of its layers.
///
/// # Errors
/// Every mistake in them.
pub fn resolve(layers: &Layers) -> Result<Config, Vec<Mistake>> {
    let (winners, mistakes) = layers::gather(layers);
    let mut reader = Reader { winners, mistakes, found: Vec::new() };
    let mut config = Config::read(&mut reader);
    config.workers = workers(&mut reader, &config, layers.processors.workers());
    config.container_host.clone_from(&layers.container_host);
    if config.db && config.database_url.is_some() {
        reader.refuse("db", true, "can't be given with --database-url: a run has one database".to_owned());
    }
    take_passed(&mut reader, &mut config, &layers.passed);
    check_addresses(&mut reader, &config);
    let mistakes = reader.mistakes();
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

/// Reads settings and collects what is wrong with them.
struct Reader {
    winners: Winners,
    /// Of the layers themselves.
    mistakes: Vec<Mistake>,
    /// Of values, each with the setting that it is a mistake of.
    found: Vec<(&'static str, Mistake)>,
}

impl settings::Read for Reader {
    /// The default too when the given value is a mistake, so that reading goes on.
    fn read<T: Value>(&mut self, name: &'static str) -> T {
        let setting @ Setting { kind, default, .. } = setting(name);
        let given = self.read_if_given(name, |text| T::read(text, kind)).and_then(T::join);
        let value = given.unwrap_or_else(|| {
            let by_default = if default.is_empty() { T::unset() } else { T::read(default, kind).ok() };
            by_default.unwrap_or_else(|| panic!("{setting:?} has no default: a test reads all of them"))
        });
        value.of(name)
    }
}

impl Reader {
    /// The values of a setting, or nothing when it isn't given or one of them is a mistake.
    fn read_if_given<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let Given { source, text, more } = self.winners.get(name)?;
        let is_secret = setting(name).kind.is_secret();
        let mut values = Vec::new();
        for text in std::iter::once(text).chain(more) {
            match layers::in_quotes(text).map_or_else(|| parse(text), Err) {
                Ok(value) => values.push(value),
                Err(wrong) => {
                    let value = (!is_secret).then(|| text.clone());
                    self.found.push((name, Mistake::at(source.clone(), value, wrong)));
                }
            }
        }
        (!self.has_failed(name)).then_some(values)
    }

    /// All mistakes: those of the layers, then those of values in the order of the table.
    fn mistakes(mut self) -> Vec<Mistake> {
        let place = |name: &str| SETTINGS.iter().position(|setting| setting.name == name);
        self.found.sort_by_key(|(name, _)| place(name));
        self.mistakes.into_iter().chain(self.found.into_iter().map(|(_, mistake)| mistake)).collect()
    }

    /// Adds a mistake about a value that was understood. A default is nobody's mistake.
    fn refuse(&mut self, name: &'static str, value: impl Display, allowed: String) {
        if let Some(Given { source, .. }) = self.winners.get(name) {
            self.found.push((name, Mistake::at(source.clone(), Some(value.to_string()), allowed)));
        }
    }

    /// Adds a mistake if a setting is given beside sockets that were passed, which leave nothing for it to say.
    fn refuse_beside_passed(&mut self, name: &'static str) {
        if let Some(Given { source, .. }) = self.winners.get(name) {
            let allowed = "can't be given with sockets that a service manager passes (LISTEN_FDS): leave it out";
            self.found.push((name, Mistake::at(source.clone(), None, allowed)));
        }
    }

    fn has_failed(&self, name: &str) -> bool {
        self.found.iter().any(|(failed, _)| *failed == name)
    }
}

/// One in `single`; otherwise what was asked for, or by default what the processors allow.
fn workers(reader: &mut Reader, config: &Config, by_default: usize) -> usize {
    let most = if reader.has_failed("max-workers") { 256 } else { config.max_workers };
    let is_single = config.mode == Mode::Single && !reader.has_failed("mode");
    let range = format!("must be 1 to {most} (--max-workers)");
    let advice = "choose --mode threads or --mode cluster for more";
    let kind = &setting("workers").kind;
    let given = reader.read_if_given("workers", |text| match usize::read(text, kind) {
        Ok(1) => Ok(1),
        Ok(count) if count <= most && is_single => Err(format!("must be 1 in mode single: {advice}")),
        Ok(count) if count <= most => Ok(count),
        Ok(_) | Err(_) if is_single => Err(format!("{range}, and 1 in mode single: {advice}")),
        Ok(_) | Err(_) => Err(range.clone()),
    });
    match given.and_then(usize::join) {
        Some(count) => count,
        None if is_single => 1,
        None => by_default.min(most),
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
        reader.mistakes.push(Mistake::at(source, None, allowed));
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

#[cfg(test)]
mod tests;
