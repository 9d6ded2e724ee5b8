//! Variables of other services: Kubernetes and Docker put them into every container, by the service's name and not by
//! the program's. A service called `quintain`, `quintain-db` or anything else with our prefix makes some that begin with
//! `QUINTAIN_`; nobody misspelt those.

use super::settings::PREFIX;

/// How many are named in the warning.
const NAMED: usize = 3;

/// Whether Kubernetes or a Docker link has made a variable, by its name and, where the name alone could be a misspelt
/// setting, its value: <https://kubernetes.io/docs/concepts/containers/container-environment/>,
/// <https://docs.docker.com/engine/network/links/>.
pub fn is_foreign(variable: &str, value: &str) -> bool {
    let Some(rest) = variable.strip_prefix(PREFIX) else { return false };
    // Before it stands the rest of the service's name, if it has more of a name than our prefix.
    let ends_with =
        |ending: &str| rest.strip_suffix(ending).is_some_and(|more| more.is_empty() || more.ends_with('_'));
    let is_link = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let has_word = |word: &str| rest.starts_with(word) || rest.contains(&format!("_{word}"));
    ends_with("SERVICE_HOST")
        || ends_with("SERVICE_PORT")
        || has_word("SERVICE_PORT_")
        || ends_with("PORT") && is_link
        || is_port(rest)
        || rest == "NAME"
        || ends_with("NAME") && value.starts_with('/')
        || has_word("ENV_")
}

/// `PORT_8080_TCP`, `DB_PORT_8080_UDP_ADDR`, …
fn is_port(rest: &str) -> bool {
    let parts: Vec<&str> = rest.split('_').collect();
    (0..parts.len()).any(|begin| match &parts[begin..] {
        ["PORT", number, protocol, detail @ ..] => {
            !number.is_empty()
                && number.bytes().all(|digit| digit.is_ascii_digit())
                && ["TCP", "UDP", "SCTP"].contains(protocol)
                && matches!(detail, [] | ["ADDR" | "PORT" | "PROTO"])
        }
        _ => false,
    })
}

/// The one warning about all of them.
pub fn warning(variables: &[&str]) -> Option<String> {
    let (named, more) = variables.split_at(variables.len().min(NAMED));
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let sentence =
        "look like another service's (Kubernetes, Docker): ignored, they are no settings of this program";
    (!named.is_empty()).then(|| format!("{}{more} {sentence}", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_names_a_few() {
        assert_eq!(warning(&[]), None);
        assert!(warning(&["A"]).unwrap().starts_with("A look like"));
        assert!(warning(&["A", "B", "C", "D", "E"]).unwrap().starts_with("A, B, C and 2 more look like"));
    }

    #[test]
    fn a_name_that_only_resembles_one_is_none() {
        for (name, value) in [
            ("QUINTAIN_PORT", "8080"),
            ("QUINTAIN_DB_PORT", "8080"),
            ("QUINTAIN_REPORT", "tcp://10.0.0.1:80"),
            ("QUINTAIN_PROFILE_NAME", "baseline"),
            ("QUINTAIN_PORT_HTTP_TCP", "tcp://10.0.0.1:80"),
            ("QUINTAIN_PORT_80_TCP_HOST", "10.0.0.1"),
            ("QUINTAIN_PORT_80_QUIC", "quic://10.0.0.1:80"),
            ("QUINTAIN_SERVICE_HOSTS", "10.0.0.1"),
            ("OTHER_SERVICE_HOST", "10.0.0.1"),
        ] {
            assert!(!is_foreign(name, value), "{name}={value}");
        }
    }
}
