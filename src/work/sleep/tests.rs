use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

fn on_a_served_thread<T>(spin: Duration, act: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let service = Service::start(spin).unwrap();
        tokio::spawn(service.run());
        act.await
    })
}

fn asleep() -> usize {
    Bed::get(|bed| bed.sleepers.len()).unwrap()
}

async fn is_not_early(us: u64) {
    let asked = Duration::from_micros(us);
    let begun = clock::monotonic_ns();
    sleep(asked).await;
    let slept = u128::from(clock::monotonic_ns() - begun);
    assert!(slept >= asked.as_nanos(), "{slept} of {asked:?}");
}

#[test]
fn nobody_wakes_early_in_whatever_order_they_come() {
    for spin in [Duration::ZERO, Duration::from_micros(100)] {
        on_a_served_thread(spin, async {
            let sleepers = (0..2_000).map(|number| tokio::spawn(is_not_early(number * 7_919 % 20_000)));
            for sleeper in sleepers.collect::<Vec<_>>() {
                sleeper.await.unwrap();
            }
            assert_eq!(asleep(), 0);
        });
    }
}

#[test]
fn a_thread_without_a_service_sleeps_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(is_not_early(1_500));
}

#[test]
fn who_is_dropped_leaves_at_once_and_the_others_wake() {
    on_a_served_thread(Duration::ZERO, async {
        let sleepers: Vec<_> = (0..10_000).map(|_| tokio::spawn(sleep(Duration::from_hours(1)))).collect();
        while asleep() < 10_000 {
            tokio::task::yield_now().await;
        }
        // Set for one who leaves, the timer fires for nobody, and goes on to the next.
        let earlier = tokio::spawn(is_not_early(2_000));
        let earliest = tokio::spawn(sleep(Duration::from_millis(1)));
        tokio::task::yield_now().await;
        earliest.abort();
        for sleeper in &sleepers {
            sleeper.abort();
        }
        for sleeper in sleepers {
            assert!(sleeper.await.unwrap_err().is_cancelled());
        }
        assert!(earlier.await.is_ok() && earliest.await.is_err());
        assert_eq!(asleep(), 0);
    });
}

#[test]
fn a_sleeper_that_is_awaited_elsewhere_wakes_there() {
    on_a_served_thread(Duration::ZERO, async {
        let mut sleeper = Box::pin(sleep(Duration::from_millis(500)));
        // Polled once by another task, which goes away.
        assert!(tokio::time::timeout(Duration::ZERO, &mut sleeper).await.is_err());
        tokio::spawn(sleeper).await.unwrap();
    });
}

#[test]
fn without_its_service_a_sleeper_goes_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let service = tokio::spawn(Service::start(Duration::ZERO).unwrap().run());
        let sleepers: Vec<_> = (0..10).map(|_| tokio::spawn(is_not_early(30_000))).collect();
        while asleep() < 10 {
            tokio::task::yield_now().await;
        }
        service.abort();
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
        assert_eq!(asleep(), 0);
    });
}

#[test]
fn who_sleeps_on_wakes_even_if_the_loop_never_rests() {
    on_a_served_thread(Duration::ZERO, async {
        let rounds = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rounds);
        let busy = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Relaxed);
                tokio::task::yield_now().await;
            }
        });
        while rounds.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        is_not_early(3_000).await;
        busy.abort();
    });
}

#[test]
fn a_runtime_that_ends_leaves_nobody_behind() {
    on_a_served_thread(Duration::ZERO, async {
        for _ in 0..100 {
            tokio::spawn(sleep(Duration::from_hours(1)));
        }
        while asleep() < 100 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(asleep(), 0);
}
