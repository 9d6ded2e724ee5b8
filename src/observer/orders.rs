//! What the supervisor tells the observer, and what the observer does about it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Observer;
use crate::control::{MemberEnd, News, Order, Received, plans_in_force, put_faults};
use crate::event::{Event, EventKind, PlanChange};
use crate::sys::clock;
use crate::sys::readiness::Watched;

/// What an order comes to.
pub enum Then {
    /// Another order, or a tick.
    GoOn,
    /// The run is over.
    Finish,
    /// The supervisor is dead: there is nobody to write for.
    Abandon,
}

impl Observer {
    /// The plans of a changed profile take the place of all; those that were in force before go on with their index.
    fn follow_profile(&mut self) {
        let plans = std::mem::take(&mut self.brought);
        let now_ns = clock::monotonic_ns();
        let (epoch, words) = match put_faults(&self.board, plans, now_ns, None, true) {
            Ok(epoch) => (Some(epoch), "those of the profile".to_owned()),
            Err(error) => (None, format!("those of the profile are refused: {error}")),
        };
        let change = PlanChange { epoch, words, plans: plans_in_force(&self.board, now_ns) };
        tracing::info!("fault plans, {change}");
        self.write_down(&Event::at((now_ns, clock::realtime_ns()), EventKind::FaultPlan(change)));
    }

    /// Writes down what happened, follows a changed profile, and then notes that it is done.
    fn carry_out(&mut self, number: u64, news: News) {
        let board = Arc::clone(&self.board);
        let checkpoint = &board.head().observer;
        match news {
            News::Happened(event) => {
                if !self.files.as_mut().is_some_and(|files| files.was_last(&event)) {
                    self.write_down(&event);
                }
                if event.kind == EventKind::Ready {
                    checkpoint.ready_told.store(1, Relaxed);
                }
            }
            News::Faults { part, plans, more } => {
                if part == 0 {
                    // Of an earlier change that was overtaken.
                    self.brought.clear();
                }
                self.brought.extend(plans);
                if more {
                    return;
                }
                self.follow_profile();
            }
        }
        checkpoint.news.store(number, Relaxed);
    }

    /// Does what an order says.
    pub(super) fn obey(&mut self, order: Option<(Order, Vec<OwnedFd>)>) -> Then {
        match order {
            Some((Order::News { number, news }, _)) => {
                self.carry_out(number, news);
                Then::GoOn
            }
            Some((Order::Listeners { slot: _ }, listeners)) => {
                for listener in listeners {
                    self.reader.watch(listener);
                }
                Then::GoOn
            }
            Some((Order::Finish, _)) => Then::Finish,
            None => Then::Abandon,
            Some((order @ (Order::Lend { .. } | Order::Reclaim { .. } | Order::Drain(_) | Order::Abandon), _)) => {
                tracing::warn!("the observer was given a worker's order, {order:?}, and ignores it");
                Then::GoOn
            }
        }
    }
}

/// The supervisor's next order; `None` when it is dead.
pub async fn next_order(control: &Watched<&MemberEnd>) -> Option<(Order, Vec<OwnedFd>)> {
    loop {
        let mut ready = control.readable().await.ok()?;
        match control.get_ref().receive() {
            Ok(Received::Message(order, descriptor)) => return Some((order, descriptor)),
            Ok(Received::Nothing) => ready.clear_ready(),
            Ok(Received::Closed) => return None,
            Err(error) if error.raw_os_error().is_none() => tracing::warn!("an order that is none: {error}"),
            Err(error) => {
                tracing::warn!("the control channel can't be read any more: {error}");
                return None;
            }
        }
    }
}
