//! Sleeping, to the microsecond: never early, and late by little more than the kernel needs to wake a thread.
//!
//! tokio's timer counts milliseconds. A worker's thread has a [`Service`] instead: its sleepers stand in one order, and
//! one kernel timer is set to the first of them. The service is a task of the worker's loop that runs when the timer
//! fires, or when someone comes who must be woken before all others; requests that don't sleep never meet it.
//!
//! A thread without a service sleeps by tokio's timer: later, and never early either.

mod deadlines;
mod lead;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::sys::clock;
use crate::sys::readiness::Watched;
use crate::sys::timer::Timer;
use crate::units::nanoseconds;
use crate::work::loop_wait;
use deadlines::{Deadlines, Ticket};
use lead::Lead;

/// Waits, on a runtime with a timer, at least this long. How much longer it takes until the loop runs its task on is a
/// [`loop_wait`], which is counted and returned.
pub async fn sleep(duration: Duration) -> u64 {
    until(clock::monotonic_ns().saturating_add(nanoseconds(duration))).await
}

/// Waits until a time on the monotonic clock, and returns the same.
pub async fn until(deadline_ns: u64) -> u64 {
    let mut has_slept = Sleeper { deadline_ns, ticket: None }.await;
    // Where nobody serves.
    loop {
        let left = deadline_ns.saturating_sub(clock::monotonic_ns());
        if left == 0 {
            break;
        }
        has_slept = true;
        tokio::time::sleep(Duration::from_nanos(left)).await;
    }
    if has_slept { loop_wait::was_ready(deadline_ns) } else { 0 }
}

thread_local! {
    /// Those who sleep on this thread. A future that is awaited must be `Send` here, and so can't hold on to it.
    static BED: RefCell<Bed> = const {
        RefCell::new(Bed { sleepers: Deadlines::new(), set_to_ns: u64::MAX, service: None })
    };
}

struct Bed {
    sleepers: Deadlines<Waker>,
    /// The deadline that the timer is set for; the largest number when it is set for none.
    set_to_ns: u64,
    /// Wakes the service, where there is one.
    service: Option<Waker>,
}

impl Bed {
    fn get<T>(act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        // The thread may be on its way out, when a sleeper that is dropped has nothing left to leave.
        BED.try_with(|bed| act(&mut bed.borrow_mut())).ok()
    }

    /// The service, when it must look at its timer.
    fn alarm(&self, deadline_ns: u64) -> Option<Waker> {
        if deadline_ns < self.set_to_ns { self.service.clone() } else { None }
    }
}

/// Ready when its deadline has passed, or when nobody serves it. Says whether it has slept.
struct Sleeper {
    deadline_ns: u64,
    ticket: Option<Ticket>,
}

impl Future for Sleeper {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        if self.deadline_ns <= clock::monotonic_ns() {
            return Poll::Ready(self.ticket.is_some());
        }
        let (waker, deadline_ns) = (context.waker(), self.deadline_ns);
        let alarm = Bed::get(|bed| {
            bed.service.as_ref()?;
            match self.ticket.and_then(|ticket| bed.sleepers.get_mut(ticket)) {
                Some(known) => known.clone_from(waker),
                None => self.ticket = Some(bed.sleepers.enter(deadline_ns, waker.clone())),
            }
            Some(bed.alarm(deadline_ns))
        });
        match alarm.flatten() {
            None => Poll::Ready(self.ticket.is_some()),
            Some(alarm) => {
                if let Some(service) = alarm {
                    service.wake();
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // Out of the borrow: dropping a waker may drop a task, and with it another sleeper.
            let _waker = Bed::get(|bed| bed.sleepers.leave(ticket));
        }
    }
}

/// To wait so long by watching the clock costs less than to set the timer.
const SOON_NS: u64 = 2_000;

/// Wakes those who sleep on the thread that it was made on.
pub struct Service {
    timer: Watched<Timer>,
    spin_ns: u64,
    lead: Lead,
    /// When the timer is to fire.
    alarm_ns: u64,
    due: Vec<Waker>,
}

impl Service {
    /// Serves the calling thread, and its runtime, from here on until it is dropped.
    ///
    /// From `spin` before a deadline on it looks at the clock without a pause, and nothing else runs meanwhile: more
    /// precise, at up to that much CPU for each wake-up.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub fn start(spin: Duration) -> io::Result<Self> {
        let timer = Watched::new(Timer::new()?)?;
        Bed::get(|bed| bed.service = Some(Waker::noop().clone()));
        let spin_ns = nanoseconds(spin);
        Ok(Self { timer, spin_ns, lead: Lead::default(), alarm_ns: u64::MAX, due: Vec::new() })
    }

