//! Who may ask what on the admin listener: pure rules over a request's head.
//!
//! A page from elsewhere must not be able to read or steer a target on the user's own machine. Its own name for this
//! address shows in Host (DNS rebinding), and itself in Origin.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version, header};

use crate::http::Refusal;

/// The way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A loopback address: whoever is on this machine, and every page that its browsers show.
    Loopback,
    /// Any other address: whoever reaches it.
    Elsewhere,
    /// A unix socket: whom its permissions let in.
    Unix,
}

/// The rules of one listener.
#[derive(Clone, Debug)]
pub struct Access {
    /// The way in.
    pub door: Door,
    /// What a write must show.
    pub token: Option<String>,
}

impl Access {
    /// Lets a request pass, or says why not.
    ///
    /// # Errors
    /// 400, 401, 403 or 421.
    pub fn check(&self, version: Version, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        // HTTP/1.0 knows no Host, and no browser speaks it.
        let needs_host = version > Version::HTTP_10 || headers.contains_key(header::HOST);
        if self.door == Door::Loopback {
            let host = needs_host.then(|| the_host(headers)).transpose()?;
            check_names(host, uri)?;
        }
        if is_write(method) {
            check_origin(headers)?;
            self.check_token(headers)?;
        }
        Ok(())
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = &self.token else {
            return match self.door {
                Door::Loopback | Door::Unix => Ok(()),
                Door::Elsewhere => Err(Refusal::new(
                    StatusCode::FORBIDDEN,
                    "where the admin address is not loopback, writes need a token: start the target with --admin-token",
                )),
            };
        };
        let Some(shown) = headers.get(header::AUTHORIZATION) else {
            let sentence = "writes need the header `Authorization: Bearer <the --admin-token of this target>`";
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, sentence);
            return Err(Refusal { challenge: Some("Bearer".to_owned()), ..refusal });
        };
        if bearer(shown.as_bytes()).is_some_and(|shown| same(shown, token.as_bytes())) {
            Ok(())
        } else {
            Err(Refusal::new(StatusCode::FORBIDDEN, "this is not the --admin-token of this target"))
        }
    }
}

fn is_write(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Each name under which this listener was asked must be one of loopback.
fn check_names(host: Option<Authority>, uri: &Uri) -> Result<(), Refusal> {
    let named = [host, uri.authority().cloned()];
    match named.into_iter().flatten().find(|name| !is_loopback(name)) {
        None => Ok(()),
        Some(foreign) => Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("this listener is 127.0.0.1, [::1] or localhost, and not {foreign}"),
        )),
    }
}

/// The one Host that a request must have.
fn the_host(headers: &HeaderMap) -> Result<Authority, Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a request needs one Host header"));
    };
    let authority = Authority::try_from(host.as_bytes()).ok().filter(|authority| !authority.as_str().contains('@'));
    authority.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "the Host header is not a host and a port"))
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// A browser says on every write which page it comes from; other clients say nothing.
fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
    if origins.peek().is_none() {
        return Ok(());
    }
    let host = the_host(headers)?;
    match origins.find(|origin| !is_same_place(origin.as_bytes(), &host)) {
        None => Ok(()),
        Some(foreign) => {
            let foreign = String::from_utf8_lossy(foreign.as_bytes()).into_owned();
            Err(Refusal::new(StatusCode::FORBIDDEN, format!("a page of {foreign} may not give orders to {host}")))
        }
    }
}

