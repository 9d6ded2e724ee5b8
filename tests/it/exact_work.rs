//! The same `/cpu?iterations=` is the same work on every machine, in every mode, and its checksum proves it.

use crate::support::target::{MODES, Target};

/// Iterations, and the checksum after them. Published: whoever doubts a machine can work them out anywhere.
const PUBLISHED: [(u64, &str); 3] =
    [(1, "17fb89ee8a313dc4"), (1_000, "5f387be996035588"), (1_000_000, "b71516432c944c5d")];

/// The documented algorithm, written down a second time.
fn worked_out(iterations: u64) -> String {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..iterations {
        state ^= state >> 32;
        state = state.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
    format!("{state:016x}")
}

#[test]
fn three_published_checksums_in_three_modes_on_loop_and_pool() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut client = target.connect();
        for (iterations, checksum) in PUBLISHED {
            assert_eq!(worked_out(iterations), checksum);
            for place in ["", "&on=loop", "&on=pool"] {
                let path = format!("/cpu?iterations={iterations}{place}");
                let done = client.get(&path).unwrap().json();
                assert_eq!(done["checksum"], checksum, "{mode:?} {path}");
                assert_eq!(done["iterations"], iterations, "{mode:?} {path}");
            }
        }
        let head = client.request("HEAD", "/cpu?iterations=1000000").unwrap();
        assert_eq!((head.status, head.body.len()), (200, 0), "{mode:?}");
        assert!(head.timing("cpu") > 0.0, "{mode:?}: the work is done for HEAD too");
    }
}

#[test]
fn any_number_of_iterations_is_done_exactly() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for iterations in [0, 2, 3_999, 4_000, 4_001, 123_457] {
        let done = client.get(&format!("/cpu?iterations={iterations}")).unwrap().json();
        assert_eq!((&done["iterations"], &done["checksum"]), (&iterations.into(), &worked_out(iterations).into()));
    }
    let done = client.get("/cpu").unwrap().json();
    assert_eq!(done["iterations"], 7_000_000, "the default is a number of iterations, not a time");
    assert_eq!(done["checksum"], worked_out(7_000_000));
}
