//! A configuration written down: as TOML that loads back, and as JSON for `run.json`, both from one list.

use std::fmt::Display;
use std::time::Duration;

use super::{Config, DatabaseChoice, REDACTED, SETTINGS};
use crate::phase::Phases;
use crate::units::Spelled;

/// A value as it is written.
enum Written {
    Unset,
    Secret,
    Switch(bool),
    Number(u64),
    Text(String),
    Texts(Vec<String>),
}

impl Config {
    /// As TOML that `--config` loads back to an equal configuration, except for the token, which is a comment
    /// that says `[redacted]`. What is unset is left out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut lines = String::new();
        for (key, written) in self.written() {
            let line = match written {
                Written::Unset => continue,
                Written::Secret => format!("# {key} = \"{REDACTED}\"\n"),
                Written::Switch(on) => format!("{key} = {on}\n"),
                // TOML promises no integers above 2⁶³ − 1.
                Written::Number(number) if i64::try_from(number).is_err() => {
                    format!("{key} = \"{number}\"\n")
                }
                Written::Number(number) => format!("{key} = {number}\n"),
                Written::Text(text) => format!("{key} = {}\n", toml::Value::String(text)),
                Written::Texts(texts) => format!("{key} = {}\n", toml::Value::from(texts)),
            };
            lines.push_str(&line);
        }
        lines
    }

    /// As a JSON object with the same keys and values; what is unset is null, the token `"[redacted]"`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let values = self.written().into_iter().map(|(key, written)| {
            let value = match written {
                Written::Unset => serde_json::Value::Null,
                Written::Secret => REDACTED.into(),
                Written::Switch(on) => on.into(),
                Written::Number(number) => number.into(),
                Written::Text(text) => text.into(),
                Written::Texts(texts) => texts.into(),
            };
            (key, value)
        });
        values.collect::<serde_json::Map<_, _>>().into()
    }

    /// Key and value of each setting, in the order of the table; of the hidden ones only of those that are on.
    fn written(&self) -> Vec<(String, Written)> {
        let written = SETTINGS.iter().map(|setting| (setting, self.written_value(setting.name)));
        let shown =
            written.filter(|(setting, value)| !setting.is_hidden() || matches!(value, Written::Switch(true)));
        shown.map(|(setting, value)| (setting.key(), value)).collect()
    }

    fn written_value(&self, name: &str) -> Written {
        // Destructured, so that a new field can't be forgotten.
        let Self {
            listen,
            admin,
            admin_token,
            profile,
            mode,
            workers,
            max_workers,
            pool_threads,
            seed,
            max_connections,
            max_inflight,
            max_delay,
            max_cpu,
            max_body,
            max_bytes,
            max_mem,
            max_leak,
            database,
            db_rows,
            db_pool,
            db_acquire_timeout,
            db_timeout,
            backlog,
            keep_alive_timeout,
            shutdown_timeout,
            drain_delay,
            sample_interval,
            run_dir,
            named,
            // Another container's configuration must not call itself like this one.
            container_host: _,
            csv,
            log,
            log_format,
            quiet,
            duration,
            spin,
            phases,
            while_command,
            times,
        } = self;
        match name {
            "listen" => one_or_several(listen),
            "admin" => admin.as_ref().map_or_else(|| text("off"), text),
            "admin-token" => admin_token.as_ref().map_or(Written::Unset, |_| Written::Secret),
            "profile" => text(profile),
            "mode" => text(mode),
            "workers" => count(*workers),
            "max-workers" => count(*max_workers),
            "pool-threads" => count(*pool_threads),
            "seed" => Written::Number(*seed),
            "max-connections" => count(*max_connections),
            "max-inflight" => count(*max_inflight),
            "max-delay" => time(*max_delay),
            "max-cpu" => time(*max_cpu),
            "max-body" => text(max_body),
            "max-bytes" => text(max_bytes),
            "max-mem" => text(max_mem),
            "max-leak" => text(max_leak),
            "db" => Written::Switch(*database == DatabaseChoice::Embedded),
            "database-url" => match database {
                DatabaseChoice::Server(_) => Written::Secret,
                DatabaseChoice::ByProfile | DatabaseChoice::Embedded => Written::Unset,
            },
            "db-rows" => Written::Number(*db_rows),
            "db-pool" => count(*db_pool),
            "db-acquire-timeout" => time(*db_acquire_timeout),
            "db-timeout" => time(*db_timeout),
            "backlog" => Written::Number(u64::from(*backlog)),
            "keep-alive-timeout" => time(keep_alive_timeout.unwrap_or_default()),
            "shutdown-timeout" => time(*shutdown_timeout),
            "drain-delay" => time(*drain_delay),
            "spin-us" => Written::Number(u64::try_from(spin.as_micros()).unwrap_or(u64::MAX)),
            "sample-interval" => time(*sample_interval),
            "run-dir" => optional(run_dir.as_ref().map(|path| path.display())),
            "instance" => optional(named.as_ref()),
            "no-csv" => Written::Switch(!csv),
            "log" => text(log),
            "log-format" => text(log_format),
            "quiet" => Written::Switch(*quiet),
            "duration" => optional(duration.map(Spelled)),
            "phases" => optional(Some(phases).filter(|phases| **phases != Phases::default())),
            "while" => optional(while_command.as_ref()),
            "without-times" => Written::Switch(!times),
            _ => unreachable!("{name} is in the table of settings, and a test prints all of them"),
        }
    }
}

fn text(value: impl Display) -> Written {
    Written::Text(value.to_string())
}

/// A list of one is written as its one value.
fn one_or_several(values: &[impl Display]) -> Written {
    match values {
        [one] => text(one),
        several => Written::Texts(several.iter().map(ToString::to_string).collect()),
    }
}

fn time(duration: Duration) -> Written {
    text(Spelled(duration))
}

fn count(count: usize) -> Written {
    Written::Number(count as u64)
}

fn optional(value: Option<impl Display>) -> Written {
    value.map_or(Written::Unset, text)
}
