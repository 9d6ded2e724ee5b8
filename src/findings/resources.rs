//! What is watched because it has a limit: of each, how much of it was used while there was load, and whether it stayed at
//! its limit (Gregg's USE method: utilisation, saturation, errors).

use crate::recording::{Figure, Recording, Series, Stay, Worker};

/// A resource with a limit.
pub struct Resource<'a> {
    /// As a subject.
    pub name: String,
    /// The first time that it stayed at its limit.
    pub saturated: Option<Stay>,
    /// The most that it was used in any row under load, in per cent of the limit.
    pub peak_pct: f64,
    /// Whether a row reached the limit, for however short a time.
    pub was_full: bool,
    /// Whether it was looked at long enough to see it stay there.
    pub saw_enough: bool,
    /// Whose event loop it is, where it is one.
    pub loop_of: Option<&'a Worker>,
    /// What its figure can't tell.
    pub unknown: &'static str,
}

impl Resource<'_> {
    fn of(name: &str, series: &Series, figure: Figure, unknown: &'static str) -> Option<Self> {
        let watch = series.watch(figure)?;
        let peak_pct = watch.peak_pct()?;
        Some(Self {
            name: name.to_owned(),
            saturated: watch.stay(),
            peak_pct,
            was_full: peak_pct >= watch.from_pct(),
            saw_enough: watch.saw_enough(),
            loop_of: None,
            unknown,
        })
    }
}

/// Those of which something is known.
pub fn resources(run: &Recording) -> Vec<Resource<'_>> {
    let target = &run.target;
    let resources = [
        event_loop(run),
        Resource::of(
            "The machine's CPU",
            target,
            Figure::HostCpu,
            "who would have needed more: the target, the load generator or others, where they share the machine",
        ),
        of_a_group(
            run,
            Figure::Quota,
            "The control group's CPU quota",
            "how much more the target would have done without it",
        ),
        Resource::of(
            "The machine's memory",
            target,
            Figure::HostMemory,
            "whose memory it is; page cache that can be given back is not counted as used",
        ),
        of_a_group(
            run,
            Figure::GroupMemory,
            "The control group's memory",
            "how much of it is page cache, which can be given back",
        ),
        Resource::of("The accept queue", target, Figure::AcceptQueue, "how full it was between two rows"),
        of_any_worker(
            run,
            Figure::InFlight,
            [
                "The room for requests in flight (--max-inflight)",
                "The room for requests in flight (--max-inflight)",
            ],
            "how full it was between two rows; beyond it, requests are answered 503",
        ),
    ];
    resources.into_iter().flatten().collect()
}

/// Of the target's control group; of several instances, of the one whose was full first, or else the fullest.
fn of_a_group<'a>(run: &'a Recording, figure: Figure, name: &str, unknown: &'static str) -> Option<Resource<'a>> {
    if run.instances.is_empty() {
        return Resource::of(name, &run.target, figure, unknown);
    }
    let each = run.instances.iter().filter_map(|instance| {
        Resource::of(&format!("{name} of instance {}", instance.name), &instance.series, figure, unknown)
    });
    let from_s = |resource: &Resource<'_>| resource.saturated.as_ref().map_or(f64::INFINITY, |stay| stay.from_s);
    each.min_by(|one, other| from_s(one).total_cmp(&from_s(other)).then(other.peak_pct.total_cmp(&one.peak_pct)))
}

/// A worker can do no more than its one event loop can, and a pool may use more than one core. A run of which that is not
/// known has the slots' CPU.
fn event_loop(run: &Recording) -> Option<Resource<'_>> {
    let of_loops = of_any_worker(
        run,
        Figure::LoopBusy,
        ["The event loop", "The worker's event loop"],
        "which requests were on it: the table of routes says what each route computed",
    );
    let of_cores = || {
        of_any_worker(
            run,
            Figure::Cpu,
            ["The core", "The worker's core"],
            "whether it is the event loop or the pool that computes, where both do: the CPU is the slot's",
        )
    };
    of_loops.or_else(of_cores)
}

/// Of what each worker has for itself: an event loop can't use more than one core, however many the machine has, and the
/// room of another worker is of no use. It is full when it is so in one worker. Its name where there are several workers,
/// and where there is one.
fn of_any_worker<'a>(
    run: &'a Recording,
    figure: Figure,
    [of_several, of_one]: [&str; 2],
    unknown: &'static str,
) -> Option<Resource<'a>> {
    let known = run
        .workers
        .iter()
        .filter_map(|worker| Some((worker, Resource::of(of_one, &worker.series, figure, unknown)?)));
    let each: Vec<_> = known.collect();
    let came_to_that = each.iter().filter(|(_, resource)| resource.saturated.is_some()).count();
    let from_s = |resource: &Resource<'_>| resource.saturated.as_ref().map_or(f64::INFINITY, |stay| stay.from_s);
    let peak_pct = each.iter().map(|(_, resource)| resource.peak_pct).reduce(f64::max)?;
    let (was_full, saw_enough) =
        (each.iter().any(|(_, one)| one.was_full), each.iter().any(|(_, one)| one.saw_enough));
    let (worker, earliest) =
        each.into_iter().min_by(|(_, one), (_, other)| from_s(one).total_cmp(&from_s(other)))?;
    let name = match run.workers.len() {
        1 => of_one.to_owned(),
        all if earliest.saturated.is_some() => {
            format!("{of_several} of worker {} ({came_to_that} of {all} workers came to that)", worker.slot)
        }
        _ => format!("{of_several} of the busiest worker"),
    };
    let loop_of = (figure == Figure::LoopBusy).then_some(worker);
    Some(Resource { name, peak_pct, was_full, saw_enough, loop_of, ..earliest })
}
