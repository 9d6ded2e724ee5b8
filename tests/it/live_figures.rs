//! What `/stats` says of a busy target is true at some instant: nothing is counted that no client has open, and no
//! counter ever falls.

use crate::support::account::{Watch, settle};
use crate::support::load::{Load, Style};
use crate::support::target::{MODES, Target};

/// On one connection each, so that a request is finished before the next one of its client begins.
const CLIENTS: [Style; 3] = [Style::KeepAlive; 3];

const READINGS: u64 = 1_500;

#[test]
fn as_fast_as_the_clients_can() {
    for mode in MODES {
        let target = Target::start(mode);
        let load = Load::with(target.address(), "/health", &CLIENTS);
        let watch = Watch::start(&target, CLIENTS.len() as u64);
        // Each hundred may take as long as `wait_for` waits: a busy machine is slow.
        (1..=READINGS / 100).for_each(|hundreds| watch.reads(100 * hundreds));
        watch.stop();
        let clients = load.stop();
        assert_eq!((clients.failed, clients.refused, clients.not_ok), (0, 0, 0), "{mode:?}");
        settle(target, &clients, false);
    }
}
