//! What the target says of the stretch of its run that is compared.

use std::collections::BTreeMap;

use crate::histogram::Distribution;
use crate::recording::{Figure, Gap, Outcome, Phase, Recording};
use crate::scoreboard::Counts;
use crate::snapshot::{Figures, RouteReading, is_probe};
use crate::units::shown::{float, span};

/// Which stretch of a run is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// The last phase of this name.
    Phase(String),
    /// From the begin of one phase to the begin of another; from the begin, or to the end, where one is not named.
    Between(Option<String>, Option<String>),
}

/// An instance's own count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfInstance {
    /// Its name.
    pub name: String,
    /// Whole answers.
    pub answered: Option<u64>,
    /// Of them, those to health checks.
    pub probed: u64,
    /// At most so many more are in none of its files.
    pub more: Option<u64>,
}

/// The target's account; whatever is not known of the stretch is `None`.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// What is compared, in words.
    pub stretch: String,
    /// Status → how often it was answered.
    pub statuses: Option<BTreeMap<u16, u64>>,
    /// Requests that were finished, answered or not.
    pub finished: Option<u64>,
    /// Requests that died with their worker.
    pub lost: Option<u64>,
    /// Requests refused before the router, which are answered and stand in no status.
    pub rejected: Option<u64>,
    /// Connections turned away over `--max-connections`, which are answered and stand in no status.
    pub refused: Option<u64>,
    /// Requests whose client left first.
    pub client_gone: Option<u64>,
    /// Requests whose connection a fault broke.
    pub broken: Option<u64>,
    /// Connections taken.
    pub accepts: Option<u64>,
    /// Connection attempts that the kernel dropped at full accept queues.
    pub listen_drops: Option<u64>,
    /// Bytes written.
    pub bytes_out: Option<u64>,
    /// From each request's arrival in the kernel until its answer was flushed.
    pub latency: Option<Distribution>,
    /// What came of the fault plans: of a whole run that ended in order.
    pub outcomes: Vec<Outcome>,
    /// Answers to health checks (`/health`, `/healthz`, `/readyz`) that are left out here.
    pub probed: u64,
    /// The same without answers to health checks, where there were any: those of a balancer are in no generator's count.
    pub without_probes: Option<Box<Self>>,
    /// Each of several instances, of the whole run.
    pub instances: Vec<OfInstance>,
    /// What its files lack at its end: of the whole run.
    pub gaps: Vec<Gap>,
    /// Its rows, one after the other.
    pub rows: Vec<Row>,
    /// Processors of its machine.
    pub processors: Option<f64>,
    /// How many ports its machine gives to clients.
    pub client_ports: Option<u64>,
}

/// A row of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// How long it is.
    pub seconds: f64,
    /// Requests finished a second.
    pub rps: Option<f64>,
    /// Connections open, the most of any moment that was looked at.
    pub connections: Option<f64>,
    /// CPU of everything on the machine, 100 is all of it.
    pub host_cpu_pct: Option<f64>,
    /// CPU of the target, of the same.
    pub cpu_of_host_pct: Option<f64>,
}

impl Target {
    /// Of a part of a run.
    ///
    /// # Errors
    /// A sentence why there is no such part, or why it is not known what was counted in it.
    pub fn of(run: &Recording, part: &Part) -> Result<Self, String> {
        let phases = match part {
            Part::Whole => return Ok(Self::whole(run)),
            Part::Phase(name) => {
                let place = place(&run.phases, "--phase", name)?;
                &run.phases[place..=place]
            }
            Part::Between(since, until) => {
                let from = since.as_ref().map_or(Ok(0), |name| place(&run.phases, "--since", name))?;
                let to = until.as_ref().map_or(Ok(run.phases.len()), |name| place(&run.phases, "--until", name))?;
                if from >= to {
                    return Err("--since names a mark that is not before that of --until".to_owned());
                }
                &run.phases[from..to]
            }
        };
        let (Some(first), Some(last)) = (phases.first(), phases.last()) else {
            return Err("the run has no phases".to_owned());
        };
        let seconds = last.to_s - first.from_s;
        let names: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        let plural = if names.len() == 1 { "phase" } else { "phases" };
        let stretch = format!("{plural} {} ({})", names.join(", "), span(seconds));
        let figures = phases.iter().map(|phase| {
            phase.figures.as_ref().ok_or_else(|| {
                format!(
                    "what was counted in phase {} is not known: the run did not end in order, or a mark is damaged",
                    phase.name
                )
            })
        });
        let figures: Vec<&Figures> = figures.collect::<Result<_, _>>()?;
        Ok(Self { stretch, ..Self::around(run, first.from_s, last.to_s) }.counting(&figures))
    }

