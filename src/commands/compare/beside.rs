//! What runs beside an arm while it is measured: a scraper, an open page, a neighbour.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::arrangement::Arrangement;
use super::plan::Plan;
use super::process::{Started, Stop, last_words, shell};
use super::running::Running;
use crate::comparison::Arm;

/// So long may it take to end.
const END: Duration = Duration::from_secs(2);

/// Where its output goes, in the arm's folder.
const OUTPUT: (&str, &str) = ("beside.out", "beside.err");

/// A process beside an arm, if it has one.
pub struct Beside {
    process: Option<Started>,
    said: PathBuf,
}

impl Beside {
    /// Starts what the arm wants beside it.
    ///
    /// # Errors
    /// A sentence.
    pub fn start(plan: &Plan, arm: Arm, target: &Running, folder: &Path, stop: &Stop) -> Result<Self, String> {
        let said = folder.join(OUTPUT.1);
        let Arrangement::Quintain { beside: Some(command), .. } = &plan.arms[arm as usize] else {
            return Ok(Self { process: None, said });
        };
        let words = shell(target.fill_in(command));
        let process = Started::start(&words, Path::new("."), folder, OUTPUT, stop)?;
        Ok(Self { process: Some(process), said })
    }

    /// Ends it.
    ///
    /// # Errors
    /// A sentence, when it had failed before.
    pub fn end(self) -> Result<(), String> {
        let Some(mut process) = self.process else { return Ok(()) };
        match process.ended() {
            Some(code) if code != 0 => {
                Err(format!("what runs beside it ended with exit code {code}{}", last_words(&self.said)))
            }
            _ => {
                process.end_group(END);
                Ok(())
            }
        }
    }
}
