//! The distributions there are: each one's name, function, inverse and spelling.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::empirical::Recorded;
use super::{Distribution, nanoseconds, normal};
use crate::units::Spelled;

/// One of the distributions, before its bounds.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// One duration.
    Fixed(Duration),
    /// Each one between two alike.
    Uniform { from: Duration, to: Duration },
    /// The bell.
    Normal { mean: Duration, sd: Duration },
    /// Waiting for what may happen at any moment.
    Exponential { mean: Duration },
    /// Its logarithm is normal; said by two percentiles.
    Lognormal { p50: Duration, p99: Duration },
    /// The chance of more than x is (least / x)^alpha.
    Pareto { least: Duration, alpha: f64 },
    /// One of several, by weight.
    Mixture(Mixture),
    /// Recorded values.
    Empirical { file: String, recorded: Arc<Recorded> },
}

/// Several distributions with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    parts: Vec<(f64, Distribution)>,
    total: f64,
}

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;

impl Shape {
    /// As it is spelled.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "fixed",
            Self::Uniform { .. } => "uniform",
            Self::Normal { .. } => "normal",
            Self::Exponential { .. } => "exponential",
            Self::Lognormal { .. } => "lognormal",
            Self::Pareto { .. } => "pareto",
            Self::Mixture(_) => "mixture",
            Self::Empirical { .. } => "empirical",
        }
    }

    /// The probability of less than `least_ns`, and of `least_ns` to `most_ns`.
    pub fn between(&self, least_ns: f64, most_ns: f64) -> (f64, f64) {
        if most_ns < least_ns {
            return (0.0, 0.0);
        }
        match self {
            Self::Fixed(duration) => {
                let ns = nanoseconds(*duration);
                (0.0, if (least_ns..=most_ns).contains(&ns) { 1.0 } else { 0.0 })
            }
            // Its parts have been held to their own bounds, the mixture's among them.
            Self::Mixture(_) => (0.0, 1.0),
            Self::Empirical { recorded, .. } => recorded.between(least_ns, most_ns),
            continuous => {
                let below = continuous.cumulative(least_ns);
                (below, continuous.cumulative(most_ns) - below)
            }
        }
    }

    /// The probability of a value up to this: for the continuous ones.
    pub fn cumulative(&self, ns: f64) -> f64 {
        match self {
            Self::Fixed(_) | Self::Mixture(_) | Self::Empirical { .. } => self.between(0.0, ns).1,
            Self::Uniform { from, to } => {
                let from = nanoseconds(*from);
                ((ns - from) / (nanoseconds(*to) - from)).clamp(0.0, 1.0)
            }
            Self::Normal { mean, sd } => normal::cumulative((ns - nanoseconds(*mean)) / nanoseconds(*sd)),
            Self::Exponential { mean } => -libm::expm1(-ns.max(0.0) / nanoseconds(*mean)),
            Self::Lognormal { p50, p99 } if ns > 0.0 => {
                normal::cumulative(libm::log(ns / nanoseconds(*p50)) / sigma(*p50, *p99))
            }
            Self::Lognormal { .. } => 0.0,
            Self::Pareto { least, alpha } => {
                let least = nanoseconds(*least);
                1.0 - libm::pow(least / ns.max(least), *alpha)
            }
        }
    }

    /// Where the probability is `p`, in nanoseconds.
    pub fn quantile(&self, p: f64) -> f64 {
        match self {
            Self::Fixed(duration) => nanoseconds(*duration),
            Self::Uniform { from, to } => {
                let from = nanoseconds(*from);
                from + p * (nanoseconds(*to) - from)
            }
            Self::Normal { mean, sd } => nanoseconds(*mean) + nanoseconds(*sd) * normal::quantile(p),
            Self::Exponential { mean } => -nanoseconds(*mean) * libm::log1p(-p),
            Self::Lognormal { p50, p99 } => nanoseconds(*p50) * libm::exp(sigma(*p50, *p99) * normal::quantile(p)),
            Self::Pareto { least, alpha } => nanoseconds(*least) * libm::pow(1.0 - p, -1.0 / alpha),
            Self::Mixture(parts) => parts.choose(p).shape.quantile(p),
            Self::Empirical { recorded, .. } => recorded.quantile(p),
        }
    }
}

/// The standard deviation of the logarithm.
fn sigma(p50: Duration, p99: Duration) -> f64 {
    libm::log(nanoseconds(p99) / nanoseconds(p50)) / Z99
}

impl Mixture {
    /// Weights above 0, of which there is at least one.
    pub fn new(parts: Vec<(f64, Distribution)>) -> Self {
        let total = parts.iter().map(|(weight, _)| weight).sum();
        Self { parts, total }
    }

    /// The part that a number between 0 and 1 falls on.
    pub fn choose(&self, unit: f64) -> &Distribution {
        let mut left = unit * self.total;
        for (weight, part) in &self.parts {
            left -= weight;
            if left < 0.0 {
                return part;
            }
        }
        // The weights' sum was rounded up.
        &self.parts[self.parts.len() - 1].1
    }
}

impl fmt::Display for Shape {
    /// The parameters, as they stand between the parentheses.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(duration) | Self::Exponential { mean: duration } => {
                write!(formatter, "{}", Spelled(*duration))
            }
            Self::Uniform { from: one, to: other } | Self::Normal { mean: one, sd: other } => {
                write!(formatter, "{},{}", Spelled(*one), Spelled(*other))
            }
            Self::Lognormal { p50, p99 } => write!(formatter, "p50={},p99={}", Spelled(*p50), Spelled(*p99)),
            Self::Pareto { least, alpha } => write!(formatter, "{},{alpha}", Spelled(*least)),
            Self::Mixture(Mixture { parts, total: _ }) => {
                for (number, (weight, part)) in parts.iter().enumerate() {
                    let comma = if number == 0 { "" } else { "," };
                    write!(formatter, "{comma}{weight}:{part}")?;
                }
                Ok(())
            }
            Self::Empirical { file, recorded: _ } => write!(formatter, "\"{file}\""),
        }
    }
}