/// Whether an origin (`http://host:port`) is the host that was asked. `null` is nowhere.
fn is_same_place(origin: &[u8], host: &Authority) -> bool {
    let Some((default_port, origin)) = std::str::from_utf8(origin).ok().and_then(|origin| {
        let (scheme, rest) = origin.split_once("://")?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        Some((default_port, Authority::try_from(rest).ok()?))
    }) else {
        return false;
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    origin.host().eq_ignore_ascii_case(host.host()) && port(&origin) == port(host)
}

fn bearer(shown: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = shown.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Takes as long wherever the difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    let different = one.iter().zip(other).fold(0, |different, (one, other)| different | (one ^ other));
    std::hint::black_box(different) == 0 && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn answer(door: Door, token: Option<&str>, method: &Method, headers: &[(&'static str, &'static str)]) -> u16 {
        let access = Access { door, token: token.map(str::to_owned) };
        let checked = access.check(Version::HTTP_11, method, &Uri::from_static("/stats"), &head(headers));
        checked.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn on_loopback_the_host_must_be_a_loopback_name() {
        let get = |host| answer(Door::Loopback, None, &Method::GET, &[("host", host)]);
        for host in [
            "localhost",
            "LocalHost:8081",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]",
            "[::1]:8081",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(get(host), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "[::ffff:10.0.0.1]",
        ] {
            assert_eq!(get(host), 421, "{host}");
        }
        for host in ["", "a b", "evil@127.0.0.1"] {
            assert_eq!(get(host), 400, "{host}");
        }
        assert_eq!(answer(Door::Loopback, None, &Method::GET, &[]), 400);
        assert_eq!(
            answer(Door::Loopback, None, &Method::GET, &[("host", "localhost"), ("host", "localhost")]),
            400
        );
        let absolute = Uri::from_static("http://evil.example/stats");
        let access = Access { door: Door::Loopback, token: None };
        let refusal =
            access.check(Version::HTTP_11, &Method::GET, &absolute, &head(&[("host", "localhost")])).unwrap_err();
        assert_eq!(refusal.status, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(answer(Door::Elsewhere, None, &Method::GET, &[("host", "target.example")]), 200);
        assert_eq!(answer(Door::Unix, None, &Method::POST, &[]), 200);
    }

    #[test]
    fn http_1_0_needs_no_host_and_a_foreign_one_is_refused() {
        let access = Access { door: Door::Loopback, token: None };
        let answer = |method: &Method, uri: &'static str, headers: &[(&'static str, &'static str)]| {
            let checked = access.check(Version::HTTP_10, method, &Uri::from_static(uri), &head(headers));
            checked.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
        };
        assert_eq!(answer(&Method::GET, "/stats", &[]), 200);
        assert_eq!(answer(&Method::POST, "/marks", &[]), 200);
        assert_eq!(answer(&Method::GET, "/stats", &[("host", "localhost")]), 200);
        assert_eq!(answer(&Method::GET, "/stats", &[("host", "evil.example")]), 421);
        assert_eq!(answer(&Method::GET, "/stats", &[("host", "localhost"), ("host", "localhost")]), 400);
        assert_eq!(answer(&Method::GET, "http://evil.example/stats", &[]), 421);
        assert_eq!(answer(&Method::POST, "/marks", &[("origin", "http://evil.example")]), 400);
    }

    #[test]
    fn a_foreign_page_may_not_write() {
        let post =
            |host, origin| answer(Door::Loopback, None, &Method::POST, &[("host", host), ("origin", origin)]);
        assert_eq!(post("127.0.0.1:8081", "http://127.0.0.1:8081"), 200);
        assert_eq!(post("LOCALHOST", "http://localhost:80"), 200);
        assert_eq!(post("[::1]:8081", "http://[::1]:8081"), 200);
        for origin in
            ["http://evil.example", "http://127.0.0.1:3000", "http://localhost:8081", "null", "", "://", "file://"]
        {
            assert_eq!(post("127.0.0.1:8081", origin), 403, "{origin}");
        }
        let get = [("host", "127.0.0.1:8081"), ("origin", "http://evil.example")];
        assert_eq!(answer(Door::Loopback, None, &Method::GET, &get), 200);
        let two = [("host", "h"), ("origin", "http://h"), ("origin", "http://evil.example")];
        assert_eq!(answer(Door::Elsewhere, None, &Method::POST, &two), 403);
        assert_eq!(
            answer(Door::Unix, None, &Method::POST, &[("host", "x"), ("origin", "http://evil.example")]),
            403
        );
    }

    #[test]
    fn writes_show_the_token_where_there_is_one() {
        let post = |door, token, shown| {
            answer(door, token, &Method::POST, &[("host", "localhost"), ("authorization", shown)])
        };
        for door in [Door::Loopback, Door::Elsewhere, Door::Unix] {
            assert_eq!(answer(door, Some("s3cret"), &Method::POST, &[("host", "localhost")]), 401);
            assert_eq!(post(door, Some("s3cret"), "Bearer s3cret"), 200);
            assert_eq!(post(door, Some("s3cret"), "bearer  s3cret"), 200);
            for wrong in
                ["Bearer s3cre", "Bearer s3crets", "Bearer ", "Bearer", "s3cret", "Basic s3cret", "Bearer S3CRET"]
            {
                assert_eq!(post(door, Some("s3cret"), wrong), 403, "{wrong}");
            }
            assert_eq!(answer(door, Some("s3cret"), &Method::GET, &[("host", "localhost")]), 200);
        }
        assert_eq!(post(Door::Elsewhere, None, "Bearer anything"), 403);
        assert_eq!(answer(Door::Loopback, None, &Method::POST, &[("host", "localhost")]), 200);
    }
}
