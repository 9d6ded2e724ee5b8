//! What `/openapi.json` says is what the target does: every route, every parameter, every limit.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::client::{Client, Response};
use crate::support::target::{Target, at_rest};

/// Small enough that a value at its limit is soon done.
const LIMITS: &[&str] = &[
    "--mode",
    "single",
    "--max-delay",
    "20ms",
    "--max-cpu",
    "1ms",
    "--max-bytes",
    "4KiB",
    "--max-mem",
    "16MiB",
    "--db",
    "--db-rows",
    "100",
];

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "options", "trace"];

/// Method, path and content of each operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            all.push((method.to_uppercase(), path.clone(), item[*method].clone()));
        }
    }
    assert!(!all.is_empty(), "{document}");
    all
}

fn parameters<'a>(operation: &'a Value, place: &str) -> Vec<&'a Value> {
    let all = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter(|parameter| parameter["in"] == place).collect()
}

/// The path with a value for each of its parts.
fn filled(path: &str) -> String {
    path.replace("{codes}", "200")
        .replace("{d}", "0")
        .replace("{n}", "1")
        .replace("{file}", "page.js")
        .replace("{id}", "7")
        .replace("{rest}", "a/b")
}

/// The value that a parameter needs when others are tried.
fn needed(operation: &Value, but: &str) -> String {
    let needed =
        parameters(operation, "query").into_iter().filter(|one| one["required"] == true && one["name"] != but);
    let most = |one: &Value| one["schema"]["x-limit"]["most"].as_str().unwrap().to_owned();
    needed.fold(String::new(), |query, one| query + one["name"].as_str().unwrap() + "=" + &most(one) + "&")
}

fn document(target: &Target) -> Value {
    let response = target.get("/openapi.json");
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    let document = response.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{document}");
    document
}

/// A request on a connection of its own: some answers are chunked, which the client leaves as they are.
fn ask(address: &str, method: &str, path: &str) -> Response {
    let mut client = Client::connect(address).unwrap();
    let host = address;
    let body: &[u8] = if path.starts_with("/infer") { include_bytes!("../flags/000-Senegal.jpg") } else { &[] };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send([head.as_bytes(), body].concat()).unwrap();
    client.receive_after(method).unwrap()
}

#[test]
fn every_route_is_documented_and_no_other() {
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("profile.toml");
    let text = "[[route]]\nmethod = ['GET', 'DELETE']\npath = '/users/{id}'\nsteps = [{ io = { delay = '1ms' } }]\n\n\
                [[route]]\nmethod = 'POST'\npath = '/users/{name}'\nresponse = { status = 201, size = 5 }\n\n\
                [[route]]\npath = '/echo'\nresponse = { status = 204 }\n";
    std::fs::write(&profile, text).unwrap();
    let target = Target::start(&["--mode", "single", "--profile", profile.to_str().unwrap()]);
    let document = document(&target);
    let documented: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let table = quintain::http::routes(&quintain::profile::Profile::default());
    for route in &table {
        let methods = if route.method == "ANY" { vec!["GET", "POST", "TRACE"] } else { vec![&*route.method] };
        for method in methods {
            assert!(
                documented.contains(&(method.to_owned(), route.path.replace("{*", "{"))),
                "{method} {}",
                route.path
            );
        }
    }
    let known =
        |path: &String| table.iter().any(|route| route.path.replace("{*", "{") == *path) || path == "/users/{id}";
    assert!(documented.iter().all(|(_, path)| known(path)), "{documented:?}");
    for (method, path, summary) in [
        ("get", "/users/{id}", "waits 1ms; 200, what was done as JSON"),
        ("delete", "/users/{id}", "waits 1ms; 200, what was done as JSON"),
        ("post", "/users/{id}", "201, 5 bytes"),
        ("get", "/echo", "204, what was done as JSON"),
    ] {
        assert_eq!(document["paths"][path][method]["summary"], summary, "{method} {path}");
    }
    assert_eq!(document["paths"]["/users/{id}"]["post"]["parameters"][0]["name"], "id");
    assert!(document["paths"]["/users/{id}"]["post"]["responses"].get("201").is_some());
    let names: Vec<String> = operations(&document).iter().map(|(.., one)| one["operationId"].to_string()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "each has a name of its own: {names:?}");
    assert!(!document.to_string().contains("Not described"));
    // And each answers as it says.
    let address = target.address();
    for (method, path, operation) in operations(&document) {
        let response = ask(address, &method, &filled(&path));
        let documented = operation["responses"].as_object().unwrap();
        let range = format!("{}XX", response.status / 100);
        let status = response.status.to_string();
        assert!(documented.contains_key(&status) || documented.contains_key(&range), "{method} {path}: {status}");
    }
}

