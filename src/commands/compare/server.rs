//! Another server than quintain, as the arm of a round: started by its command, waited for, ended with its whole tree.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::agent;
use super::plan::Plan;
use super::process::{Started, Stop, last_words, shell};
use super::target::pinned;
use crate::comparison::Arm;

/// So long may it take from TERM until all of its processes have ended; then they are killed.
const END: Duration = Duration::from_secs(10);

/// Each stage of the question whether it is up may take so long.
const ANSWER: Duration = Duration::from_secs(2);

/// Where its own output goes, in the arm's folder.
const OUTPUT: (&str, &str) = ("target.out", "target.err");

/// A running server.
pub struct Server {
    process: Started,
    folder: PathBuf,
    url: String,
}

impl Server {
    /// Starts it on a fresh port, with its output in `folder`, and waits until it answers with any status.
    ///
    /// # Errors
    /// A sentence with what the server said.
    pub fn start(
        plan: &Plan,
        arm: Arm,
        (command, url): (&str, &str),
        folder: &Path,
        stop: &Stop,
    ) -> Result<(Self, Duration), String> {
        let port = fresh_port().map_err(|error| format!("there is no free port on 127.0.0.1 ({error})"))?;
        let [command, url] = [command, url].map(|text| text.replace("{port}", &port.to_string()));
        if is_listening(&url) {
            let arm = arm.letter();
            return Err(format!(
                "{url} is taken before {arm}'s server is started; {{port}} is a port that is free"
            ));
        }
        let words = [pinned(plan.pins.as_ref().map(|[_, target]| target)), shell(command)];
        let process = Started::start(&words.concat(), Path::new("."), folder, OUTPUT, stop)?;
        let mut server = Self { process, folder: folder.to_owned(), url };
        let took = server.wait_until_it_answers(plan, stop)?;
        Ok((server, took))
    }

    fn wait_until_it_answers(&mut self, plan: &Plan, stop: &Stop) -> Result<Duration, String> {
        let http: ureq::Agent = agent::limited(ANSWER).http_status_as_error(false).build().into();
        let asked = format!("{}{}", self.url, plan.load.path);
        let mut exit = None;
        let mut answers = false;
        let limit = plan.start_limit();
        let took = stop.wait_for_start(limit, || {
            answers = http.get(&asked).call().is_ok();
            // A daemon answers when the process that was started has ended.
            exit = self.process.ended();
            answers || exit.is_some()
        });
        match exit {
            Some(code) => Err(self.ended_with(code, "before it was loaded; it has to stay in the foreground")),
            None if !answers => {
                let said = self.last_words();
                Err(format!("{asked} did not answer within {} s{said}", limit.as_secs_f64()))
            }
            None => Ok(took),
        }
    }

    fn ended_with(&self, code: i32, when: &str) -> String {
        format!("the server ended with exit code {code} {when}{}", self.last_words())
    }

    fn last_words(&self) -> String {
        last_words(&self.folder.join(OUTPUT.1))
    }

    /// Where it serves: scheme and authority.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first process of its tree.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it: TERM to its whole group, then KILL.
    ///
    /// # Errors
    /// A sentence, when it had ended before.
    pub fn end(mut self) -> Result<(), String> {
        if let Some(code) = self.process.ended() {
            // A daemon may have answered before the process that was started ended.
            let hint = if code == 0 { "; it has to stay in the foreground" } else { "" };
            return Err(self.ended_with(code, &format!("while it was loaded{hint}")));
        }
        self.process.end_group(END);
        Ok(())
    }
}

/// A port that nobody listens on.
fn fresh_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn is_listening(url: &str) -> bool {
    let Some(authority) = url.parse::<http::Uri>().ok().and_then(|uri| uri.authority().cloned()) else {
        return false;
    };
    let host = authority.host().trim_matches(['[', ']']);
    let mut places = (host, authority.port_u16().unwrap_or(80)).to_socket_addrs().into_iter().flatten();
    places.any(|place| TcpStream::connect_timeout(&place, ANSWER).is_ok())
}
