//! Who waits until when. Pure.

use std::collections::BTreeMap;

/// Waiters by their deadlines. A tree and no heap, because most that leave early (their clients are gone) leave from
/// the middle.
pub struct Deadlines<T> {
    waiting: BTreeMap<Ticket, T>,
    tickets: u64,
}

/// A place among those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    deadline_ns: u64,
    number: u64,
}

impl<T> Deadlines<T> {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self { waiting: BTreeMap::new(), tickets: 0 }
    }

    /// Someone waits from here on.
    pub fn enter(&mut self, deadline_ns: u64, waiter: T) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket { deadline_ns, number: self.tickets };
        self.waiting.insert(ticket, waiter);
        ticket
    }

    /// Who waits there, if they still do.
    pub fn get_mut(&mut self, ticket: Ticket) -> Option<&mut T> {
        self.waiting.get_mut(&ticket)
    }

    /// They wait no more; nothing when they were taken.
    pub fn leave(&mut self, ticket: Ticket) -> Option<T> {
        self.waiting.remove(&ticket)
    }

    /// Takes one whose deadline is not after now, the earliest first; among equal ones, who came first.
    pub fn take_due(&mut self, now_ns: u64) -> Option<T> {
        let first = self.waiting.first_entry()?;
        (first.key().deadline_ns <= now_ns).then(|| first.remove())
    }

    /// How many wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(ticket, _)| ticket.deadline_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Enter(u64),
        Leave(usize),
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0_u64..50).prop_map(Step::Enter),
            2 => any::<usize>().prop_map(Step::Leave),
            1 => (0_u64..20).prop_map(Step::Pass),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn it_is_a_list_kept_in_order(steps in steps()) {
            let (mut deadlines, mut list) = (Deadlines::new(), Vec::<(u64, usize, Ticket)>::new());
            let mut now = 0;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Enter(wait) => list.push((now + wait, number, deadlines.enter(now + wait, number))),
                    Step::Leave(which) if !list.is_empty() => {
                        let (_, waiter, ticket) = list.remove(which % list.len());
                        prop_assert_eq!(deadlines.leave(ticket), Some(waiter));
                        prop_assert_eq!(deadlines.leave(ticket), None);
                    }
                    Step::Leave(_) => {}
                    Step::Pass(time) => {
                        now += time;
                        list.sort();
                        while list.first().is_some_and(|(deadline, ..)| *deadline <= now) {
                            let (_, waiter, ticket) = list.remove(0);
                            prop_assert_eq!(deadlines.take_due(now), Some(waiter));
                            prop_assert_eq!(deadlines.leave(ticket), None);
                        }
                        prop_assert_eq!(deadlines.take_due(now), None);
                    }
                }
                prop_assert_eq!(deadlines.next(), list.iter().map(|(deadline, ..)| *deadline).min());
            }
        }
    }
}
