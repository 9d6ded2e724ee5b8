//! What happened, told to the observer for `events.csv`.

use super::Supervisor;
use super::policy::Reached;
use crate::control::{Event, Order};
use crate::fault::Written;
use crate::scoreboard::Roster;
use crate::sys::clock;

/// Events kept while there is no observer.
const KEPT_EVENTS: usize = 1_000;

impl Supervisor {
    pub(super) fn note(&mut self, kind: &str, of: Option<(usize, usize)>, detail: String) {
        let roster = of.map(|(number, seat)| self.plan.board.slots()[number].roster(seat));
        if self.events.len() == KEPT_EVENTS {
            self.events.remove(0);
        }
        self.events.push(Event {
            at_ns: clock::monotonic_ns(),
            realtime_ns: clock::realtime_ns(),
            kind: kind.to_owned(),
            slot: of.map(|(number, _)| number),
            generation: roster.map(Roster::generation),
            pid: roster.map(Roster::pid),
            detail,
            plans: None,
        });
        self.tell_events();
    }

    /// Has the observer put these in the place of all fault plans: a plan at a time, as a packet holds no more. What it
    /// was not told of an earlier change is out of date.
    pub(super) fn change_faults(&mut self, plans: Vec<Written>) {
        let last = plans.len().saturating_sub(1);
        self.untold_faults.clear();
        if plans.is_empty() {
            self.untold_faults.push_back(Order::Faults { part: 0, plans, more: false });
        } else {
            let parts = plans.into_iter().enumerate();
            let orders = parts.map(|(part, plan)| Order::Faults { part, plans: vec![plan], more: part < last });
            self.untold_faults.extend(orders);
        }
        self.tell_events();
    }

    /// Tells the observer what has happened. What it does not take is kept for the next one.
    pub(super) fn tell_events(&mut self) {
        let Some(observer) = self.observer.as_ref().filter(|observer| observer.reached == Reached::Live) else {
            return;
        };
        let told =
            self.events.iter().take_while(|event| observer.send(&Order::Happened((*event).clone()), None)).count();
        self.events.drain(..told);
        while let Some(order) = self.untold_faults.front() {
            if !observer.send(order, None) {
                break;
            }
            self.untold_faults.pop_front();
        }
    }
}