    fn whole(run: &Recording) -> Self {
        let lasted_s = run.lasted_s();
        let around = Self::around(run, 0.0, lasted_s);
        let Some(figures) = &run.whole else {
            let total = |figure| run.target.whole(figure).last().map(whole_number);
            let of_rows = Self {
                stretch: until_last_rows(run),
                gaps: run.gaps.clone(),
                finished: total(Figure::Requests),
                client_gone: total(Figure::ClientGone),
                broken: total(Figure::Broken),
                lost: total(Figure::Lost),
                rejected: total(Figure::Rejected),
                refused: total(Figure::Refused),
                accepts: total(Figure::Accepts),
                listen_drops: total(Figure::ListenDrops),
                instances: instances(run),
                ..around
            };
            let probed = run.probed();
            let without = || Self {
                finished: of_rows.finished.and_then(|finished| finished.checked_sub(probed)),
                probed,
                ..of_rows.clone()
            };
            let without_probes = (probed > 0).then(|| Box::new(without()));
            return Self { without_probes, ..of_rows };
        };
        let stretch = format!("the whole run ({})", span(lasted_s));
        let around = Self { instances: instances(run), ..around };
        Self { stretch, outcomes: run.outcomes.clone(), ..around }.counting(&[figures])
    }

    /// What the rows and the machine tell of a stretch.
    fn around(run: &Recording, from_s: f64, to_s: f64) -> Self {
        let target = &run.target;
        let is_in = |number: &usize| {
            let stretch = target.stretches()[*number];
            let middle = f64::midpoint(stretch.from_s, stretch.to_s);
            stretch.seconds() > 0.0 && (from_s..=to_s).contains(&middle)
        };
        let row = |number: usize| Row {
            seconds: target.stretches()[number].seconds(),
            rps: target.cell(number, Figure::Rps).mean(),
            connections: target.cell(number, Figure::Connections).most(),
            host_cpu_pct: target.cell(number, Figure::HostCpu).mean(),
            cpu_of_host_pct: target.cell(number, Figure::CpuOfHost).mean(),
        };
        let ports =
            run.about.at("/machine/settings").and_then(|all| all.get("net.ipv4.ip_local_port_range")?.as_str());
        Self {
            rows: (0..target.stretches().len()).filter(is_in).map(row).collect(),
            processors: run.about.number("/machine/cpus").filter(|cpus| *cpus > 0.0),
            client_ports: ports.and_then(ports_in),
            ..Self::default()
        }
    }

    /// With what was counted in these phases, and the same without health checks.
    fn counting(self, phases: &[&Figures]) -> Self {
        let all = self.counting_on(phases, |_| true);
        let probed: u64 = phases.iter().map(|figures| figures.probed()).sum();
        let without = || Self {
            // Bytes are not counted by route.
            bytes_out: None,
            probed,
            ..all.clone().counting_on(phases, |route| !is_probe(&route.path))
        };
        let without_probes = (probed > 0).then(|| Box::new(without()));
        Self { without_probes, ..all }
    }

    /// As this account's generator asked it: health checks of somebody else are left out where that comes nearer to its count.
    #[must_use]
    pub fn as_asked(&self, account: &crate::generator::Account) -> &Self {
        let count = account.answered.or(account.ended);
        let apart = |target: &Self| count.zip(target.answered()).map(|(count, ours)| count.abs_diff(ours));
        let without = self.without_probes.as_deref();
        without.filter(|without| apart(without) < apart(self)).unwrap_or(self)
    }

    fn counting_on(self, phases: &[&Figures], is_counted: fn(&RouteReading) -> bool) -> Self {
        let total = |of: fn(&Figures) -> u64| Some(phases.iter().map(|figures| of(figures)).sum());
        let counts = |of: fn(&Counts) -> u64| Some(phases.iter().map(|figures| of(&figures.totals.counts)).sum());
        let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
        let mut latency = Distribution::default();
        for route in phases.iter().flat_map(|figures| &figures.routes).filter(|route| is_counted(route)) {
            for (status, count) in &route.statuses {
                *statuses.entry(*status).or_default() += count;
            }
            latency.merge(&route.durations.latency);
        }
        Self {
            statuses: Some(statuses),
            finished: counts(|counts| counts.finished),
            lost: total(|figures| figures.totals.lost),
            rejected: counts(|counts| counts.rejected),
            refused: counts(|counts| counts.refused),
            client_gone: total(|figures| figures.routes.iter().map(|route| route.counts.client_gone).sum()),
            broken: total(|figures| figures.routes.iter().map(|route| route.counts.broken).sum()),
            accepts: counts(|counts| counts.accepts),
            listen_drops: phases.iter().map(|figures| figures.listen_drops.get()).sum(),
            bytes_out: counts(|counts| counts.bytes_out),
            latency: Some(latency),
            ..self
        }
    }

    /// Whole answers: by status, or what was finished less what had none.
    #[must_use]
    pub fn answered(&self) -> Option<u64> {
        let by_status = self.statuses.as_ref().map(|statuses| statuses.values().sum());
        by_status.or_else(|| self.finished?.checked_sub(self.client_gone?)?.checked_sub(self.broken?))
    }

