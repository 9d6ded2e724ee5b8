//! What was answered, route by route.

use std::collections::BTreeMap;
use std::sync::atomic::{Ordering::Acquire, fence};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::add;
use crate::fault::EXEMPT;
use crate::histogram::Distribution;
use crate::scoreboard::{RouteRecord, SEATS, Scoreboard, Slot, SlotState, Spent};
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
    /// Requests whose client left first.
    pub client_gone: u64,
    /// Requests whose connection was broken by a fault.
    pub broken: u64,
    /// Requests answered 503 because `--max-inflight` was reached; they are among the statuses.
    #[serde(default)]
    pub shed: u64,
    /// Requests answered 429 because a rate limit was reached; they are among the statuses.
    #[serde(default)]
    pub rate_limited: u64,
    /// Requests whose handler has said what they have spent.
    #[serde(default)]
    pub told: u64,
    /// What those have spent, all together.
    #[serde(default)]
    pub spent: Spent,
    /// How long requests have held their worker's loop.
    #[serde(default)]
    pub held_ns: u64,
    /// Route by its number → how long requests have waited for the loop while one of that route held it.
    #[serde(default)]
    pub behind: BTreeMap<usize, u64>,
    /// Head parsed → flushed, the waits for the loop apart.
    pub service: Distribution,
    /// Arrival → flushed.
    pub latency: Distribution,
    /// Arrival → head parsed.
    pub queue: Distribution,
    /// Timer, pool thread or piece of the body ready → the loop runs the request on.
    #[serde(default)]
    pub loop_wait: Distribution,
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
    add(&mut sum.client_gone, record.client_gone());
    add(&mut sum.broken, record.broken());
    add(&mut sum.shed, record.shed());
    add(&mut sum.rate_limited, record.rate_limited());
    let (told, spent) = record.effort.spent();
    add(&mut sum.told, told);
    sum.spent.add(&spent);
    add(&mut sum.held_ns, record.effort.held_ns());
    for (route, waited_ns) in record.effort.behind() {
        add(sum.behind.entry(route).or_default(), waited_ns);
    }
    sum.service.add(&record.service);
    sum.latency.add(&record.latency);
    sum.queue.add(&record.queue);
    sum.loop_wait.add(&record.loop_wait);
}

impl RouteReading {
    /// Answers, departed clients and connections broken by a fault.
    #[must_use]
    pub fn finished(&self) -> u64 {
        let unanswered = self.client_gone.wrapping_add(self.broken);
        self.statuses.values().fold(unanswered, |sum, count| sum.wrapping_add(*count))
    }

    /// Answers with a status from 500 on, and connections broken by a fault.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.statuses.range(500..).fold(self.broken, |sum, (_, count)| sum.wrapping_add(*count))
    }

    /// Adds what another instance of the target has answered on the same route.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            number: _,
            path: _,
            method: _,
            statuses,
            client_gone,
            broken,
            shed,
            rate_limited,
            told,
            spent,
            held_ns,
            behind,
            service,
            latency,
            queue,
            loop_wait,
        } = other;
        for (route, waited_ns) in behind {
            add(self.behind.entry(*route).or_default(), *waited_ns);
        }
        add(&mut self.told, *told);
        self.spent.add(spent);
        add(&mut self.held_ns, *held_ns);
        for (status, count) in statuses {
            add(self.statuses.entry(*status).or_default(), *count);
        }
        add(&mut self.client_gone, *client_gone);
        add(&mut self.broken, *broken);
        add(&mut self.shed, *shed);
        add(&mut self.rate_limited, *rate_limited);
        self.service.merge(service);
        self.latency.merge(latency);
        self.queue.merge(queue);
        self.loop_wait.merge(loop_wait);
    }

    /// What has been added since an earlier reading of the same route; `None` when nothing was finished, or when what a
    /// broken worker has written can't be compared.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        let Self {
            number,
            path,
            method,
            statuses,
            client_gone,
            broken,
            shed,
            rate_limited,
            told,
            spent,
            held_ns,
            behind,
            service,
            latency,
            queue,
            loop_wait,
        } = self;
        let since = Self {
            number: *number,
            path: path.clone(),
            method: method.clone(),
            statuses: gained(statuses, &before.statuses)?,
            client_gone: client_gone.checked_sub(before.client_gone)?,
            broken: broken.checked_sub(before.broken)?,
            shed: shed.checked_sub(before.shed)?,
            rate_limited: rate_limited.checked_sub(before.rate_limited)?,
            told: told.checked_sub(before.told)?,
            spent: spent.since(&before.spent)?,
            held_ns: held_ns.checked_sub(before.held_ns)?,
            behind: gained(behind, &before.behind)?,
            service: service.since(&before.service)?,
            latency: latency.since(&before.latency)?,
            queue: queue.since(&before.queue)?,
            loop_wait: loop_wait.since(&before.loop_wait)?,
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
