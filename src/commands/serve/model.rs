//! The model of a run, which is read and tried before the first worker starts.
//!
//! A process of its own tries it and ends: what runs models starts threads, and a process with threads can't be forked.

use std::sync::Arc;

use serde_json::{Value, json};

use super::child::{Ended, Prepared, in_child};
use crate::config::Config;
use crate::profile::Profile;
use crate::sys::inherited::Inherited;
use crate::sys::process;
use crate::sys::signals::Signals;
use crate::work::inference::{Ask, AtStart, Given, Model, Settings, THREADS_VARIABLE, Thread};

/// The model of a run.
#[derive(Clone, Default)]
pub struct RunModel {
    /// `None`: the one that is a part of the program.
    given: Option<Arc<Given>>,
    /// Why it takes no pictures together, if it does not.
    alone: Option<String>,
}

impl RunModel {
    /// Reads the model of `--model`, and has a child try it.
    ///
    /// # Errors
    /// A sentence: what is wrong with the model, and what is allowed.
    pub fn prepare(config: &Config, signals: (&Signals, &Inherited)) -> Result<Prepared<Self>, String> {
        // Each worker has one thread for its model. What runs it starts as many as there are cores beside it, which would idle,
        // unless it is told not to; that is only safe, and only done, where /proc says that this process has one thread.
        let _ = process::set_variable(THREADS_VARIABLE, "1");
        let Some(file) = &config.model else { return Ok(Prepared::Ready(Self::default())) };
        let given = Given::read(file)?;
        let tried = in_child(signals, || {
            let model = Model::load(Some(&given), false, &Thread::default());
            model.map(|model| json!([model.shapes(), model.takes_several().err()])).map_err(Value::from)
        });
        match tried.map_err(|sentence| given.wrong(&format!("it can't be tried: {sentence}")))? {
            Ended::Well(told) => {
                tracing::info!("the model {}: {}", file.display(), told[0].as_str().unwrap_or_default());
                let alone = told[1].as_str().map(ToOwned::to_owned);
                Ok(Prepared::Ready(Self { given: Some(Arc::new(given)), alone }))
            }
            Ended::Badly(sentence) => Err(sentence.as_str().unwrap_or_default().to_owned()),
            Ended::Interrupted(end) => Ok(Prepared::Interrupted(end)),
        }
    }

    /// Whether the routes of a profile can be served with it.
    ///
    /// # Errors
    /// A sentence: what they ask of it in vain.
    pub fn fits(&self, profile: &Profile) -> Result<(), String> {
        let Self { given, alone } = self;
        let told = |sentence: String| Err(format!("{}: {sentence}", profile.name));
        let Some(given) = given else {
            let is_both = |ask: &Ask| ask.quantised && ask.batch.is_shared();
            if profile.pictures().any(is_both) {
                return told("quantised=on takes one picture at a time; allowed beside it is batch=1".to_owned());
            }
            return Ok(());
        };
        if profile.pictures().any(|ask| ask.quantised) {
            return told(given.is_not_quantised());
        }
        match alone {
            Some(sentence) if profile.pictures().any(|ask| ask.batch.is_shared()) => told(given.wrong(sentence)),
            _ => Ok(()),
        }
    }

    /// The settings for a worker that serves this profile.
    #[must_use]
    pub fn settings(&self, config: &Config, profile: &Profile) -> Settings {
        Settings {
            given: self.given.clone(),
            max_pixels: config.max_pixels.most,
            at_start: AtStart {
                full: self.given.is_some() || profile.pictures().any(|ask| !ask.quantised),
                quantised: profile.pictures().any(|ask| ask.quantised),
            },
        }
    }
}
