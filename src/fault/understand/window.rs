//! The window of a plan that is written.

use std::time::Duration;

use super::Reading;
use crate::fault::window::Window;
use crate::fault::written::WrittenWindow;
use crate::units::{Spelled, parse_duration};

impl Reading<'_> {
    pub(super) fn window(&mut self, window: Option<&WrittenWindow>) -> Option<Window> {
        let Some(window) = window else { return Some(Window::Always) };
        let WrittenWindow { from, to, every, open, after, count } = window;
        let families =
            [from.is_some() || to.is_some(), every.is_some() || open.is_some(), after.is_some() || count.is_some()];
        let allowed = "either from and to, or every and for, or after and count";
        if families.iter().filter(|used| **used).count() != 1 {
            let wrong = if families.contains(&true) { "mixes what can't go together" } else { "says nothing" };
            self.wrong("window", None, wrong, allowed);
            return None;
        }
        if families[2] {
            if *count == Some(0) {
                self.wrong("window.count", Some("0".to_owned()), "is no request", "1 or more");
                return None;
            }
            return Some(Window::Requests { after: after.unwrap_or(0), count: *count });
        }
        let from = self.duration("window.from", from.as_deref());
        let to = self.duration("window.to", to.as_deref());
        let every = self.duration("window.every", every.as_deref());
        let open = self.duration("window.for", open.as_deref());
        let (from, to, every, open) = (from?, to?, every?, open?);
        if families[0] {
            let from = from.unwrap_or(Duration::ZERO);
            if let Some(to) = to.filter(|to| *to <= from) {
                let (to, from) = (Spelled(to).to_string(), Spelled(from));
                self.wrong("window.to", Some(to), "is not after its from", format!("more than {from}"));
                return None;
            }
            return Some(Window::Between { from, to });
        }
        let (Some(every), Some(open)) = (every, open) else {
            self.wrong(
                "window",
                None,
                "has only one of every and for",
                "both, such as every = 10s and for = 500ms",
            );
            return None;
        };
        if open.is_zero() || open > every {
            let allowed = format!("more than 0, and at most every ({})", Spelled(every));
            self.wrong("window.for", Some(Spelled(open).to_string()), "does not fit", allowed);
            return None;
        }
        Some(Window::Periods { every, open })
    }

    /// `None` for a mistake, `Some(None)` for what was left out.
    #[allow(clippy::option_option)]
    fn duration(&mut self, at: &str, text: Option<&str>) -> Option<Option<Duration>> {
        let Some(text) = text else { return Some(None) };
        match parse_duration(text) {
            Ok(duration) => Some(Some(duration)),
            Err(error) => {
                self.wrong(at, Some(format!("{text:?}")), error.to_string(), "a duration such as 500ms or 30s");
                None
            }
        }
    }
}
