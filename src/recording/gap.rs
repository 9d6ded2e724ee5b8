//! What a run that did not end in order can't tell: what was finished after its last row.

use super::Recording;
use super::figure::Figure;
use crate::units::shown::{clock, count};

/// The end that a run's files lack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gap {
    /// Whose, where there are several instances.
    pub instance: Option<String>,
    /// The last row, in seconds since the run began.
    pub after_s: f64,
    /// At most so many requests were finished after it: as many as in the busiest tick. `None` where no tick tells.
    pub most: Option<u64>,
    /// Connections that were open at that row.
    pub open: Option<u64>,
}

impl Gap {
    /// Of a run; `None` where it ended in order, or where it is not known whether it did.
    #[must_use]
    pub fn of(run: &Recording) -> Option<Self> {
        if run.whole.is_some() || run.about.at("/totals").is_some() || !run.about.is_known() {
            return None;
        }
        let of = |figure| run.target.whole(figure);
        // A tick may come late.
        let late_s = of(Figure::LateMs).most().unwrap_or(0.0) / 1e3;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // No row has a negative number.
        let whole = |number: f64| number.ceil() as u64;
        Some(Self {
            instance: None,
            after_s: run.seconds(),
            most: of(Figure::Rps).most().map(|rps| whole(rps * (run.interval_s() + late_s))),
            open: of(Figure::Connections).last().map(whole),
        })
    }

    /// As a name of whose it is.
    #[must_use]
    pub fn who(&self) -> String {
        self.instance.as_ref().map_or_else(|| "the run".to_owned(), |name| format!("instance {name}"))
    }

    /// What is missing.
    #[must_use]
    pub fn sentence(&self) -> String {
        let many = match self.most {
            Some(1) => "up to 1 request that it finished after that is".to_owned(),
            Some(most) => format!("up to {} requests that it finished after that are", count(most)),
            None => "it is not known how many requests that it finished after that are".to_owned(),
        };
        format!(
            "{} has no row after {}, and did not end in order: it was killed, or still goes on; {many} in no file",
            self.who(),
            clock(self.after_s)
        )
    }
}
