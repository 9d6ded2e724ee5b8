//! `quintain health [URL]`: whether a target answers, as an exit code: for health checks, probes and scripts.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// What is asked when nothing else is named.
pub const DEFAULT: &str = "http://127.0.0.1:8080/health";

/// A target that takes longer is not healthy.
const WITHIN: Duration = Duration::from_secs(1);

/// 0 when the URL answers with a status below 400 within a second, 1 when it does not, 2 when it is no URL.
#[must_use]
pub fn run(url: &str) -> ExitCode {
    let Some(url) = complete(url) else {
        let _ = writeln!(io::stderr(), "error: health {url}: allowed: http://HOST:PORT, with or without a path");
        return ExitCode::from(2);
    };
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(WITHIN)).build().into();
    match agent.get(&url).call() {
        Ok(answer) => {
            let _ = writeln!(io::stdout(), "{} {}", answer.status().as_u16(), url);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{url}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A URL with a path: `/health` where there is none.
fn complete(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    uri.authority().filter(|_| uri.scheme_str() == Some("http"))?;
    let has_path = url.splitn(4, '/').count() == 4;
    Some(if has_path { url.to_owned() } else { format!("{url}/health") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_asks_for_health() {
        assert_eq!(complete("http://127.0.0.1:1").as_deref(), Some("http://127.0.0.1:1/health"));
        assert_eq!(complete("http://[::1]:1/readyz").as_deref(), Some("http://[::1]:1/readyz"));
        assert_eq!(complete(DEFAULT).as_deref(), Some(DEFAULT));
        for wrong in ["127.0.0.1:8080", "https://localhost/", "ftp://localhost/", "", "http://"] {
            assert_eq!(complete(wrong), None, "{wrong}");
        }
    }
}
