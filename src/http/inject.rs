//! Faults in front of the handler: which of the plans in force a request draws from, and what that comes to.
//!
//! ```text
//! route → plans for it → open window → draw → kind → (wait | answer | spoil | crash | leak) → handler
//! ```
//!
//! Without a plan that is one load. With one it is a draw, by `fetch_add`, for each plan that concerns the request.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tower::{Service, ServiceExt};

use super::error::Refusal;
use super::record::Exchange;
use super::spoil::Spoil;
use super::target::Target;
use crate::fault::{self, Kind, Placed, Plan, Rules, understand};
use crate::scoreboard::{FaultMark, ROUTES, Scoreboard};
use crate::sys::clock;
use crate::work::io::{Io, Mode};

/// What a worker that crashes on purpose exits with.
const CRASHED: i32 = 70;

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
    kind: Kind,
    mark: FaultMark,
    index: u64,
    /// When the window closes (monotonic), if it is in time.
    closes_ns: Option<u64>,
    in_force: std::sync::Weak<InForce>,
    removed: watch::Receiver<()>,
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
    pub fn follow(&self, faults: fault::Faults, board: &Scoreboard, now_ns: u64) {
        let before = Arc::clone(&lock(&self.current));
        let fault::Faults { plans, expires_ns, next_place: _ } = faults;
        let expired = expires_ns.is_some_and(|expires_ns| expires_ns <= now_ns);
        let plans: Vec<Arc<InForce>> = if expired {
            Vec::new()
        } else {
            plans.into_iter().take(fault::PLANS).filter_map(|placed| self.in_force(placed, &before)).collect()
        };
        let by_route = (0..ROUTES).map(|number| concerning(&plans, board, number)).collect();
        self.active.store(!plans.is_empty(), Relaxed);
        *lock(&self.current) = Arc::new(Active { plans, by_route, expires_ns });
    }

    fn in_force(&self, placed: Placed, before: &Active) -> Option<Arc<InForce>> {
        if let Some(known) = before.plans.iter().find(|known| known.placed == placed) {
            return Some(Arc::clone(known));
        }
        // It was checked before it was published.
        let (plan, _) = understand(&placed.plan, "faults", 0, &Rules::none()).ok()?;
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
    pub fn hit(&self, board: &Scoreboard, route: usize, now_ns: u64) -> Option<Hit> {
        if !self.are_active() {
            return None;
        }
        lock(&self.current).hit(board, route, now_ns)
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
}

impl Active {
    /// The plans for the listeners, and what each has them do.
    fn of_listeners(&self) -> impl Iterator<Item = (&InForce, ListenerFault)> {
        self.plans.iter().filter_map(|known| {
            let mark = FaultMark { place: known.placed.place, kind: 0 };
            match known.plan.of_listeners()? {
                Kind::Freeze => Some((&**known, ListenerFault::Freeze(mark))),
                Kind::Refuse => Some((&**known, ListenerFault::Refuse(mark))),
                Kind::Delay(_)
                | Kind::Status(_)
                | Kind::Empty
                | Kind::Reset
                | Kind::Truncate(_)
                | Kind::Drip(_)
                | Kind::Malformed
                | Kind::Stall
                | Kind::Crash
                | Kind::Leak(_) => None,
            }
        })
    }

    fn has_expired(&self, now_ns: u64) -> bool {
        self.expires_ns.is_some_and(|expires_ns| expires_ns <= now_ns)
    }

    fn hit(&self, board: &Scoreboard, route: usize, now_ns: u64) -> Option<Hit> {
        let mut left = self.by_route.get(route).copied().filter(|plans| *plans > 0)?;
        if self.has_expired(now_ns) {
            return None;
        }
        let mut first = None;
        while left > 0 {
            let in_force = &self.plans[left.trailing_zeros() as usize];
            left &= left - 1;
            let hit = in_force.draw(board, now_ns);
            first = first.or_else(|| hit.map(|(draw, kind)| in_force.hit(draw, kind, now_ns)));
        }
        first
    }
}

impl InForce {
    /// The draw and the place of the kind that it comes to.
    fn draw(self: &Arc<Self>, board: &Scoreboard, now_ns: u64) -> Option<(u64, usize)> {
        let Self { placed, plan, .. } = &**self;
        if !plan.draws(since(placed, now_ns)) {
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
            in_force: Arc::downgrade(self),
            removed: self.alive.subscribe(),
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

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that runs under these locks panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries out a fault around a handler.
pub(super) async fn inject<S>(
    hit: Hit,
    target: Target,
    handler: S,
    mut request: Request,
) -> Result<Response, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let Hit { kind, mark, index, closes_ns, in_force, removed } = hit;
    let begun_ns = clock::monotonic_ns();
    let carried_out = || target.board().head().faults.carried_out(mark);
    let spoil = match kind {
        Kind::Delay(delay) => {
            wait(delay.at(index)).await;
            carried_out();
            None
        }
        Kind::Stall => {
            let left = closes_ns.unwrap_or(0).saturating_sub(begun_ns);
            // In vain or not, it has waited.
            until_removed(removed, wait(Duration::from_nanos(left))).await;
            carried_out();
            None
        }
        Kind::Leak(bytes) => {
            if target.faults().leak(&in_force, bytes, target.limits.leak) {
                carried_out();
            }
            None
        }
        Kind::Status(code) => return Ok(marked(answer(code, &in_force), mark)),
        Kind::Crash => crash(&request, carried_out),
        Kind::Empty => return Ok(marked(Spoil::Empty.alone(), mark)),
        Kind::Reset => return Ok(marked(Spoil::Reset.alone(), mark)),
        Kind::Malformed => return Ok(marked(Spoil::Malformed.alone(), mark)),
        Kind::Truncate(bytes) => Some(Spoil::Truncate { bytes }),
        Kind::Drip(delay) => Some(Spoil::Drip { delay: delay.at(index) }),
        // Theirs are not the requests.
        Kind::Freeze | Kind::Refuse => None,
    };
    if let Some(exchange) = request.extensions_mut().get_mut::<Exchange>() {
        exchange.add_injected(clock::monotonic_ns().saturating_sub(begun_ns));
    }
    let mut response = handler.oneshot(request).await?;
    if let Some(spoil) = spoil {
        response.extensions_mut().insert(spoil);
        response = marked(response, mark);
    }
    Ok(response)
}

/// The record of the request counts the fault once the response is flushed or broken as was ordered.
fn marked(mut response: Response, mark: FaultMark) -> Response {
    response.extensions_mut().insert(mark);
    response
}

fn answer(code: u16, in_force: &std::sync::Weak<InForce>) -> Response {
    // Checked with its plan.
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        return status.into_response();
    }
    let name =
        in_force.upgrade().map_or_else(String::new, |known| format!(" by the fault plan {:?}", known.plan.name));
    Refusal::new(status, format!("this status is injected{name}")).into_response()
}

async fn wait(delay: Duration) {
    Io { delay, mode: Mode::Async }.run().await;
}

async fn until_removed(mut removed: watch::Receiver<()>, waiting: impl Future<Output = ()>) {
    tokio::select! {
        () = waiting => {}
        // Nothing is ever sent: this is the end of the sender.
        _ = removed.changed() => {}
    }
}

/// The request is finished as broken by a fault, and the worker is gone: the kernel closes its sockets.
fn crash(request: &Request, carried_out: impl Fn()) -> ! {
    carried_out();
    if let Some(exchange) = request.extensions().get::<Exchange>() {
        exchange.finish_broken();
        tracing::warn!(worker = exchange.worker(), "crashes, as its fault plan says");
    }
    std::process::exit(CRASHED)
}

impl Faults {
    /// Touches and keeps so many bytes, unless that would be more than `most` in this worker.
    fn leak(&self, in_force: &std::sync::Weak<InForce>, bytes: u64, most: u64) -> bool {
        let Some(known) = in_force.upgrade() else { return false };
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