#[test]
fn every_parameter_is_documented_and_no_other() {
    let target = Target::start(LIMITS);
    let address = target.address();
    let mut seen = 0;
    for (method, path, operation) in operations(&document(&target)) {
        let names: BTreeSet<&str> =
            parameters(&operation, "query").iter().map(|one| one["name"].as_str().unwrap()).collect();
        let in_path: Vec<&str> =
            parameters(&operation, "path").iter().map(|one| one["name"].as_str().unwrap()).collect();
        let placed: Vec<&str> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        assert_eq!(in_path, placed, "{method} {path}");
        // What is unknown is refused with all that is known; who ignores a query has nothing to document.
        let response = ask(address, &method, &format!("{}?xyzzy=1", filled(&path)));
        if response.status != 400 {
            assert!(names.is_empty(), "{method} {path} ignores its query");
            continue;
        }
        let allowed = response.json()["allowed"].as_str().unwrap().to_owned();
        let known: BTreeSet<&str> = allowed.split(", ").filter(|name| *name != "no parameter").collect();
        assert_eq!(names, known, "{method} {path}");
        seen += names.len();
    }
    assert!(seen > 10);
}

#[test]
fn a_documented_limit_is_taken_and_what_is_over_it_refused() {
    let target = Target::start(LIMITS);
    let document = document(&target);
    let address = target.address();
    let mut flags = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        for place in ["query", "path"] {
            for parameter in parameters(&operation, place) {
                let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
                let ask = |value: &str| {
                    let path = match place {
                        "path" => path.replace(&format!("{{{name}}}"), value),
                        _ => format!("{}?{}{name}={value}", filled(&path), needed(&operation, name)),
                    };
                    ask(address, &method, &path)
                };
                if let Some(most) = schema["x-limit"]["most"].as_str() {
                    let flag = schema["x-limit"]["flag"].as_str().unwrap();
                    let taken = ask(most).status;
                    // Of two that exclude each other, both may be needed.
                    assert!(
                        taken == 200 || operation["summary"].as_str().unwrap().contains(" or "),
                        "{name}={most}: {taken}"
                    );
                    let refused = ask(&over(most));
                    assert_eq!(refused.status, 400, "{method} {path} {name} over {most}");
                    assert!(
                        refused.text().contains(flag) || refused.text().contains("together"),
                        "{}",
                        refused.text()
                    );
                    flags.insert(flag.to_owned());
                }
                if schema["type"] == "integer" && schema.get("maximum").is_some() {
                    let most = schema["maximum"].as_u64().unwrap();
                    let least = schema["minimum"].as_u64().unwrap();
                    if schema.get("x-limit").is_none() {
                        assert_eq!(ask(&most.to_string()).status, 200, "{path} {name}={most}");
                        assert_eq!(ask(&least.to_string()).status, 200, "{path} {name}={least}");
                    }
                    assert_eq!(ask(&(u128::from(most) + 1).to_string()).status, 400, "{path} {name} over {most}");
                }
                for word in schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    // This run's database is embedded; [postgresql](postgresql.rs) has the other.
                    let expected = if (name, word) == ("pipeline", "on") { 400 } else { 200 };
                    assert_eq!(ask(word).status, expected, "{path} {name}={word}");
                }
            }
        }
    }
    let all = ["--db-rows", "--max-bytes", "--max-cpu", "--max-delay", "--max-mem"];
    assert_eq!(flags.iter().collect::<Vec<_>>(), all);
}

