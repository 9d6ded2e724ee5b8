//! What hyper says to a client of HTTP/1.0, put right.

use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use http_body::Body;

/// Has a response that ends its connection say so to a client of HTTP/1.0 that asks for `keep-alive`. One of unknown
/// length ends it, since without chunks only that tells where the body ends (RFC 9112, 6.3). hyper would add `keep-alive`
/// to both, unless the response is one of HTTP/1.0 itself.
pub fn adapted_to(version: Version, mut response: Response) -> Response {
    if version >= Version::HTTP_11 {
        return response;
    }
    let says_close = response.headers().contains_key(header::CONNECTION);
    if !says_close && response.body().size_hint().exact().is_some() {
        return response;
    }
    *response.version_mut() = version;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
