//! The commands and their flags, as clap is told them.

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

use super::{compare, report, sample_images, verify};
use crate::commands;
use crate::config::{CONFIG, Kind, SETTINGS, Setting, VERSION_AND_COMMIT};

const EXAMPLES: &str = "\
Examples:
  quintain                                      one worker on 127.0.0.1:8080
  quintain --mode cluster --workers 4           a pre-forked cluster on one port
  quintain --listen 127.0.0.1:0 --duration 30s  a free port, for half a minute
  quintain --while 'wrk -d 10 {url}/health'     up, loaded, down; exits with wrk's code
  quintain --profile mine.toml                  your own routes; `quintain profiles` has some to start from
  quintain report --each runs/*                 each run as a page, with what limited it
  quintain report runs/*-web-*                  instances under one test as one page
  quintain verify runs/… oha.json               whether oha's figures agree with the target's
  quintain compare --a mode=single --b mode=cluster,workers=2 --path '/cpu?iterations=1000000'
  quintain check --mode cluster > quintain.toml
  quintain --config quintain.toml --workers 2   flags win over environment over file

Every setting is also an environment variable (QUINTAIN_MAX_BODY) and a key of the file (max_body).";

/// The one argument of `quintain profiles`.
pub const NAME: &str = "NAME";

/// The switch of `quintain profiles`.
pub const LOCUSTFILE: &str = "locustfile";

/// The one argument of `quintain health`.
pub const URL: &str = "URL";

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    Serve,
    Check,
    Profiles {
        /// The one to print.
        name: Option<String>,
        /// Whether its `[load]` is printed, as a Locust file.
        as_locustfile: bool,
    },
    Report(commands::report::Asked),
    Verify(commands::verify::Asked),
    Compare(commands::compare::Asked),
    /// With the URL that is asked.
    Health(String),
    SampleImages(commands::sample_images::Asked),
}

impl Verb {
    /// All of them, with nothing asked yet.
    pub fn all() -> [Self; 8] {
        [
            Self::Serve,
            Self::Check,
            Self::Profiles { name: None, as_locustfile: false },
            Self::Report(commands::report::Asked::default()),
            Self::Verify(commands::verify::Asked::default()),
            Self::Compare(commands::compare::Asked::default()),
            Self::Health(String::new()),
            Self::SampleImages(commands::sample_images::Asked::default()),
        ]
    }

    /// As it is typed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Check => "check",
            Self::Profiles { .. } => "profiles",
            Self::Report(_) => "report",
            Self::Verify(_) => "verify",
            Self::Compare(_) => "compare",
            Self::Health(_) => "health",
            Self::SampleImages(_) => "sample-images",
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Serve => "Run the target; this is what happens when no command is given",
            Self::Check => {
                "Resolve configuration and profile, say every mistake, and print the configuration as TOML"
            }
            Self::Profiles { .. } => "List the built-in profiles, or print the one that is named, to start from",
            Self::Report(_) => "Make a page of a run: what limited it, plots, tables",
            Self::Verify(_) => "Compare a load generator's output with a run: whether they agree, and who is wrong",
            Self::Health(_) => "Ask a target whether it answers: exit code 0, or 1; for probes and scripts",
            Self::SampleImages(_) => {
                "Make pictures of flags for a load script to send, each with its label in its name"
            }
            Self::Compare(_) => "Run two arrangements under the same load, in turns, and say which is better",
        }
    }
}

/// How much is said of each setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helps {
    /// What it does; for whoever asks for no help: all of it would be a tenth of the program's start.
    Short,
    /// Also its default, what is allowed, and its variable.
    All,
}

/// The program as clap knows it: the settings are flags of the program and of each command.
pub fn program(helps: Helps) -> Command {
    let commands = Verb::all().map(|verb| {
        // clap calls it for the command that is asked for alone: the flags of all took an eighth of the start.
        let takes: fn(Command) -> Command = match verb {
            Verb::Serve | Verb::Check => match helps {
                Helps::Short => |command| with_settings(command, Helps::Short),
                Helps::All => |command| with_settings(command, Helps::All),
            },
            Verb::Profiles { .. } => |command| {
                let locustfile = Arg::new(LOCUSTFILE).long(LOCUSTFILE).action(ArgAction::SetTrue);
                command
                    .arg(Arg::new(NAME).help("Which one to print"))
                    .arg(locustfile.help("Print a Locust file that runs its [load] (of a file, too)"))
            },
            Verb::Report(_) => |command| command.args(report::arguments()),
            Verb::Verify(_) => |command| command.args(verify::arguments()),
            Verb::Health(_) => |command| {
                command.arg(Arg::new(URL).help(format!("What to ask [default: {}]", commands::health::DEFAULT)))
            },
            Verb::Compare(_) => |command| command.args(compare::arguments()),
            Verb::SampleImages(_) => |command| command.args(sample_images::arguments()),
        };
        let command = Command::new(verb.name()).about(verb.help()).after_help("`quintain --help` has examples.");
        command.defer(takes)
    });
    let quintain = Command::new("quintain")
        .version(VERSION_AND_COMMIT)
        .about("A load-test target that tells the truth: exact work, measured cost, accounts that balance.");
    with_settings(quintain, helps)
        .subcommands(commands)
        .after_help("`quintain --help` has defaults, what is allowed, and examples.")
        .after_long_help(EXAMPLES)
        .max_term_width(100)
}

/// The settings, and the name of the configuration file.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(std::iter::once(&CONFIG))
}

fn with_settings(command: Command, helps: Helps) -> Command {
    command.args(settings().map(|setting| match helps {
        Helps::Short => flag(setting),
        Helps::All => flag(setting).long_help(StyledStr::from(help(setting))),
    }))
}

fn flag(setting: &'static Setting) -> Arg {
    let flag = Arg::new(setting.name)
        .long(setting.name)
        .help(setting.help)
        .help_heading(setting.heading)
        .hide(setting.is_hidden())
        // Appended, so that `config` sees a repeated flag and can report it with the rest.
        .action(ArgAction::Append);
    if setting.is_switch() {
        flag.num_args(0).default_missing_value("true")
    } else {
        flag.value_name(setting.placeholder)
    }
}

/// What it does; and on a line of their own its default, what is allowed, its variable.
fn help(setting: &Setting) -> String {
    let mut facts = Vec::new();
    if !setting.default.is_empty() && !setting.is_switch() {
        facts.push(format!("default: {}", setting.default));
    }
    if !matches!(setting.kind, Kind::Switch | Kind::Text | Kind::Secret) {
        facts.push(format!("allowed: {}", setting.kind));
    }
    facts.push(format!("env:{}", setting.variable()));
    format!("{}\n[{}]", setting.help, facts.join("] ["))
}
