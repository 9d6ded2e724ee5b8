//! The report says what requests waited for at the database: a connection, its one writer or a missing index. And it is silent
//! where they waited for none.

use std::thread;

use crate::support::target::Target;

/// Loads the target by several clients at once, and gives its report.
fn report(flags: &[&str], clients: usize, path: &str) -> String {
    let target = Target::start(&[&["--db"], flags].concat());
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut client = target.connect();
                for _ in 0..40 {
                    let answer = client.get(path).unwrap();
                    assert!([200, 503].contains(&answer.status), "{}", answer.text());
                }
            });
        }
    });
    target.end().report()
}

const SINGLE: [&str; 4] = ["--mode", "single", "--db-rows", "1000"];

#[test]
fn a_pool_that_is_too_small_is_found_and_one_that_is_large_enough_is_not() {
    let of_so_many = |pool: &'static str, more: &[&'static str]| {
        report(&[&SINGLE[..], &["--db-pool", pool], more].concat(), 8, "/db?think=5ms")
    };
    let found = of_so_many("2", &[]);
    assert!(
        found.contains("equests waited ") && found.contains("for a database connection (--db-pool 2)"),
        "{found}"
    );
    let in_vain = of_so_many("1", &["--db-acquire-timeout", "10ms"]);
    assert!(in_vain.contains("got none in time, and a 503"), "{in_vain}");
    let silent = of_so_many("16", &[]);
    assert!(!silent.contains("for a database connection (--db-pool"), "{silent}");
}

#[test]
fn the_one_writer_is_found_where_transactions_wait_for_it() {
    let by = |path: &str| report(&SINGLE, 4, path);
    let found = by("/db?query=contend&think=3ms&on=pool");
    assert!(found.contains("of the database's time was waiting for its one writer"), "{found}");
    let silent = by("/db?query=point&think=3ms&on=pool");
    assert!(!silent.contains("its one writer"), "{silent}");
}

#[test]
fn the_cpu_of_the_database_is_found_where_queries_compute() {
    let flags = ["--mode", "single", "--db-rows", "100000"];
    let found = report(&flags, 3, "/db?query=aggregate&rows=50000");
    assert!(found.contains("he database used ") && found.contains("of the CPU that the target used"), "{found}");
    let silent = report(&flags, 3, "/io?ms=1");
    assert!(!silent.contains("of the CPU that the target used"), "{silent}");
}

#[test]
fn a_missing_index_is_found_where_tables_are_read_to_their_end() {
    let flags = ["--mode", "single", "--db-rows", "100000"];
    let found = report(&flags, 3, "/db?indexed=no");
    assert!(found.contains("ueries without an index took "), "{found}");
    let silent = report(&flags, 3, "/db?indexed=yes");
    assert!(!silent.contains("without an index"), "{silent}");
}
