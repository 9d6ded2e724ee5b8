//! A configuration written down: as TOML that loads back, and as JSON for `run.json`, both from one list.

use super::kind::Written;
use super::{Config, REDACTED, SETTINGS};

impl Config {
    /// As TOML that `--config` loads back to an equal configuration, except for the token, which is a comment
    /// that says `[redacted]`. What is unset is left out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut lines = String::new();
        for (key, written) in self.all_written() {
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
        let values = self.all_written().into_iter().map(|(key, written)| {
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
    fn all_written(&self) -> Vec<(String, Written)> {
        let written = SETTINGS.iter().map(|setting| (setting, self.written(setting)));
        let shown =
            written.filter(|(setting, value)| !setting.is_hidden() || matches!(value, Written::Switch(true)));
        shown.map(|(setting, value)| (setting.key(), value)).collect()
    }
}
