//! What a profile's route does, in words.

use std::fmt;

use super::{Checked, Issued, Response, Route, Scope, Signed, Step};
use crate::rate_limit::RateLimit;
use crate::units::{Bytes, Spelled};
use crate::work::cpu::{Amount, Cpu, Place};
use crate::work::database::Query;
use crate::work::inference::Ask;
use crate::work::io::Mode;

impl fmt::Display for Route {
    /// `computes 330000 iterations, waits 20ms; 201, 684 bytes`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        let Response { status, size, headers: _ } = &self.response;
        if !steps.is_empty() {
            write!(formatter, "{}; ", steps.join(", "))?;
        }
        write!(formatter, "{}", status.as_u16())?;
        match size {
            Some(size) => write!(formatter, ", {size} bytes"),
            None => formatter.write_str(", what was done as JSON"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(Cpu { amount, place }) => {
                match amount {
                    Amount::Iterations(iterations) => write!(formatter, "computes {iterations} iterations"),
                    Amount::Time(time) => write!(formatter, "computes for {}", Spelled(*time)),
                }?;
                formatter.write_str(match place {
                    Place::Loop => "",
                    Place::Pool => " on the pool",
                })
            }
            Self::Io { delay, mode } => {
                write!(formatter, "waits {delay}")?;
                formatter.write_str(match mode {
                    Mode::Async => "",
                    Mode::Blocking => ", holding the worker",
                    Mode::Pool => " on the pool",
                })
            }
            Self::Mem(hold) => write!(formatter, "holds {} for {}", Bytes(hold.bytes), Spelled(hold.time)),
            Self::Infer(Ask { place, quantised, cached, batch }) => {
                formatter.write_str("classifies the picture")?;
                formatter.write_str(if *quantised { ", quantised" } else { "" })?;
                formatter.write_str(if *cached { ", or keeps the answer" } else { "" })?;
                if batch.is_shared() {
                    write!(
                        formatter,
                        ", with up to {} at once after at most {}",
                        batch.most,
                        Spelled(batch.delay)
                    )?;
                }
                formatter.write_str(match place {
                    Place::Loop => "",
                    Place::Pool => ", on the pool",
                })
            }
            Self::Db(Query { kind, rows, indexed, think, place, pipelined }) => {
                write!(formatter, "asks the database ({}", kind.name())?;
                if *rows != 1 {
                    write!(formatter, " of {rows}")?;
                }
                if !indexed {
                    formatter.write_str(", without an index")?;
                }
                if !think.is_zero() {
                    write!(formatter, ", holding the connection {}", Spelled(*think))?;
                }
                if *pipelined {
                    formatter.write_str(", pipelined")?;
                }
                formatter.write_str(match place {
                    Place::Loop => ")",
                    Place::Pool => ") on the pool",
                })
            }
            Self::RateLimit { limit: RateLimit { rate, burst }, scope } => {
                write!(formatter, "lets {rate} requests a second and {burst} at once through")?;
                formatter.write_str(match scope {
                    Scope::Route => "",
                    Scope::Profile => ", all routes together",
                })
            }
            Self::Cache { keys, time } => write!(formatter, "keeps {keys} answers for {}", Spelled(*time)),
            Self::Issue(signed) => write!(formatter, "issues {signed}"),
            Self::Check(signed) => write!(formatter, "needs {signed}"),
            Self::Bytes(bytes) => write!(formatter, "makes {bytes} bytes"),
        }
    }
}

impl fmt::Display for Issued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cookie => "the cookie",
            Self::Body => "in the body a",
        })
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cookie => "the cookie",
            Self::Path => "in the path a",
        })
    }
}

impl<Carrier: fmt::Display> fmt::Display for Signed<Carrier> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, of, carrier } = self;
        write!(formatter, "{carrier} {name}")?;
        of.as_ref().map_or(Ok(()), |of| write!(formatter, " of the {of}"))
    }
}
