//! What the status line says. Pure.

use crate::units::shown::{bytes, float, microseconds, number, percent};

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
    pub cores: Option<f64>,
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
            Some(format!(
                "p99 {}",
                p99_ns.map_or_else(|| "–".to_owned(), |p99_ns| microseconds(float(p99_ns) / 1e3))
            )),
            Some(format!("in flight {in_flight}")),
            cores.map(|cores| format!("cpu {}", percent(cores * 100.0))),
            rss_bytes.map(|rss_bytes| format!("rss {}", bytes(float(rss_bytes)))),
            phase.as_ref().map(|phase| format!("phase {phase}")),
        ];
        let (mut line, mut taken) = (String::new(), 0);
        for (at, part) in parts.iter().enumerate() {
            let Some(part) = part else { continue };
            let gap = if taken == 0 { "" } else { "  " };
            // Each letter of it, µ and – too, is as wide as a column.
            taken += gap.len() + part.chars().count();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            rate: 134_240.4,
            errors_rate: None,
            p99_ns: Some(1_234_567),
            in_flight: 50,
            cores: Some(1.034),
            rss_bytes: Some(6_606_028),
            phase: Some("measure".to_owned()),
        }
    }

    #[test]
    fn it_has_what_there_is() {
        let all = "134,240 req/s  p99 1.23 ms  in flight 50  cpu 103 %  rss 6.3 MiB  phase measure";
        assert_eq!(shown().line(200, true), all);
        let failing = Shown { errors_rate: Some(3.0), phase: None, p99_ns: None, rate: 0.0, ..shown() };
        assert_eq!(failing.line(79, false), "0 req/s  3 errors/s  p99 –  in flight 50  cpu 103 %  rss 6.3 MiB");
        assert_eq!(failing.line(22, true), "0 req/s  \x1b[31m3 errors/s\x1b[0m");
        assert_eq!(Shown::default().line(79, true), "0 req/s  p99 –  in flight 0");
    }

    #[test]
    fn it_fits_any_width() {
        let all = shown().line(200, false);
        for room in 0..100 {
            let line = shown().line(room, false);
            assert!(line.chars().count() <= room && all.starts_with(&line), "{room}: {line}");
        }
        assert_eq!(shown().line(84, false), all);
    }
}
