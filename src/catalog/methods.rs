//! Sets of HTTP methods. Knows nothing of paths.

use std::fmt;

use http::Method;

/// A set of the methods that data planes know: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS.
/// Every other method is in no set; TRACE and CONNECT are among those.
///
/// Its `Display` is the value of an `Allow` header (RFC 9110 §10.2.1), empty for the empty set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Methods(u8);

impl Methods {
    pub const NONE: Methods = Methods(0);
    /// GET and with it HEAD, which asks for the same without the body.
    pub const GET: Methods = Methods(0b1).union(Methods::HEAD);
    pub const HEAD: Methods = Methods(0b10);
    pub const POST: Methods = Methods(0b100);
    pub const PUT: Methods = Methods(0b1000);
    pub const PATCH: Methods = Methods(0b1_0000);
    pub const DELETE: Methods = Methods(0b10_0000);
    pub const OPTIONS: Methods = Methods(0b100_0000);

    /// The set that a method's name stands for, in upper case: of GET, HEAD too.
    pub fn named(name: &str) -> Option<Methods> {
        let known = KNOWN.iter().find(|method| method.as_str() == name)?;
        Some(if *known == Method::GET { Methods::GET } else { Methods(bit(known)) })
    }

    #[must_use]
    pub const fn intersection(self, other: Methods) -> Methods {
        Methods(self.0 & other.0)
    }

    #[must_use]
    pub const fn union(self, other: Methods) -> Methods {
        Methods(self.0 | other.0)
    }

    pub fn contains(self, method: &Method) -> bool {
        self.0 & bit(method) != 0
    }
}

/// In the order in which `Allow` names them.
const KNOWN: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

const fn bit(method: &Method) -> u8 {
    match *method {
        Method::GET => 0b1,
        Method::HEAD => Methods::HEAD.0,
        Method::POST => Methods::POST.0,
        Method::PUT => Methods::PUT.0,
        Method::PATCH => Methods::PATCH.0,
        Method::DELETE => Methods::DELETE.0,
        Method::OPTIONS => Methods::OPTIONS.0,
        _ => 0,
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for method in KNOWN.iter().filter(|method| self.contains(method)) {
            write!(f, "{comma}{method}")?;
            comma = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let all = [Methods::POST, Methods::PUT, Methods::PATCH, Methods::DELETE, Methods::OPTIONS]
            .into_iter()
            .fold(Methods::GET, Methods::union);
        for method in &KNOWN {
            assert!(all.contains(method), "{method}");
            assert!(!Methods::NONE.contains(method), "{method}");
        }
        assert!(!all.contains(&Method::TRACE));
        assert!(!all.contains(&Method::CONNECT));
        let own = Method::from_bytes(b"get").expect("a token");
        assert!(!all.contains(&own), "methods are case-sensitive");
        assert!(Methods::GET.contains(&Method::HEAD));
        assert!(!Methods::HEAD.contains(&Method::GET));
        assert!(!Methods::POST.contains(&Method::PUT));
    }

    #[test]
    fn shows_what_allow_carries() {
        assert_eq!(Methods::DELETE.union(Methods::GET).to_string(), "GET, HEAD, DELETE");
        assert_eq!(Methods::POST.to_string(), "POST");
        assert_eq!(Methods::NONE.to_string(), "");
    }
}
