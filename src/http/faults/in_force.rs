//! The plans in force in a worker: which of them a request draws from, and what the draw comes to.
//!
//! Without a plan that is one load. With one it is a draw, by `fetch_add`, for each plan that concerns the request.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use axum::http::Method;
use tokio::sync::watch;

use crate::fault::{self, Kind, Placed, Plan, Rules, understand};
use crate::limit::Limit;
use crate::scoreboard::{FaultMark, ROUTES, Scoreboard};
use crate::sys::lock;
use crate::units::nanoseconds;

/// The plans that a worker follows.
#[derive(Default)]
pub struct Faults {
    /// Whether there is any, so that nobody takes the lock to learn that there is none.
    active: AtomicBool,
    current: Mutex<Arc<Active>>,
    leaked: Arc<AtomicU64>,
}

/// The plans in force, and which of them concern each route: bit n of a route's word is the n-th plan.
#[derive(Default)]
struct Active {
    plans: Vec<Arc<InForce>>,
    by_route: Vec<u64>,
    expires_ns: Option<u64>,
}

/// A plan in force.
struct InForce {
    placed: Placed,
    plan: Plan,
    leaks: Leaks,
    /// Dropped with the plan, which whoever waits for its window's end then notices.
    alive: watch::Sender<()>,
}

/// What leaked, for as long as the plan is in force.
struct Leaks {
    kept: Mutex<Vec<Vec<u8>>>,
    /// Of all plans of the worker.
    leaked: Arc<AtomicU64>,
}

impl Drop for Leaks {
    fn drop(&mut self) {
        let freed: usize = lock(&self.kept).iter().map(Vec::len).sum();
        self.leaked.fetch_sub(freed as u64, Relaxed);
    }
}

/// A fault that a request gets.
pub struct Hit {
    pub(in crate::http) kind: Kind,
    pub(in crate::http) mark: FaultMark,
    /// What it drew.
    pub(in crate::http) index: u64,
    /// When the window closes (monotonic), if it is in time.
    pub(in crate::http) closes_ns: Option<u64>,
    pub(in crate::http) plan: OfPlan,
}

/// The plan of a hit, for as long as it is in force.
pub(in crate::http) struct OfPlan {
    in_force: Weak<InForce>,
    removed: watch::Receiver<()>,
}

impl OfPlan {
    /// What people call it; `None` once it is gone.
    pub(in crate::http) fn name(&self) -> Option<String> {
        self.in_force.upgrade().map(|known| known.plan.name.clone())
    }

    /// Waits for the end of `waiting` or of the plan, whichever is first.
    pub(in crate::http) async fn unless_removed(mut self, waiting: impl Future<Output = ()>) {
        tokio::select! {
            () = waiting => {}
            // Nothing is ever sent: this is the end of the sender.
            _ = self.removed.changed() => {}
        }
    }
}

/// What the listeners are to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerOrder {
    /// `None`: accept.
    pub fault: Option<ListenerFault>,
    /// Until when (monotonic), if no plan comes or goes; `None` is for ever.
    pub until_ns: Option<u64>,
}

/// A fault of the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerFault {
    /// Accept nothing.
    Freeze(FaultMark),
    /// Refuse whoever connects.
    Refuse(FaultMark),
}

impl Faults {
    /// Whether any plan may be in force. One load.
    #[must_use]
    pub fn are_active(&self) -> bool {
        self.active.load(Relaxed)
    }

    /// Follows these plans from now on. Plans that were in force before go on; what the others have leaked is freed,
    /// and whoever waits for the end of their windows goes on.
    pub fn follow(&self, faults: fault::Faults, board: &Scoreboard, max_delay: Limit<Duration>, now_ns: u64) {
        let before = Arc::clone(&lock(&self.current));
        let fault::Faults { plans, expires_ns, next_place: _ } = faults;
        let expired = expires_ns.is_some_and(|expires_ns| expires_ns <= now_ns);
        let plans: Vec<Arc<InForce>> = if expired {
            Vec::new()
        } else {
            plans
                .into_iter()
                .take(fault::PLANS)
                .filter_map(|placed| self.in_force(placed, &before, max_delay))
                .collect()
        };
        let by_route = (0..ROUTES).map(|number| concerning(&plans, board, number)).collect();
        self.active.store(!plans.is_empty(), Relaxed);
        *lock(&self.current) = Arc::new(Active { plans, by_route, expires_ns });
    }

    fn in_force(&self, placed: Placed, before: &Active, max_delay: Limit<Duration>) -> Option<Arc<InForce>> {
        if let Some(known) = before.plans.iter().find(|known| known.placed == placed) {
            return Some(Arc::clone(known));
        }
        // It was checked before it was published. A distribution is what it is within its limit.
        let (plan, _) = understand(&placed.plan, "faults", 0, &Rules { max_delay, ..Rules::none() }).ok()?;
        let leaks = Leaks { kept: Mutex::default(), leaked: Arc::clone(&self.leaked) };
        Some(Arc::new(InForce { placed, plan, leaks, alive: watch::channel(()).0 }))
    }

    /// Forgets plans that have expired. Asked now and then, so that what they leaked is freed.
    pub fn expire(&self, now_ns: u64) {
        if self.are_active() && lock(&self.current).has_expired(now_ns) {
            self.active.store(false, Relaxed);
            *lock(&self.current) = Arc::default();
        }
    }

