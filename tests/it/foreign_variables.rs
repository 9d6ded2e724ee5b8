//! Variables that Kubernetes and Docker make for services with names like ours never end the program: one warning names
//! them. A misspelt setting is refused all the same, an empty variable is an unset one, and quotes that no shell has
//! taken away are pointed at.

use tempfile::TempDir;

use crate::support::target::{Target, command, outcome};

/// What a cluster with services `quintain`, `quintain-db` and `quintain-a-b`, and Docker links, put into a container.
const FOREIGN: &[(&str, &str)] = &[
    ("QUINTAIN_SERVICE_HOST", "10.96.7.3"),
    ("QUINTAIN_SERVICE_PORT", "8080"),
    ("QUINTAIN_SERVICE_PORT_HTTP", "8080"),
    ("QUINTAIN_PORT", "tcp://10.96.7.3:8080"),
    ("QUINTAIN_PORT_8080_TCP", "tcp://10.96.7.3:8080"),
    ("QUINTAIN_PORT_8080_TCP_ADDR", "10.96.7.3"),
    ("QUINTAIN_PORT_8080_TCP_PORT", "8080"),
    ("QUINTAIN_PORT_8080_TCP_PROTO", "tcp"),
    ("QUINTAIN_DB_SERVICE_HOST", "10.96.7.4"),
    ("QUINTAIN_DB_SERVICE_PORT", "5432"),
    ("QUINTAIN_DB_SERVICE_PORT_PG_MAIN", "5432"),
    ("QUINTAIN_DB_PORT", "udp://10.96.7.4:5432"),
    ("QUINTAIN_DB_PORT_5432_UDP", "udp://10.96.7.4:5432"),
    ("QUINTAIN_DB_PORT_5432_UDP_ADDR", "10.96.7.4"),
    ("QUINTAIN_A_B_PORT_7_SCTP_PROTO", "sctp"),
    ("QUINTAIN_PORT_PORT_80_TCP", "tcp://10.96.7.5:80"),
    ("QUINTAIN_NAME", "/web/quintain"),
    ("QUINTAIN_DB_NAME", "/web/db"),
    ("QUINTAIN_ENV_PATH", "/usr/bin"),
    ("QUINTAIN_DB_ENV_POSTGRES_PASSWORD", "secret"),
];

/// Variables, and what the sentence contains.
type Bad = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip] // A table.
const REFUSED: &[Bad] = &[
    ("QUINTAIN_WORKRES", "4", &["QUINTAIN_WORKRES:", "did you mean QUINTAIN_WORKERS?"]),
    ("QUINTAIN_PORT", "8080", &["QUINTAIN_PORT:", "there is no such setting"]),
    ("QUINTAIN_PROFILE_NAME", "baseline", &["QUINTAIN_PROFILE_NAME:", "did you mean QUINTAIN_PROFILE?"]),
    ("QUINTAIN_WORKERS", "\"4\"", &["QUINTAIN_WORKERS=\"4\":", "the quotes (\") are part of the value; leave them out"]),
    ("QUINTAIN_LISTEN", "'127.0.0.1:0'", &["QUINTAIN_LISTEN='127.0.0.1:0':", "the quotes (') are part of the value"]),
    ("QUINTAIN_PROFILE", "\"baseline\"", &["QUINTAIN_PROFILE=\"baseline\":", "the quotes (\") are part"]),
    ("QUINTAIN_CONFIG", "\"q.toml\"", &["QUINTAIN_CONFIG=\"q.toml\":", "the quotes (\") are part"]),
    ("QUINTAIN_RUN_DIR", "\"my run\"", &["QUINTAIN_RUN_DIR=\"\\\"my run\\\"\":", "the quotes (\") are part"]),
    ("QUINTAIN_ADMIN_TOKEN", "\"s3cret\"", &["QUINTAIN_ADMIN_TOKEN:", "the quotes (\") are part"]),
];

fn check(variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    outcome(command(&["check"], directory.path()).envs(variables.iter().copied()))
}

#[test]
fn each_alone_is_no_reason_to_end() {
    for variable in FOREIGN {
        let (code, output, errors) = check(&[*variable]);
        assert_eq!(code, Some(0), "{variable:?}: {errors}");
        assert!(output.contains("listen = \"127.0.0.1:8080\""), "{variable:?}: {output}");
        assert_eq!(errors.lines().count(), 1, "{variable:?}: {errors}");
        assert!(errors.starts_with(&format!("warning: {} look", variable.0)), "{variable:?}: {errors}");
        assert!(!errors.contains("secret"), "values are not shown: {errors}");
    }
}

#[test]
fn all_of_them_are_one_warning_of_a_target_that_serves() {
    let directory = TempDir::new().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--admin", "off", "--run-dir", "run"];
    let mut command = command(&arguments, directory.path());
    command.envs(FOREIGN.iter().copied());
    let target = Target::start_with(command, directory);
    assert_eq!(target.get("/health").status, 200);
    let errors = target.errors();
    assert_eq!(errors.matches("another service's").count(), 1, "{errors}");
    let more = format!("and {} more look like another service's", FOREIGN.len() - 3);
    assert!(errors.contains(&more), "{errors}");
}

#[test]
fn what_is_misspelt_or_in_quotes_is_refused_beside_them() {
    for (name, value, parts) in REFUSED {
        let mut variables = FOREIGN.to_vec();
        variables.retain(|(foreign, _)| foreign != name);
        variables.push((name, value));
        let (code, output, errors) = check(&variables);
        assert_eq!((code, &*output), (Some(2), ""), "{name}={value}: {errors}");
        for part in *parts {
            assert!(errors.contains(part), "{part} in {errors}");
        }
        assert!(!errors.contains("s3cret"), "{errors}");
        assert!(!errors.contains("mistakes"), "one mistake, said once: {errors}");
    }
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let names = ["MODE", "WORKERS", "CONFIG", "PROFILE", "ADMIN_TOKEN", "PHASES", "NO_CSV", "NO_SUCH_SETTING"];
    let names = names.map(|name| format!("QUINTAIN_{name}"));
    let empty: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let (code, output, errors) = check(&empty);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(output.contains("mode = \"single\"") && output.contains("profile = \"default\""), "{output}");
}

#[test]
fn quotes_within_a_value_are_its_own() {
    let while_command = "\"./my load\" \"{url}\"";
    let (code, output, errors) = check(&[("QUINTAIN_WHILE", while_command)]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(output.contains("./my load"), "{output}");
}
