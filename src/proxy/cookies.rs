//! The cookies of a request on its way to a back end, without the tickets of people who are signed in
//! at the admin port: browsers send a host's cookies to all its ports. Knows no other header.

use http::header::{self, HeaderMap, HeaderValue};
use memchr::memmem;

use crate::model::{SESSION_COOKIES, Ticket, TicketKind};

/// Takes out of all cookies those that carry a session of the gateway's own, by name or by value.
pub fn strip(headers: &mut HeaderMap) {
    let ours = |line: &HeaderValue| line.as_bytes().split(|b| *b == b';').any(is_session);
    if !headers.get_all(header::COOKIE).iter().any(ours) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().filter_map(without).collect();
    headers.remove(header::COOKIE);
    for line in lines {
        headers.append(header::COOKIE, line);
    }
}

/// What is left of a line of cookies, if anything is.
fn without(line: &HeaderValue) -> Option<HeaderValue> {
    let kept: Vec<&[u8]> = line.as_bytes().split(|b| *b == b';').filter(|pair| !is_session(pair)).collect();
    let kept = kept.join(&b";"[..]);
    HeaderValue::from_bytes(kept.trim_ascii()).ok().filter(|kept| !kept.is_empty())
}

/// Whether a pair of name and value is a session. Back ends differ in what they take for a name and
/// for quotes, so a ticket anywhere in it counts.
fn is_session(pair: &[u8]) -> bool {
    let name = pair.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
    SESSION_COOKIES.iter().any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
        || memmem::find(pair, Ticket::prefix(TicketKind::Session).as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(lines: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        strip(&mut headers);
        let left = headers.get_all(header::COOKIE).iter();
        left.map(|line| line.to_str().expect("text").to_owned()).collect()
    }

    #[test]
    fn sessions_go_and_all_else_stays() {
        for same in ["a=1; tenantry2=x; b", "JWT=eyJh.e.x", " a ;; b=\"tns\"", "x=tenantry"] {
            assert_eq!(stripped(&[same]), [same]);
        }
        assert_eq!(stripped(&["a=1; tenantry=x; b=2"]), ["a=1; b=2"]);
        assert_eq!(stripped(&["__Host-tenantry=x;a=1"]), ["a=1"]);
        assert_eq!(stripped(&["JWT=\"tns_x\"; a=1", "TENANTRY =x", "b=2"]), ["a=1", "b=2"]);
        assert_eq!(stripped(&["tenantry=x"]), [""; 0]);
    }
}