    /// Answers that stand in no status: rejected requests and connections that were turned away.
    #[must_use]
    pub fn answered_besides(&self) -> u64 {
        self.rejected.unwrap_or(0) + self.refused.unwrap_or(0)
    }

    /// Why a generator's figures of all answers can't be held against the target's figures of its requests, where too many of
    /// the answers were to none of those requests.
    #[must_use]
    pub fn others_among_answers(&self) -> Option<String> {
        /// A smaller share of all answers moves only the last percentiles.
        const MANY: f64 = 0.01;
        let (besides, answered) = (self.answered_besides(), self.answered()?);
        (float(besides) > MANY * float(answered)).then(|| {
            format!(
                "{} answers were to connections that were turned away or to rejected requests: they are in no figure of the target's \
                 bytes and latencies",
                super::exact(besides)
            )
        })
    }

    /// At most so many answers are in none of its files; `None` where that is not known.
    #[must_use]
    pub fn answered_after_its_files(&self) -> Option<u64> {
        self.gaps.iter().map(|gap| gap.most).sum()
    }

    /// The rows from the first to the last in which requests were finished or clients were there.
    #[must_use]
    pub fn busy(&self) -> &[Row] {
        let is_busy = |row: &Row| row.rps.is_some_and(|rps| rps > 0.0);
        match (self.rows.iter().position(is_busy), self.rows.iter().rposition(is_busy)) {
            (Some(first), Some(last)) => &self.rows[first..=last],
            _ => &[],
        }
    }

    /// At most so many connections were open at a moment: as rows saw them, or all that there ever were.
    #[must_use]
    pub fn most_connections(&self) -> Option<f64> {
        let seen = self.rows.iter().filter_map(|row| row.connections).reduce(f64::max).filter(|most| *most > 0.0);
        seen.or_else(|| self.accepts.filter(|accepts| *accepts > 0).map(float))
    }
}

/// Each instance's own count.
fn instances(run: &Recording) -> Vec<OfInstance> {
    let one = |instance: &crate::recording::Instance| OfInstance {
        name: instance.name.clone(),
        answered: instance.answered,
        probed: instance.probed,
        more: instance.gap.as_ref().and_then(|gap| gap.most),
    };
    run.instances.iter().map(one).collect()
}

/// The whole of a run of which it was not recorded what had been counted at its end.
fn until_last_rows(run: &Recording) -> String {
    let lasted = span(run.lasted_s());
    if run.instances.is_empty() {
        return format!("the run until its last row ({lasted}; it did not end in order)");
    }
    let who: Vec<&str> = run.gaps.iter().filter_map(|gap| gap.instance.as_deref()).collect();
    let who = if who.is_empty() { "not all of them".to_owned() } else { who.join(", ") };
    format!("the runs until their last rows ({lasted}; {who} did not end in order)")
}

/// A counter, as a row has it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // As it does: negative ones are 0.
fn whole_number(cell: f64) -> u64 {
    cell.round() as u64
}

/// `32768 60999`
fn ports_in(range: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (low, high) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (high >= low).then(|| high - low + 1)
}

/// The last phase of a name; `start` is the first one.
fn place(phases: &[Phase], flag: &str, name: &str) -> Result<usize, String> {
    let found = phases.iter().rposition(|phase| phase.name == name);
    let start = (name == "start" && !phases.is_empty()).then_some(0);
    found.or(start).ok_or_else(|| {
        let mut names: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        names.dedup();
        format!("{flag} {name}: the run has no such phase; it has {}", names.join(", "))
    })
}

/// How many answers may be missing in a generator's count, and why.
pub struct InFlight {
    /// At most.
    pub most: u64,
    /// As a clause.
    pub why: String,
}

impl InFlight {
    /// What a generator can have had in flight at its end.
    #[must_use]
    pub fn of(account: &crate::generator::Account, target: &Target) -> Option<Self> {
        if let Some(given_up) = account.given_up() {
            let why = format!("{} gave up {given_up} at its end", account.generator);
            return Some(Self { most: given_up, why });
        }
        let open = account.connections.or_else(|| target.most_connections().map(whole_number))?;
        let rate = account.requests_per_s.unwrap_or(0.0);
        let early = whole_number((rate * account.ends_early_s).ceil());
        let why = if early > 0 {
            format!(
                "its output is written once a second and may lack the last {} s, about {} requests, and {open} may have been in flight",
                account.ends_early_s, early
            )
        } else {
            format!("at most {open} connections were open")
        };
        Some(Self { most: open + early, why })
    }
}

/// Requests a second while there was load, by the generator's own duration or else by the rows.
#[must_use]
pub fn answers_per_s(account: &crate::generator::Account, target: &Target) -> Option<f64> {
    let seconds = account.duration_s.unwrap_or_else(|| target.busy().iter().map(|row| row.seconds).sum());
    (seconds > 0.0).then_some(float(target.answered()?) / seconds)
}