    /// The fault of a request whose head was parsed at `now_ns`, if it gets one. Draws from every plan that concerns it.
    #[must_use]
    pub fn hit(&self, board: &Scoreboard, route: usize, method: &Method, now_ns: u64) -> Option<Hit> {
        if !self.are_active() {
            return None;
        }
        lock(&self.current).hit(board, route, method, now_ns)
    }

    /// Whether a plan is for the listeners.
    #[must_use]
    pub fn concern_listeners(&self) -> bool {
        self.are_active() && lock(&self.current).of_listeners().next().is_some()
    }

    /// What the listeners are to do now, by the first plan for them whose window is open.
    #[must_use]
    pub fn order_to_listeners(&self, now_ns: u64) -> ListenerOrder {
        if !self.are_active() {
            return ListenerOrder::default();
        }
        let active = lock(&self.current);
        if active.has_expired(now_ns) {
            return ListenerOrder::default();
        }
        let changes = active.of_listeners().filter_map(|(InForce { placed, plan, .. }, _)| {
            let left = plan.window.changes_in(since(placed, now_ns))?;
            Some(now_ns.max(placed.begin_ns).saturating_add(nanoseconds(left)))
        });
        let until_ns = changes.chain(active.expires_ns).min();
        let mut open = active.of_listeners().filter(|(known, _)| known.plan.draws(since(&known.placed, now_ns)));
        ListenerOrder { fault: open.next().map(|(_, fault)| fault), until_ns }
    }

    /// Touches and keeps so many bytes, unless that would be more than `most` in this worker.
    pub(in crate::http) fn leak(&self, plan: &OfPlan, bytes: u64, most: u64) -> bool {
        let Some(known) = plan.in_force.upgrade() else { return false };
        let Ok(size) = usize::try_from(bytes) else { return false };
        if self.leaked.load(Relaxed).saturating_add(bytes) > most {
            return false;
        }
        let mut memory = Vec::new();
        if memory.try_reserve_exact(size).is_err() {
            return false;
        }
        // Not zeros, which the kernel has in stock and need not be touched.
        memory.resize(size, 1);
        self.leaked.fetch_add(bytes, Relaxed);
        lock(&known.leaks.kept).push(memory);
        true
    }
}

impl Active {
    /// The plans for the listeners, and what each has them do.
    fn of_listeners(&self) -> impl Iterator<Item = (&InForce, ListenerFault)> {
        self.plans.iter().filter_map(|known| {
            let mark = FaultMark { place: known.placed.place, kind: 0 };
            match known.plan.of_listeners()? {
                Kind::Freeze => Some((&**known, ListenerFault::Freeze(mark))),
                Kind::Refuse => Some((&**known, ListenerFault::Refuse(mark))),
                // The others are not for listeners.
                _ => None,
            }
        })
    }

    fn has_expired(&self, now_ns: u64) -> bool {
        self.expires_ns.is_some_and(|expires_ns| expires_ns <= now_ns)
    }

    fn hit(&self, board: &Scoreboard, route: usize, method: &Method, now_ns: u64) -> Option<Hit> {
        let mut left = self.by_route.get(route).copied().filter(|plans| *plans > 0)?;
        if self.has_expired(now_ns) {
            return None;
        }
        let mut first = None;
        while left > 0 {
            let in_force = &self.plans[left.trailing_zeros() as usize];
            left &= left - 1;
            let hit = in_force.draw(board, method, now_ns);
            first = first.or_else(|| hit.map(|(draw, kind)| in_force.hit(draw, kind, now_ns)));
        }
        first
    }
}

impl InForce {
    /// The draw and the place of the kind that it comes to.
    fn draw(&self, board: &Scoreboard, method: &Method, now_ns: u64) -> Option<(u64, usize)> {
        let Self { placed, plan, .. } = self;
        if !plan.is_for(method.as_str()) || !plan.draws(since(placed, now_ns)) {
            return None;
        }
        let draw = board.head().faults.plan(placed.place).index().draw();
        plan.kind_of(draw).map(|kind| (draw, kind))
    }

    fn hit(self: &Arc<Self>, index: u64, kind: usize, now_ns: u64) -> Hit {
        let Self { placed, plan, .. } = &**self;
        let closes = plan.window.closes_in(since(placed, now_ns));
        Hit {
            kind: plan.kinds[kind].clone(),
            mark: FaultMark { place: placed.place, kind },
            index,
            closes_ns: closes.map(|closes| now_ns.saturating_add(nanoseconds(closes))),
            plan: OfPlan { in_force: Arc::downgrade(self), removed: self.alive.subscribe() },
        }
    }
}

/// The plans that concern a route.
fn concerning(plans: &[Arc<InForce>], board: &Scoreboard, route: usize) -> u64 {
    let Some((method, path)) = board.head().routes.name(route) else { return 0 };
    let concerns = |plan: &Plan| plan.of_listeners().is_none() && plan.concerns(&method, &path);
    plans.iter().enumerate().filter(|(_, known)| concerns(&known.plan)).fold(0, |word, (n, _)| word | 1 << n)
}

/// Since a plan began. What came before it came at its begin.
fn since(placed: &Placed, now_ns: u64) -> Duration {
    Duration::from_nanos(now_ns.saturating_sub(placed.begin_ns))
}
