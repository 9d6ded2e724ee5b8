//! The flags of `quintain compare`, declared once: `--help` and the check of names are made of them.

/// A flag of `quintain compare`.
#[derive(Debug)]
pub struct Flag {
    /// Without its dashes.
    pub name: &'static str,
    /// What `--help` shows in the value's place; empty for a switch.
    pub placeholder: &'static str,
    /// What it does, with its default.
    pub help: &'static str,
}

/// Makes the table of flags, which `--help` and the check of names are made of.
macro_rules! flags {
    ($($name:literal $placeholder:literal $help:literal,)*) => {
        /// All flags, in the order of `--help`.
        pub const FLAGS: &[Flag] = &[$(Flag { name: $name, placeholder: $placeholder, help: $help },)*];
    };
}

flags! {
    "a" "KEY=VALUE,…" "Arm A: settings of `quintain serve`, as in mode=single or mode=cluster,workers=2; with binary=PATH those of another quintain; or any server: command='nginx -c …',url=http://127.0.0.1:{port}",
    "b" "KEY=VALUE,…" "Arm B, which is judged against A",
    "with" "GENERATOR" "The load generator that loads both: oha, wrk, locust, loadtest, autocannon, ab, hey or h2load [default: oha]",
    "load" "COMMAND" "Or a command of your own with {url} in it; its output is read if it can be; with {seconds} in it, it is run for --warmup, too",
    "requests" "N" "Ends the load of a round after so many requests (not wrk)",
    "duration" "TIME" "Ends it after so long [default: 3s]",
    "concurrency" "N" "Connections, or Locust's users (--users is the same) [default: 50]",
    "users" "N" "As --concurrency",
    "spawn-rate" "N" "New users a second (locust) [default: all at once]",
    "rate" "N" "Requests a second over all connections, the same for both arms (oha) [default: as fast as answers come]",
    "path" "PATH" "What is asked for [default: /health]",
    "body" "FILE" "POST this file to --path with each request (not loadtest and locust) [default: GET]",
    "profile" "NAME|FILE" "The profile of both arms",
    "warmup" "TIME" "How long each target is loaded before it is measured [default: 1s]",
    "rounds" "N" "One look after so many rounds, at 95 % [default: looks after 8, 12, 18, 27 and 40 rounds]",
    "time-limit" "TIME" "Ends the comparison after so long, with what the last look said",
    "hang-after" "TIME" "How long an arm may take to start, and a load beyond its --duration, before it is ended with everything that it started [default: 1m and 30s; 10m for --requests]",
    "busy" "PERCENT" "How much of the machine's CPU other processes may use, and half as much may be stolen; beyond it there is no verdict [default: 10%]",
    "judge" "ROW" "The row that the verdict is about [default: requests_per_s]",
    "floor" "PERCENT" "A change that is the same to you [default: 2%]",
    "fail-if" "CONDITION" "Exits with 1 when the change is surely beyond it, as 'requests_per_s < -5%'; may be given again",
    "noise-floor" "" "Runs A against A, and says what this machine can tell apart",
    "seed" "N" "Draws which arm comes first in each round; both targets have it, too [default: 1]",
    "pin" "CPUS[/CPUS]" "Keeps the generator on these CPUs, and the target on the others or on those behind the slash, as in 2-3 or 1/0",
    "output" "DIR" "Where results and rounds go [default: runs/compare-TIME]",
    "resume" "DIR" "Goes on with a comparison that was interrupted, given the same flags otherwise",
}
