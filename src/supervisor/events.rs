//! What happened, told to the observer for `events.csv`, and what a HUP has brought for it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use super::Supervisor;
use super::policy::Reached;
use crate::control::{News, Order};
use crate::event::{Event, EventKind, Whose};
use crate::fault::Written;

/// News kept while no observer takes them.
const KEPT_NEWS: usize = 1_000;

/// News for the observer, the oldest first. They are kept until one has written them down: it may die with what it was
/// sent, and then the next one is sent the same.
#[derive(Default)]
pub struct Outbox {
    news: VecDeque<(u64, News)>,
    /// The number of the newest.
    newest: u64,
    /// The last number that the present observer was sent.
    sent: u64,
}

impl Outbox {
    fn push(&mut self, news: News) {
        if self.news.len() == KEPT_NEWS
            && let Some(oldest) = self.news.iter().position(|(_, news)| matches!(news, News::Happened(_)))
        {
            self.news.remove(oldest);
        }
        self.newest += 1;
        self.news.push_back((self.newest, news));
    }

    /// Another observer: what the one before it has left undone is to be sent again.
    pub fn again(&mut self) {
        self.sent = 0;
    }

    /// Drops what is written down and sends what the observer was not sent yet, until it takes no more.
    fn tell(&mut self, written: u64, send: impl Fn(u64, &News) -> bool) {
        self.news.retain(|(number, _)| *number > written);
        let unsent = self.news.iter().skip_while(|(number, _)| *number <= self.sent);
        let last = unsent.take_while(|(number, news)| send(*number, news)).last();
        self.sent = last.map_or(self.sent, |(number, _)| *number);
    }
}

impl Supervisor {
    pub(super) fn note(&mut self, kind: EventKind) {
        self.note_of(Whose::default(), kind);
    }

    /// Of the worker in a slot's seat.
    pub(super) fn note_worker(&mut self, (slot, seat): (usize, usize), kind: EventKind) {
        let roster = self.plan.board.slots()[slot].roster(seat);
        let whose = Whose { slot: Some(slot), generation: Some(roster.generation()), pid: Some(roster.pid()) };
        self.note_of(whose, kind);
    }

    fn note_of(&mut self, whose: Whose, kind: EventKind) {
        self.outbox.push(News::Happened(Event::now(kind).of(whose)));
        self.tell_observer();
    }

    /// Has the observer put these in the place of all fault plans: a plan at a time, as a packet holds no more. What it
    /// has not done of an earlier change is out of date.
    pub(super) fn change_faults(&mut self, plans: Vec<Written>) {
        self.outbox.news.retain(|(_, news)| !matches!(news, News::Faults { .. }));
        let last = plans.len().saturating_sub(1);
        if plans.is_empty() {
            self.outbox.push(News::Faults { part: 0, plans, more: false });
        } else {
            for (part, plan) in plans.into_iter().enumerate() {
                self.outbox.push(News::Faults { part, plans: vec![plan], more: part < last });
            }
        }
        self.tell_observer();
    }

    /// Tells the observer what it does not know yet, if there is one.
    pub(super) fn tell_observer(&mut self) {
        if let Some(observer) = self.observer.as_ref().filter(|observer| observer.reached == Reached::Live) {
            let written = self.plan.board.head().observer.news.load(Relaxed);
            self.outbox
                .tell(written, |number, news| observer.send(&Order::News { number, news: news.clone() }, &[]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn faults(part: usize, more: bool) -> News {
        News::Faults { part, plans: Vec::new(), more }
    }

    fn event(reason: usize) -> News {
        News::Happened(Event::now(EventKind::Drain(reason.to_string())))
    }

    /// Which numbers are sent to an observer that takes so many.
    fn sent(outbox: &mut Outbox, written: u64, takes: usize) -> Vec<u64> {
        let numbers = RefCell::new(Vec::new());
        outbox.tell(written, |number, _| {
            let has_room = numbers.borrow().len() < takes;
            if has_room {
                numbers.borrow_mut().push(number);
            }
            has_room
        });
        numbers.into_inner()
    }

    #[test]
    fn an_observer_is_sent_everything_once_and_its_successor_what_is_not_written_down() {
        let mut outbox = Outbox::default();
        for number in 1..=4 {
            outbox.push(event(number));
        }
        assert_eq!(sent(&mut outbox, 0, 3), [1, 2, 3]);
        assert_eq!(sent(&mut outbox, 1, 9), [4]);
        assert_eq!(sent(&mut outbox, 2, 9), [] as [u64; 0]);
        outbox.again();
        assert_eq!(sent(&mut outbox, 2, 9), [3, 4]);
        outbox.push(event(5));
        assert_eq!(sent(&mut outbox, 4, 9), [5]);
        outbox.again();
        assert_eq!(sent(&mut outbox, 5, 9), [] as [u64; 0]);
    }

    #[test]
    fn where_there_is_no_room_the_oldest_event_gives_way_and_no_plan() {
        let mut outbox = Outbox::default();
        outbox.push(faults(0, true));
        outbox.push(faults(1, false));
        for number in 0..KEPT_NEWS {
            outbox.push(event(number));
        }
        let sent = sent(&mut outbox, 0, usize::MAX);
        assert_eq!((sent.len(), &sent[..3]), (KEPT_NEWS, &[1, 2, 5][..]));
    }
}
