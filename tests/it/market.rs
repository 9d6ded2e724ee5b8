//! The market's API starts by itself; a load script has a session and a cart to correlate, which any worker can check.

use rustix::process::Signal;

use crate::support::account::settle;
use crate::support::client::{Client, Response};
use crate::support::load::Tally;
use crate::support::postgres::Postgres;
use crate::support::target::{MODES, Target, at_rest, command, send, with_free_ports};
use crate::support::wait_for;

const MARKET: [&str; 4] = ["--profile", "market", "--db-rows", "1000"];

fn market(arguments: &[&str]) -> Target {
    Target::start(&[&MARKET, arguments].concat())
}

/// A request with a cookie.
fn ask(target: &Target, method: &str, path: &str, cookie: &str) -> Response {
    let mut client = target.connect();
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: target\r\nCookie: {cookie}\r\n\r\n")).unwrap();
    client.receive().unwrap()
}

/// The cookie of a new session, as a client sends it.
fn log_in(target: &Target) -> String {
    let answer = target.connect().request("POST", "/login").unwrap();
    let cookie = answer.header("set-cookie").expect("a session");
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_session_and_its_cart_are_checked_by_any_worker_and_its_successor() {
    for mode in MODES {
        let target = market(mode);
        let (session, other) = (log_in(&target), log_in(&target));
        assert!(session != other && session.starts_with("session="), "{session} {other}");
        let without = target.get("/cart");
        assert_eq!(
            (without.status, without.header("www-authenticate")),
            (401, Some("Cookie cookie-name=\"session\""))
        );
        // Among other cookies, and over many connections, so that each worker is asked.
        let carts: Vec<Response> =
            (0..12).map(|_| ask(&target, "GET", "/cart", &format!("theme=dark; {session}; a=b"))).collect();
        assert!(carts.iter().all(|cart| cart.status == 200), "{carts:?}");
        let cart = carts[0].json()["cart"].as_str().unwrap().to_owned();
        if mode.contains(&"cluster") {
            for slot in 0..2 {
                send(target.worker(slot).pid, Signal::KILL);
                wait_for("its successor", || {
                    Some(target.worker(slot)).filter(|worker| worker.generation == 2 && worker.state == "live")
                });
            }
        }
        let items = format!("/cart/{cart}/items");
        let checkout = format!("/cart/{cart}/checkout");
        for _ in 0..12 {
            assert_eq!([&items, &checkout].map(|path| ask(&target, "POST", path, &session).status), [201, 201]);
        }
        // Another session's cart, a cart that was never named, and a session that was never begun.
        let forged = |text: &str| text.replace(text.chars().last().unwrap(), "g");
        let refused = [
            (ask(&target, "POST", &items, &other), 404, "no such cart of this session"),
            (ask(&target, "POST", &forged(&items.replace("/items", "")), &session), 404, ""),
            (ask(&target, "POST", "/cart/0/items", &session), 404, "no such cart"),
            (ask(&target, "GET", "/cart", &forged(&session)), 401, "needs the cookie session"),
            (ask(&target, "GET", "/cart", "session="), 401, "needs the cookie session"),
            (ask(&target, "GET", "/cart", "session=ü€"), 401, "needs the cookie session"),
        ];
        for (answer, status, says) in refused {
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(answer.json()["error"].as_str().unwrap().contains(says), "{}", answer.text());
        }
        assert_eq!(target.end().code, Some(0));
    }
}

/// Statuses of so many requests at once.
fn at_once(target: &Target, path: &str, many: usize) -> Vec<u16> {
    let mut clients: Vec<Client> = (0..many).map(|_| target.connect()).collect();
    for client in &mut clients {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
    }
    clients.iter_mut().map(|client| client.receive().unwrap().status).collect()
}

#[test]
fn its_pool_is_exhausted_and_a_longer_queue_or_a_larger_pool_takes_that_away() {
    for (sets, is_exhausted) in [
        (&["--set", "pool=1"][..], true),
        (&["--set", "pool=1", "--set", "queue=on"], false),
        (&["--set", "pool=20"], false),
    ] {
        let target = market(&[sets, &["--pool-threads", "20"]].concat());
        let statuses = at_once(&target, "/accounts", 20);
        let timed_out = statuses.iter().filter(|status| **status == 503).count() as u64;
        assert_eq!(timed_out > 0, is_exhausted, "{sets:?}: {statuses:?}");
        assert!(
            statuses.iter().all(|status| [200, 503].contains(status)) && statuses.contains(&200),
            "{statuses:?}"
        );
        let stats = at_rest(&target);
        assert_eq!(stats["totals"]["db"]["timeouts"], timed_out, "{stats}");
        settle(target, &Tally { not_ok: timed_out, ..Tally::default().and_answered(20) }, false);
    }
}

/// The same API on a server: a session and its cart, each of its queries, and a pool that is exhausted.
#[test]
fn on_a_server_its_requests_wait_for_the_pool_likewise() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let directory = tempfile::TempDir::new().unwrap();
    let flags = [&MARKET[..], &["--mode", "cluster", "--workers", "2", "--set", "pool=1"]].concat();
    let mut program = command(&with_free_ports(&flags), directory.path());
    program.env("QUINTAIN_DATABASE_URL", &postgres.url);
    let target = Target::start_with(program, directory);
    let session = log_in(&target);
    let cart = ask(&target, "GET", "/cart", &session).json()["cart"].as_str().unwrap().to_owned();
    let of_queries = ["/market/", "/market/filters", "/presale/", &format!("/cart/{cart}/items")];
    for path in of_queries {
        let status = ask(&target, "POST", path, &session).status;
        assert!([200, 201, 404].contains(&status), "{path}: {status}");
    }
    let statuses = at_once(&target, "/accounts", 40);
    let timed_out = statuses.iter().filter(|status| **status == 503).count() as u64;
    assert!(timed_out > 0 && statuses.contains(&200), "{statuses:?}");
    let database = &at_rest(&target)["totals"]["db"];
    assert_eq!((&database["timeouts"], &database["failures"]), (&timed_out.into(), &0.into()), "{database}");
    // Of these no account was kept but the target's own.
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn its_rate_limit_is_one_for_the_whole_api() {
    let target = market(&["--set", "rate_limit=1", "--set", "pool=100"]);
    let statuses = [at_once(&target, "/accounts", 30), at_once(&target, "/nft/my", 40)].concat();
    let limited = statuses.iter().filter(|status| **status == 429).count() as u64;
    let stats = at_rest(&target);
    assert_eq!(stats["totals"]["rate_limited"], limited, "{statuses:?}");
    // 50 at once, and one a second meanwhile.
    assert!((10..=20).contains(&limited), "{limited}");
    settle(target, &Tally { not_ok: limited, ..Tally::default().and_answered(70) }, false);
}
