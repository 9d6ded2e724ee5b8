//! Bodies that no route asked for.

use super::{HIDDEN, final_response, get};
use crate::support::client::Client;
use crate::support::target::{Target, at_rest};

fn post(length: usize) -> String {
    format!("POST /json HTTP/1.1\r\nHost: target\r\nContent-Length: {length}\r\n\r\n")
}

fn ask(client: &mut Client, sent: &[&[u8]]) -> u16 {
    for part in sent {
        client.send(part).unwrap();
    }
    final_response(client, "GET").unwrap().status
}

#[test]
fn they_are_read_and_the_connection_goes_on() {
    let target = Target::start(&["--mode", "single", "--max-body", "10MB"]);
    let mut client = target.connect();
    let large = vec![b'x'; 3_000_000];
    let chunk = [format!("{:x}\r\n", large.len()).as_bytes(), &large, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(ask(&mut client, &[post(5).as_bytes(), b"hello"]), 405);
    assert_eq!(ask(&mut client, &[post(large.len()).as_bytes(), &large]), 405);
    assert_eq!(ask(&mut client, &[get(&["Transfer-Encoding: chunked"]).as_bytes(), &chunk]), 200);
    // What looks like a request in it is none.
    assert_eq!(ask(&mut client, &[post(HIDDEN.len()).as_bytes(), HIDDEN.as_bytes()]), 405);
    // After the answer.
    assert_eq!(ask(&mut client, &[post(5).as_bytes()]), 405);
    assert_eq!(ask(&mut client, &[b"hello", get(&[]).as_bytes()]), 200);
    // Asked for, while the answer takes its time.
    let expecting = get(&["Expect: 100-continue", "Content-Length: 5"]).replace("/json", "/io?ms=50");
    client.send(expecting).unwrap();
    assert_eq!(client.receive().unwrap().status, 100);
    assert_eq!(ask(&mut client, &[b"hello"]), 200);
    assert_eq!(client.get("/plaintext").unwrap().text(), "Hello, World!");
    drop(client);
    let stats = at_rest(&target);
    assert_eq!((&stats["totals"]["finished"], &stats["totals"]["rejected"]), (&8.into(), &0.into()), "{stats}");
}

#[test]
fn whoever_sends_too_much_still_gets_the_answer() {
    let target = Target::start(&["--mode", "single", "--max-body", "1kB"]);
    let large = vec![b'x'; 500_000];
    let chunk = [format!("{:x}\r\n", large.len()).as_bytes(), &large, b"\r\n0\r\n\r\n"].concat();
    for (head, body, status) in
        [(post(large.len()), &large, 413), (get(&["Transfer-Encoding: chunked"]), &chunk, 200)]
    {
        let mut client = target.connect();
        let (first, rest) = body.split_at(5_000);
        assert_eq!(ask(&mut client, &[head.as_bytes(), first]), status);
        // It has not seen the answer yet and sends on: a reset in return could take the answer with it.
        for part in rest.chunks(100_000) {
            client.send(part).unwrap();
        }
        assert_eq!(client.read_to_end().unwrap(), b"", "an end, and no reset");
    }
    at_rest(&target);
}