#[test]
fn what_the_page_suggests_for_a_parameter_is_taken() {
    let target = Target::start(&["--mode", "single", "--db", "--db-rows", "100"]);
    let address = target.address();
    let mut tried = 0;
    for (method, path, operation) in operations(&document(&target)) {
        for place in ["query", "path"] {
            for parameter in parameters(&operation, place) {
                let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
                let Some(example) = schema["examples"][0].as_str() else {
                    let is_told = schema.get("default").is_some() || schema.get("enum").is_some();
                    assert!(place == "query" && is_told, "{method} {path} suggests no {name}");
                    continue;
                };
                let asked = match place {
                    "path" => path.replace(&format!("{{{name}}}"), example),
                    _ => format!("{}?{name}={example}", filled(&path)),
                };
                let status = ask(address, &method, &asked).status;
                assert!(![400, 404, 405].contains(&status), "{method} {asked}: {status}");
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried}");
}

/// A little more: of `20`, `20ms` and `64KiB`.
fn over(most: &str) -> String {
    let unit_at = most.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(most.len());
    let (number, unit) = most.split_at(unit_at);
    format!("{}{unit}", number.parse::<u64>().unwrap() + 1)
}

#[test]
fn the_admin_listener_documents_its_own() {
    let target = Target::start(&["--mode", "single"]);
    let host = &target.ready["admin"];
    let document = ask(host, "GET", "/openapi.json").json();
    let documented: BTreeSet<String> =
        operations(&document).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    // What is there is named to whoever asks for something else.
    let allowed = ask(host, "GET", "/nowhere").json()["allowed"].as_str().unwrap().to_owned();
    assert_eq!(allowed.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), documented);
    for (method, path, operation) in operations(&document) {
        let response = ask(host, &method, &filled(&path));
        assert!(
            operation["responses"].get(response.status.to_string()).is_some(),
            "{method} {path}: {}",
            response.status
        );
        assert!(![404, 405].contains(&response.status), "{method} {path}");
        // Another method is 405 with the documented ones.
        let refused = ask(host, "PATCH", &filled(&path));
        let allow = refused.header("allow").unwrap().to_owned();
        assert!(allow.split(',').any(|one| one.trim() == method), "{method} {path}: {allow}");
    }
    let stats = target.stats();
    let fields: BTreeSet<&String> = stats.as_object().unwrap().keys().collect();
    let schema = &document["paths"]["/stats"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    let properties: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
    // The end of a stretch stands in the answer where one was asked for.
    let until = "until".to_owned();
    assert_eq!(properties, fields.iter().copied().chain([&until]).collect());
    let required: BTreeSet<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(required, fields.iter().map(|field| field.as_str()).collect());
    assert!(document["components"].get("securitySchemes").is_none());
}

#[test]
fn writes_are_documented_with_the_token_that_they_need() {
    let target = Target::start(&["--mode", "single", "--admin-token", "a-token-that-is-long-enough"]);
    let host = &target.ready["admin"];
    let document = ask(host, "GET", "/openapi.json").json();
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    for (method, path, operation) in operations(&document) {
        let status = ask(host, &method, &filled(&path)).status;
        assert_eq!(status == 401, operation.get("security").is_some(), "{method} {path}: {status}");
    }
}

#[test]
fn the_page_asks_nobody_but_the_target() {
    let target = Target::start(&["--mode", "single"]);
    let host = &target.ready["admin"];
    for host in [target.address(), host] {
        let page = ask(host, "GET", "/docs");
        let policy = page.header("content-security-policy").unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
        let mut texts = vec![page.text()];
        for file in ["docs/page.css", "docs/page.js"] {
            assert!(page.text().contains(&format!("\"{file}\"")));
            let response = ask(host, "GET", &format!("/{file}"));
            assert_eq!(
                (response.status, response.header("x-content-type-options")),
                (200, Some("nosniff")),
                "{file}"
            );
            texts.push(response.text());
        }
        for text in texts {
            assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("innerHTML"), "{text}");
        }
        for other in ["/docs/other", "/docs/%ff", "/docs/..%2fpage.js"] {
            let refused = ask(host, "GET", other);
            assert_eq!(
                (refused.status, refused.header("content-type")),
                (404, Some("application/json")),
                "{other}"
            );
        }
    }
}

/// A browser sends the page's address with what is tried on it.
#[test]
fn what_is_tried_on_the_page_is_no_traffic_of_the_routes() {
    let target = Target::start(&["--mode", "single"]);
    let plan = r#"{"faults": [{"route": "/io", "kinds": [{"kind": "status", "code": 418, "rate": 1}]}]}"#;
    let get = |path: &str, lines: &str| {
        let mut client = target.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n{lines}\r\n")).unwrap();
        client.receive().unwrap().status
    };
    let tried = "Referer: http://target/under/a/prefix/docs\r\n";
    for (path, status) in [("/health", 200), ("/io?ms=1", 418), ("/cpu?iterations=1", 200), ("/nowhere", 404)] {
        if path != "/health" {
            // Not before: a plan has every request take the long way.
            assert_eq!(target.faults("PUT", plan).status, 200);
        }
        assert_eq!(get(path, tried), status, "{path}: as without the page");
        assert_eq!(get(path, "Referer: http://target/docs/other\r\n"), status, "{path}");
    }
    let stats = at_rest(&target);
    let finished = |path: &str| {
        let routes = stats["routes"].as_array().unwrap();
        routes.iter().filter(|route| route["route"] == path).map(|route| route["finished"].as_u64().unwrap()).sum()
    };
    let counts: Vec<u64> = ["/docs", "/health", "/io", "/cpu", "(none)"].map(finished).into();
    assert_eq!(counts, [4, 1, 1, 1, 1], "{stats}");
    assert_eq!(stats["totals"]["finished"], 8);
}
