//! What is compared, under which load and by which rules: everything checked before the first round, every mistake named.

mod load;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::arrangement::{Arrangement, are_quintain};
use super::bounds::{Bound, no_such_row};
use super::setting::Check;
use crate::columns::timestamp;
use crate::comparison::{Arm, Looks, Row, Scale, Wanted, row_named};
use crate::generator::{Amount, Generator, Load};
use crate::profile::{self, Published};
use crate::sys::clock;
use crate::units::{parse_duration, shown};

/// What is asked for, values unread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Flags and their values, in order.
    pub flags: Vec<(String, String)>,
    /// The variable PATH.
    pub search_path: String,
    /// The program that the arms run: this one.
    pub program: PathBuf,
}

/// A comparison.
pub struct Plan {
    /// What arm A runs, and arm B.
    pub arms: [Arrangement; 2],
    /// As they were written.
    pub arm_texts: [String; 2],
    /// Who makes the load.
    pub source: Source,
    /// Which load.
    pub load: Load,
    /// The profile of both arms.
    pub profile: Option<String>,
    /// What is published of the system that the profile stands for; nothing where the load asks for something else.
    pub published: Vec<Published>,
    /// How long a target is loaded before it is measured.
    pub warmup: Duration,
    /// When it is looked at.
    pub looks: Looks,
    /// After how long it ends.
    pub time_limit: Option<Duration>,
    /// What is ended when it takes longer: `--hang-after`.
    pub hang_after: Option<Duration>,
    /// The row that the verdict is about.
    pub judged: &'static Row,
    /// The change that does not matter, as a share of A (or in the row's unit, for a difference).
    pub floor: f64,
    /// How much of the machine's CPU other processes may use, in percent.
    pub busy_pct: f64,
    /// Changes that must not happen.
    pub bounds: Vec<Bound>,
    /// Whether both arms are the same on purpose.
    pub noise_floor: bool,
    /// Draws the order.
    pub seed: u64,
    /// On which CPUs the generator stays, and on which the target.
    pub pins: Option<[String; 2]>,
    /// Where everything goes.
    pub directory: PathBuf,
    /// Whether it goes on with what is there.
    pub resumes: bool,
    /// Everything that makes two comparisons the same one, for `--resume`.
    pub identity: String,
    /// What is run.
    pub program: PathBuf,
    /// What the user should know before the first round.
    pub notes: Vec<String>,
}

/// Who makes the load.
pub enum Source {
    /// A generator that is known, and its program.
    Known(&'static dyn Generator, PathBuf),
    /// A command for `sh -c`.
    Command(String),
}

impl Source {
    /// Whether it can be run for a shorter time. What a command of one's own does is not known, unless it says `{seconds}`.
    pub fn can_warm_up(&self) -> bool {
        match self {
            Self::Known(..) => true,
            Self::Command(command) => command.contains("{seconds}"),
        }
    }
}

impl Plan {
    /// Understands what is asked for.
    ///
    /// # Errors
    /// A sentence for each mistake.
    pub fn of(asked: &Asked, check: &Check) -> Result<Self, Vec<String>> {
        let mut reader = Reader { asked, wrong: Vec::new() };
        let plan = reader.plan(check);
        if reader.wrong.is_empty() { plan.ok_or_else(Vec::new) } else { Err(reader.wrong) }
    }

    /// How long an arm may take until it serves.
    pub fn start_limit(&self) -> Duration {
        self.hang_after.unwrap_or(Duration::from_mins(1))
    }

    /// How long the load may take.
    pub fn load_limit(&self, load: &Load) -> Duration {
        match load.amount {
            Amount::Duration(time) => time + self.hang_after.unwrap_or(Duration::from_secs(30)),
            Amount::Requests(_) => self.hang_after.unwrap_or(Duration::from_mins(10)),
        }
    }

    /// The confidence of each bound at a look, so that all of them hold together.
    pub fn confidence_of_bounds(&self) -> f64 {
        self.looks.confidence(self.bounds.len().max(1))
    }

