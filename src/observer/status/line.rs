//! What the status line says. Pure.

use crate::sys::clock::{MILLISECOND, SECOND};

const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// What the line shows. What is not known, or has nothing to say, is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// Requests finished, a second.
    pub rate: f64,
    /// Errors, a second; `None` when there were none.
    pub errors_rate: Option<f64>,
    /// Of the latency of what was finished; `None` when nothing was.
    pub p99_ns: Option<u64>,
    /// Requests being served.
    pub in_flight: u64,
    /// CPU, 1 = one core.
    pub cores: f64,
    /// Resident memory.
    pub rss_bytes: Option<u64>,
    /// The phase, if one has begun.
    pub phase: Option<String>,
}

impl Shown {
    /// As many of them as there is room for, the most telling first.
    pub fn line(&self, room: usize, colour: bool) -> String {
        let Self { rate, errors_rate, p99_ns, in_flight, cores, rss_bytes, phase } = self;
        let parts = [
            Some(format!("{} req/s", number(*rate))),
            errors_rate.map(|rate| format!("{} errors/s", number(rate))),
            Some(format!("p99 {}", p99_ns.map_or_else(|| "-".to_owned(), duration))),
            Some(format!("in flight {in_flight}")),
            Some(format!("cpu {:.0}%", cores * 100.0)),
            rss_bytes.map(|bytes| format!("rss {}", memory(bytes))),
            phase.as_ref().map(|phase| format!("phase {phase}")),
        ];
        let (mut line, mut taken) = (String::new(), 0);
        for (at, part) in parts.iter().enumerate() {
            let Some(part) = part else { continue };
            let gap = if taken == 0 { "" } else { "  " };
            // All of it is ASCII.
            taken += gap.len() + part.len();
            if taken > room {
                break;
            }
            line.push_str(gap);
            let is_errors = at == 1;
            if is_errors && colour {
                line.extend([RED, part, PLAIN]);
            } else {
                line.push_str(part);
            }
        }
        line
    }
}

fn number(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

#[allow(clippy::cast_precision_loss)]
fn duration(ns: u64) -> String {
    let seconds = ns as f64 / SECOND as f64;
    if ns < MILLISECOND {
        format!("{}us", ns / 1_000)
    } else if ns < 10 * MILLISECOND {
        format!("{:.2}ms", seconds * 1e3)
    } else if ns < SECOND {
        format!("{}ms", ns / MILLISECOND)
    } else {
        format!("{seconds:.2}s")
    }
}

#[allow(clippy::cast_precision_loss)]
fn memory(bytes: u64) -> String {
    const MIB: f64 = (1 << 20) as f64;
    const GIB: f64 = (1 << 30) as f64;
    let bytes = bytes as f64;
    if bytes < GIB { format!("{:.1}MiB", bytes / MIB) } else { format!("{:.2}GiB", bytes / GIB) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            rate: 134_240.4,
            errors_rate: None,
            p99_ns: Some(1_234_567),
            in_flight: 50,
            cores: 1.034,
            rss_bytes: Some(6_606_028),
            phase: Some("measure".to_owned()),
        }
    }

    #[test]
    fn it_has_what_there_is() {
        let all = "134240 req/s  p99 1.23ms  in flight 50  cpu 103%  rss 6.3MiB  phase measure";
        assert_eq!(shown().line(200, true), all);
        let failing = Shown { errors_rate: Some(3.0), phase: None, p99_ns: None, rate: 0.0, ..shown() };
        assert_eq!(failing.line(79, false), "0.0 req/s  3.0 errors/s  p99 -  in flight 50  cpu 103%  rss 6.3MiB");
        assert_eq!(failing.line(26, true), "0.0 req/s  \x1b[31m3.0 errors/s\x1b[0m");
        assert_eq!(Shown::default().line(79, true), "0.0 req/s  p99 -  in flight 0  cpu 0%");
    }

    #[test]
    fn it_fits_any_width() {
        let all = shown().line(200, false);
        for room in 0..100 {
            let line = shown().line(room, false);
            assert!(line.len() <= room && all.starts_with(&line), "{room}: {line}");
        }
        assert_eq!(shown().line(78, false), all);
    }

    #[test]
    fn figures_are_short() {
        let read = [999, 999_999, 1_000_000, 10_000_000, 999_999_999, 68_000_000_000].map(duration);
        assert_eq!(read, ["0us", "999us", "1.00ms", "10ms", "999ms", "68.00s"]);
        assert_eq!([0.0, 99.94, 100.0, 1e6].map(number), ["0.0", "99.9", "100", "1000000"]);
        assert_eq!([1 << 20, 3 << 29].map(memory), ["1.0MiB", "1.50GiB"]);
    }
}
