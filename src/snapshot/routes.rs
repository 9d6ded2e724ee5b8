//! What was answered, route by route.

use std::collections::BTreeMap;
use std::sync::atomic::{Ordering::Acquire, fence};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::add;
use crate::fault::EXEMPT;
use crate::histogram::{Distribution, Durations};
use crate::scoreboard::{RouteCounts, RouteRecord, SEATS, Scoreboard, Slot, SlotState, Spent};
use crate::sys::lock;

/// What was answered on one route, by all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReading {
    /// Its number in the route table.
    pub number: usize,
    /// `"(none)"` for what matched no route.
    pub path: String,
    /// Empty for what matched no route.
    pub method: String,
    /// Status → how often it was answered.
    pub statuses: BTreeMap<u16, u64>,
    /// What else was counted.
    #[serde(flatten)]
    pub counts: RouteCounts,
    /// What the requests have spent whose handlers have said so, all together.
    #[serde(default)]
    pub spent: Spent,
    /// Route by its number → how long requests have waited for the loop while one of that route held it.
    #[serde(default)]
    pub behind: BTreeMap<usize, u64>,
    /// How long they took.
    #[serde(flatten)]
    pub durations: Durations<Distribution>,
}

/// Whether a route is there for health checks: those of a balancer are in no load generator's count.
#[must_use]
pub fn is_probe(path: &str) -> bool {
    EXEMPT.contains(&path)
}

/// Every route on which something was answered, in the order of their numbers. Read after a [`super::Snapshot`], the sum
/// of a route's statuses, departed clients and broken connections is at least what the snapshot said was finished.
#[must_use]
pub fn routes(board: &Scoreboard) -> Vec<RouteReading> {
    fence(Acquire);
    let table = &board.head().routes;
    (0..table.len()).filter_map(|number| read_route(board, number)).collect()
}

fn read_route(board: &Scoreboard, number: usize) -> Option<RouteReading> {
    let (method, path) = board.head().routes.name(number)?;
    // Summed as it is read: of many workers there would be as many parts to be put together.
    let sum = Slot::all_consistently(board.slots(), |slots| {
        let mut sum = None;
        for record in records(slots, number) {
            add_record(sum.get_or_insert_with(RouteReading::default), record);
        }
        sum
    });
    Some(RouteReading { number, path, method, ..sum? })
}

/// What all workers, ended ones too, have recorded of a route.
fn records(slots: &[Slot], number: usize) -> impl Iterator<Item = &RouteRecord> {
    slots.iter().filter(|slot| slot.state() != SlotState::Unused).flat_map(move |slot| {
        let seats = (0..SEATS).filter_map(move |seat| slot.seat(seat).route(number));
        slot.base().route(number).into_iter().chain(seats)
    })
}

/// Reads the routes again and again, and only those on which something has happened since. What one of its clones has
/// read, all have.
#[derive(Clone, Default)]
pub struct RoutesReader {
    last: Arc<Mutex<Vec<Last>>>,
}

/// How often something had been recorded on a route, and what was read then.
type Last = Option<(u64, Arc<RouteReading>)>;

impl RoutesReader {
    /// As [`routes`]: a route that is as it was is the same reading once more.
    #[must_use]
    pub fn read(&self, board: &Scoreboard) -> Vec<Arc<RouteReading>> {
        fence(Acquire);
        let count = board.head().routes.len();
        let mut last = lock(&self.last);
        let known = last.len();
        last.resize(count.max(known), None);
        let places = last.iter_mut().enumerate();
        places.filter_map(|(number, place)| read_again(board, number, place)).collect()
    }
}

fn read_again(board: &Scoreboard, number: usize, place: &mut Last) -> Option<Arc<RouteReading>> {
    // Before the rest: what is recorded meanwhile is read next time at the latest.
    let recorded = recorded(board, number);
    if let Some((then, reading)) = place
        && *then == recorded
    {
        return Some(Arc::clone(reading));
    }
    let reading = Arc::new(read_route(board, number)?);
    *place = Some((recorded, Arc::clone(&reading)));
    Some(reading)
}

/// How often something was recorded on a route, by all workers.
fn recorded(board: &Scoreboard, number: usize) -> u64 {
    Slot::all_consistently(board.slots(), |slots| {
        records(slots, number).fold(0, |sum, record| u64::wrapping_add(sum, record.recorded()))
    })
}

fn add_record(sum: &mut RouteReading, record: &RouteRecord) {
    for (status, count) in record.statuses() {
        add(sum.statuses.entry(status).or_default(), count);
    }
    sum.counts.add(&record.counts.read());
    sum.spent.add(&record.spent.read());
    for (route, waited_ns) in record.behind.read() {
        add(sum.behind.entry(route).or_default(), waited_ns);
    }
    sum.durations.add(&record.durations);
}

impl RouteReading {
    /// Answers, departed clients and connections broken by a fault.
    #[must_use]
    pub fn finished(&self) -> u64 {
        let unanswered = self.counts.client_gone.wrapping_add(self.counts.broken);
        self.statuses.values().fold(unanswered, |sum, count| sum.wrapping_add(*count))
    }

    /// Answers with a status from 500 on, and connections broken by a fault.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.statuses.range(500..).fold(self.counts.broken, |sum, (_, count)| sum.wrapping_add(*count))
    }

    /// Adds what another instance of the target has answered on the same route.
    pub fn merge(&mut self, other: &Self) {
        let Self { number: _, path: _, method: _, statuses, counts, spent, behind, durations } = other;
        for (status, count) in statuses {
            add(self.statuses.entry(*status).or_default(), *count);
        }
        self.counts.add(counts);
        self.spent.add(spent);
        for (route, waited_ns) in behind {
            add(self.behind.entry(*route).or_default(), *waited_ns);
        }
        self.durations.merge(durations);
    }

    /// What has been added since an earlier reading of the same route; `None` when nothing was finished, or when what a
    /// broken worker has written can't be compared.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        let Self { number, path, method, statuses, counts, spent, behind, durations } = self;
        let since = Self {
            number: *number,
            path: path.clone(),
            method: method.clone(),
            statuses: gained(statuses, &before.statuses)?,
            counts: counts.since(&before.counts)?,
            spent: spent.since(&before.spent)?,
            behind: gained(behind, &before.behind)?,
            durations: durations.since(&before.durations)?,
        };
        Some(since).filter(|since| since.finished() > 0)
    }
}

/// What each sum has gained since an earlier reading, those that have gained anything; `None` when one fell.
fn gained<Key: Copy + Ord>(now: &BTreeMap<Key, u64>, before: &BTreeMap<Key, u64>) -> Option<BTreeMap<Key, u64>> {
    let more = |(key, sum): (&Key, &u64)| {
        let before = before.get(key).copied().unwrap_or(0);
        sum.checked_sub(before).map(|more| (*key, more))
    };
    let all: Option<Vec<_>> = now.iter().map(more).collect();
    Some(all?.into_iter().filter(|(_, more)| *more > 0).collect())
}