    /// The load in one line.
    pub fn load_text(&self) -> String {
        let mut text = match &self.source {
            Source::Command(command) => return command.clone(),
            Source::Known(generator, _) => generator.name().to_owned(),
        };
        let Load { amount, time_flag: _, concurrency, rate, spawn_rate, path, mix, body } = &self.load;
        // Writing to a string can't fail.
        let _ = match amount {
            Amount::Requests(count) => write!(text, ", {}", shown::amount(shown::float(*count), "request")),
            Amount::Duration(time) => write!(text, ", {} s", time.as_secs_f64()),
        };
        let _ = write!(text, ", {concurrency} at once");
        if let Some(rate) = rate {
            let _ = write!(text, ", {rate} a second");
        }
        if let Some(rate) = spawn_rate {
            let _ = write!(text, ", {rate} more a second");
        }
        let _ = match mix {
            Some(mix) => {
                write!(text, ", {} by weight", shown::amount(shown::float(mix.routes.len() as u64), "route"))
            }
            None => write!(text, ", {path}"),
        };
        if let Some(file) = body {
            let _ = write!(text, ", POST {file}");
        }
        text
    }
}

struct Reader<'a> {
    asked: &'a Asked,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn plan(&mut self, check: &Check) -> Option<Plan> {
        self.repetitions();
        let noise_floor = self.text("noise-floor").is_some();
        let profile = self.text("profile");
        let seed = self.whole("seed", 0, u64::MAX).unwrap_or(1);
        let (arms, arm_texts) = self.arms(noise_floor);
        for arm in Arm::BOTH {
            let mistakes = arms[arm as usize].mistakes(profile.as_deref(), seed, check);
            self.wrong.extend(mistakes.into_iter().map(|one| format!("arm {}: {one}", arm.letter())));
        }
        let load = self.load(profile.as_deref());
        let warmup = self.time("warmup").unwrap_or(Duration::from_secs(1));
        let source = self.source(&load, warmup);
        if let Some(Source::Command(command)) = &source
            && command.contains("{admin}")
            && !are_quintain(&arms)
        {
            self.wrong.push(format!("--load {command:?}: an arm that is not quintain has no {{admin}}"));
        }
        let looks = self.whole("rounds", Looks::LEAST as u64, Looks::MOST as u64);
        let looks = looks.and_then(|rounds| usize::try_from(rounds).ok()).map_or(Looks::Repeated, Looks::Once);
        let time_limit = self.time("time-limit");
        let hang_after = self.time("hang-after");
        let judged = self.judged(&load)?;
        let floor = self.floor(judged);
        let busy_pct = self.percentage("busy", 10.0);
        let bounds = self.all("fail-if").into_iter().map(|text| Bound::read(&text)).collect::<Vec<_>>();
        let bounds =
            bounds.into_iter().filter_map(|bound| bound.map_err(|one| self.wrong.push(one)).ok()).collect();
        let pins = self.pins();
        let (directory, resumes) = self.directory();
        let mut notes = Vec::new();
        if arms[0] == arms[1] && !noise_floor {
            notes.push(
                "both arms are the same: this says what the machine can tell apart, as --noise-floor does"
                    .to_owned(),
            );
        }
        Some(Plan {
            noise_floor: noise_floor || arms[0] == arms[1],
            arms,
            arm_texts,
            source: source?,
            published: profile.as_deref().map_or_else(Vec::new, |name| published(name, &load)),
            profile,
            load,
            warmup,
            looks,
            time_limit,
            hang_after,
            judged,
            floor,
            busy_pct,
            bounds,
            seed,
            pins,
            directory,
            resumes,
            identity: self.identity(),
            program: self.asked.program.clone(),
            notes,
        })
    }

    /// A flag that is given twice.
    fn repetitions(&mut self) {
        for (number, (name, _)) in self.asked.flags.iter().enumerate() {
            if name != "fail-if" && self.asked.flags[..number].iter().any(|(before, _)| before == name) {
                self.wrong.push(format!("--{name} is given more than once"));
            }
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.asked.flags.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.asked.flags.iter().filter(|(given, _)| given == name).map(|(_, value)| value.clone()).collect()
    }

    fn whole(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let text = self.text(name)?;
        let value = text.parse().ok().filter(|value| (least..=most).contains(value));
        if value.is_none() {
            self.wrong.push(format!("--{name} {text}: allowed: a whole number from {least} to {most}"));
        }
        value
    }

    fn positive(&mut self, name: &str) -> Option<f64> {
        let text = self.text(name)?;
        let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
        if value.is_none() {
            self.wrong.push(format!("--{name} {text}: allowed: a number above 0"));
        }
        value
    }

    fn time(&mut self, name: &str) -> Option<Duration> {
        let text = self.text(name)?;
        match parse_duration(&text) {
            Ok(time) if !time.is_zero() => Some(time),
            Ok(_) => {
                self.wrong.push(format!("--{name} {text}: allowed: a duration above 0"));
                None
            }
            Err(error) => {
                self.wrong.push(format!("--{name} {text}: {error}"));
                None
            }
        }
    }

    fn arms(&mut self, noise_floor: bool) -> ([Arrangement; 2], [String; 2]) {
        let a = self.text("a");
        let b = if noise_floor { a.clone().or_else(|| Some(String::new())) } else { self.text("b") };
        let a = if noise_floor { a.or_else(|| Some(String::new())) } else { a };
        if noise_floor && self.text("b").is_some() {
            self.wrong.push("--b: --noise-floor runs A against itself; leave one of the two out".to_owned());
        }
        let texts = [("a", a), ("b", b)].map(|(name, text)| {
            text.unwrap_or_else(|| {
                self.wrong.push(format!(
                    "--{name} is missing: settings of `quintain serve`, as in mode=cluster,workers=2, or another server"
                ));
                String::new()
            })
        });
        let arms = [("a", &texts[0]), ("b", &texts[1])].map(|(name, text)| {
            Arrangement::read(name, text).unwrap_or_else(|wrong| {
                self.wrong.extend(wrong);
                Arrangement::Quintain { binary: None, settings: Vec::new(), beside: None }
            })
        });
        (arms, texts)
    }

    fn judged(&mut self, load: &Load) -> Option<&'static Row> {
        let name = self.text("judge").unwrap_or_else(|| "requests_per_s".to_owned());
        let Some(row) = row_named(&name) else {
            self.wrong.push(format!("--judge {name}: {}", no_such_row(&name)));
            return None;
        };
        if row.wanted == Wanted::Neither {
            self.wrong
                .push(format!("--judge {name}: it belongs to the load, and neither more nor less of it is better"));
        }
        if row.is_latency() && load.rate.is_none() && self.text("load").is_none() {
            self.wrong.push(format!(
                "--judge {name}: at a fixed concurrency, mean latency is concurrency ÷ rate, so that it judges the rate again; offer both arms the same --rate"
            ));
        }
        Some(row)
    }

    fn floor(&mut self, judged: &Row) -> f64 {
        let number = self.percentage("floor", 2.0);
        match judged.scale {
            Scale::Ratio => number / 100.0,
            Scale::Difference => number,
        }
    }

    fn percentage(&mut self, name: &str, default: f64) -> f64 {
        let Some(text) = self.text(name) else { return default };
        let number = text.strip_suffix('%').unwrap_or(&text).trim().parse::<f64>();
        number.ok().filter(|number| (0.0..=100.0).contains(number) && *number > 0.0).unwrap_or_else(|| {
            self.wrong.push(format!("--{name} {text}: allowed: a percentage above 0% and at most 100%"));
            default
        })
    }

    /// The generator's CPUs, and behind a slash the target's, which are all others unless they are said.
    fn pins(&mut self) -> Option<[String; 2]> {
        let text = self.text("pin")?;
        let all = crate::sys::process::allowed_processors();
        let known = |text: &str| processors(text).filter(|chosen| chosen.iter().all(|one| all.contains(one)));
        let (generator, target) = text.split_once('/').map_or((&*text, None), |(one, other)| (one, Some(other)));
        let generator = known(generator);
        let target = match (target, &generator) {
            (Some(target), _) => known(target),
            (None, Some(chosen)) => Some(all.iter().copied().filter(|one| !chosen.contains(one)).collect()),
            (None, None) => None,
        };
        let Some((generator, target)) = generator.zip(target) else {
            self.wrong.push(format!(
                "--pin {text}: allowed: numbers of CPUs that this process may use, as in 0,2-3, and behind a slash those of the target, as in 1/0; they are {}",
                listed(&all)
            ));
            return None;
        };
        if target.is_empty() {
            self.wrong.push(format!("--pin {text}: no CPU is left for the target"));
        }
        Some([listed(&generator), listed(&target)])
    }

    fn directory(&mut self) -> (PathBuf, bool) {
        match (self.text("output"), self.text("resume")) {
            (Some(_), Some(_)) => {
                self.wrong.push("--output: --resume goes on where the comparison is".to_owned());
                (PathBuf::new(), true)
            }
            (None, Some(directory)) => (PathBuf::from(directory), true),
            (Some(directory), None) => (PathBuf::from(directory), false),
            (None, None) => {
                let time = timestamp(clock::realtime_ns());
                let time: String = time.split('.').next().unwrap_or_default().replace(':', "-");
                (PathBuf::from(format!("runs/compare-{time}Z")), false)
            }
        }
    }

    /// All flags but those that may differ when it is resumed.
    fn identity(&self) -> String {
        let mut flags: Vec<String> = self
            .asked
            .flags
            .iter()
            .filter(|(name, _)| !["output", "resume", "time-limit", "hang-after"].contains(&&**name))
            .map(|(name, value)| format!("--{name}={value}"))
            .collect();
        flags.sort_unstable();
        flags.join(" ")
    }
}

/// What a profile has published of the routes that the load asks for.
fn published(name: &str, load: &Load) -> Vec<Published> {
    let profile = profile::intended(name).unwrap_or_default();
    let is_asked = load.mix.is_some() || profile.routes.iter().any(|route| route.path == load.path);
    if is_asked { profile.published } else { Vec::new() }
}

/// `0,2-3` as numbers.
fn processors(text: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last || last > 4_095 {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
}

fn listed(processors: &[usize]) -> String {
    processors.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}
