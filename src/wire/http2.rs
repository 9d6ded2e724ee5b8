//! What a client that begins with HTTP/2 is answered, in its own language.

/// Type and length of a frame's head on stream 0, without flags (RFC 9113, 4.1).
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    [&length[1..], &[kind, 0, 0, 0, 0, 0], payload].concat()
}

/// The server's preface, which is an empty SETTINGS, and a GOAWAY that asks for HTTP/1.1 and has `sentence` as its debug
/// data (RFC 9113, 3.4 and 6.8). No stream was opened, so that the client may ask again.
#[must_use]
pub fn go_away(sentence: &str) -> Vec<u8> {
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const HTTP_1_1_REQUIRED: u32 = 0xd;
    let no_stream = 0_u32.to_be_bytes();
    let payload = [&no_stream, &HTTP_1_1_REQUIRED.to_be_bytes(), sentence.as_bytes()].concat();
    [frame(SETTINGS, &[]), frame(GOAWAY, &payload)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_are_as_the_rfc_has_them() {
        let sent = go_away("no");
        assert_eq!(sent[..9], [0, 0, 0, 4, 0, 0, 0, 0, 0]);
        assert_eq!(sent[9..18], [0, 0, 10, 7, 0, 0, 0, 0, 0]);
        assert_eq!(sent[18..], [0, 0, 0, 0, 0, 0, 0, 13, b'n', b'o']);
    }
}
