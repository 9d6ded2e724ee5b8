//! Settings of an arm that runs quintain.

use crate::config::SETTINGS;

/// A setting of `quintain serve` and its value; a switch has the value `true`.
pub type Setting = (String, String);

/// Says what is wrong with an arm's settings, each mistake a sentence.
pub type Check = dyn Fn(&[Setting]) -> Result<(), Vec<String>>;

/// Settings as words of a command line.
pub fn words(settings: &[Setting]) -> Vec<String> {
    let is_switch = |name: &str| SETTINGS.iter().any(|setting| setting.name == name && setting.is_switch());
    let mut words = Vec::new();
    for (name, value) in settings {
        words.push(format!("--{name}"));
        if !(value == "true" && is_switch(name)) {
            words.push(value.clone());
        }
    }
    words
}