    /// Serves for ever; to be spawned on the thread's runtime.
    ///
    /// # Errors
    /// When the timer can't be set or watched any more; those who sleep go on by tokio's.
    pub async fn run(mut self) -> io::Result<()> {
        poll_fn(|context| match self.look(context) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        })
        .await
    }

    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let has_fired = self.take_alarm(context)?;
        let now = clock::monotonic_ns();
        if has_fired {
            self.lead = self.lead.after(now.saturating_sub(self.alarm_ns));
        }
        let early_ns = if has_fired { self.lead.ns() } else { SOON_NS };
        if self.wake_due(now, self.spin_ns.saturating_add(early_ns)) {
            // The timer can wait until they have run: it costs a system call, and they may sleep again.
            context.waker().wake_by_ref();
            return Ok(());
        }
        self.set(now, context.waker())
    }

    /// Whether the timer has fired. From here on it is set for none.
    fn take_alarm(&self, context: &mut Context<'_>) -> io::Result<bool> {
        let mut has_fired = false;
        // To be woken the next time, it must be seen not to be ready.
        while let Poll::Ready(guard) = self.timer.poll_read_ready(context) {
            guard?.clear_ready();
            has_fired = true;
        }
        if has_fired {
            Bed::get(|bed| bed.set_to_ns = u64::MAX);
        }
        Ok(has_fired)
    }

    /// Wakes those whose deadline has passed, or will have after watching the clock; whether there were any.
    fn wake_due(&mut self, mut now: u64, early_ns: u64) -> bool {
        let soon = |next: &u64| next.saturating_sub(early_ns) <= now;
        let Some(next) = Bed::get(|bed| bed.sleepers.next()).flatten().filter(soon) else { return false };
        while now < next {
            std::hint::spin_loop();
            now = clock::monotonic_ns();
        }
        let due = &mut self.due;
        Bed::get(|bed| {
            due.extend(std::iter::from_fn(|| bed.sleepers.take_due(now)));
            // Whoever comes before the next look needs no other.
            bed.set_to_ns = 0;
        });
        for waker in due.drain(..) {
            waker.wake();
        }
        true
    }

    /// Sets the timer for the first sleeper, unless it is set for one as early. It may fire for one who has left.
    fn set(&mut self, now: u64, service: &Waker) -> io::Result<()> {
        let next = Bed::get(|bed| {
            bed.service.iter_mut().for_each(|known| known.clone_from(service));
            if bed.set_to_ns == 0 {
                bed.set_to_ns = u64::MAX;
            }
            let next = bed.sleepers.next().filter(|next| *next < bed.set_to_ns)?;
            bed.set_to_ns = next;
            Some(next)
        });
        let Some(next) = next.flatten() else { return Ok(()) };
        let awake_ns = next.saturating_sub(self.spin_ns);
        // One that comes so soon is slept for too: of what is left, half.
        self.alarm_ns = awake_ns - self.lead.ns().min(awake_ns.saturating_sub(now) / 2);
        self.timer.get_ref().set(self.alarm_ns)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let sleepers = Bed::get(|bed| {
            bed.service = None;
            bed.set_to_ns = u64::MAX;
            std::iter::from_fn(|| bed.sleepers.take_due(u64::MAX)).collect::<Vec<_>>()
        });
        for sleeper in sleepers.into_iter().flatten() {
            sleeper.wake();
        }
    }
}

#[cfg(test)]
mod tests;
