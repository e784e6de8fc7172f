//! The credential of a request, and every way in which it can fail.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

use super::checker::Refused;
use crate::model::{Secret, Ticket, TicketKind};

/// Longest token: above what identity providers send with long lists of groups.
pub(super) const MAX_TOKEN: usize = 16 * 1024;

/// Longest credential: a token as the password of `Basic`, with room for a user name.
const MAX_CREDENTIAL: usize = MAX_TOKEN * 4 / 3 + 512;

const BASIC_SCHEME: &[u8] = b"basic ";

/// With or without padding: agents do both.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One table of failures, each with its label.
macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident $({ $field:ident: $type:ty })? = $label:literal,)+) => {
        /// Why a caller is not known. For logs and metrics; callers are told less.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Failure {
            $($(#[$doc])* $name $({ $field: $type })?,)+
        }

        /// The labels of authentication outcomes: a success, then [`Failure`] in its order.
        pub const OUTCOMES: &[&str] = &["ok", $($label),+];

        #[derive(Clone, Copy)]
        enum Place {
            $($name),+
        }

        impl Failure {
            const fn place(self) -> Place {
                match self {
                    $(Failure::$name $({ $field: _ })? => Place::$name,)+
                }
            }
        }
    };
}

failures! {
    /// No `Authorization` header, or an empty one.
    Missing = "missing",
    /// Two credentials, so nobody can say which one counts.
    Ambiguous = "ambiguous",
    /// Neither `Bearer TOKEN` nor `Basic` with a user and a password.
    Scheme = "scheme",
    TooLong = "too_long",
    /// Not three parts of base64url with JSON objects in the first two.
    Malformed = "malformed",
    /// `crit` or `b64` (RFC 7515 §4.1.11, RFC 7797): extensions that are not understood here.
    Extension = "extension",
    /// No `kid`, and no key for tokens without.
    NoKeyId = "no_kid",
    UnknownKey = "unknown_key",
    /// Not the key's own algorithm.
    Algorithm = "algorithm",
    Expired = "expired",
    /// No `exp`, and the key wants one.
    NoExpiry = "no_exp",
    /// `nbf` or `iat` lies ahead.
    NotYet = "not_yet",
    Issuer = "issuer",
    Audience = "audience",
    /// No tenant in the claim where the key's tokens have it.
    NoTenant = "no_tenant",
    /// A tenant for which the key may not speak.
    KeyScope = "key_scope",
    OtherTenant = "other_tenant",
    Signature = "signature",
    /// An API token that does not exist, or is not the one that does.
    UnknownToken = "unknown_token",
    /// An account that is switched off.
    Disabled = "disabled",
    /// No such user, or not their password.
    Password = "password",
    /// Too many wrong passwords: of this address, or of it for this user.
    Locked { retry_after: Duration } = "locked",
    /// More passwords wait to be checked than there is room for, or time.
    Busy = "busy",
    /// No thread to check a password, or one that panicked; the log says so.
    Broken = "broken",
}

impl Failure {
    /// Its place in [`OUTCOMES`].
    pub const fn outcome(self) -> usize {
        self.place() as usize + 1
    }

    pub fn reason(self) -> &'static str {
        OUTCOMES[self.outcome()]
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong => Failure::Password,
            Refused::Locked { retry_after } => Failure::Locked { retry_after },
            Refused::Busy => Failure::Busy,
            Refused::Broken => Failure::Broken,
        }
    }
}

/// The one `Authorization` value of a request. Two of them, or two in one, are refused: back ends
/// and gateways have disagreed on which counts (CVE-2025-64527).
pub fn credential(headers: &HeaderMap) -> Result<&HeaderValue, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Failure::Missing),
        (Some(_), Some(_)) => Err(Failure::Ambiguous),
        (Some(value), None) => sole(value),
    }
}

/// A value of `Authorization` that is one credential.
pub(super) fn sole(value: &HeaderValue) -> Result<&HeaderValue, Failure> {
    match value.as_bytes() {
        [] => Err(Failure::Missing),
        bytes if memchr::memchr(b',', bytes).is_some() => Err(Failure::Ambiguous),
        _ => Ok(value),
    }
}

/// What a credential turns out to be.
pub(super) enum Shown<'c> {
    /// `Bearer TOKEN` (RFC 6750 §2.1), or a token as the password of `Basic` (RFC 7617), whatever
    /// the user name.
    Token(Cow<'c, str>),
    /// `Basic` with a user's own password.
    Password(String, Secret),
}

/// Whether a credential is of `Basic`, so that it may be a password.
pub fn is_basic(credential: &[u8]) -> bool {
    credential.get(..BASIC_SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(BASIC_SCHEME))
}

/// Reads a credential.
pub(super) fn shown(credential: &[u8]) -> Result<Shown<'_>, Failure> {
    if credential.len() > MAX_CREDENTIAL {
        return Err(Failure::TooLong);
    }
    let text = std::str::from_utf8(credential).map_err(|_| Failure::Scheme)?;
    let (scheme, rest) = text.split_once(' ').ok_or(Failure::Scheme)?;
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        bounded(rest.len()).map(|()| Shown::Token(Cow::Borrowed(rest)))
    } else if scheme.eq_ignore_ascii_case("basic") {
        let (user, password) = user_and_password(rest).ok_or(Failure::Scheme)?;
        bounded(password.reveal().len())?;
        Ok(match is_token(password.reveal()) {
            true => Shown::Token(Cow::Owned(password.reveal().to_owned())),
            false => Shown::Password(user, password),
        })
    } else {
        Err(Failure::Scheme)
    }
}

/// The user that the credential of a request names, or nobody, and what it claims to be, as in
/// [`Actor::via`](crate::model::Actor::via): for those who tell of its refusal.
pub fn claimed(headers: &HeaderMap) -> (String, &'static str) {
    match credential(headers).and_then(|value| shown(value.as_bytes())) {
        Ok(Shown::Password(user, _)) => (user, "password"),
        Ok(Shown::Token(text)) if Ticket::claimed(TicketKind::ApiToken, &text) => {
            (String::new(), "api_token")
        }
        Ok(Shown::Token(_)) => (String::new(), "jwt"),
        Err(_) => (String::new(), "none"),
    }
}

fn bounded(len: usize) -> Result<(), Failure> {
    match len {
        0 => Err(Failure::Scheme),
        1..=MAX_TOKEN => Ok(()),
        _ => Err(Failure::TooLong),
    }
}

/// Whether a password is a token: one of ours, or a JSON object in base64url before two dots.
pub fn is_token(password: &str) -> bool {
    Ticket::claimed(TicketKind::ApiToken, password)
        || (password.starts_with("eyJ") && password.bytes().filter(|byte| *byte == b'.').count() == 2)
}

/// The value of `Basic` (RFC 7617 §2), with or without padding.
pub fn user_and_password(encoded: &str) -> Option<(String, Secret)> {
    let bytes = Zeroizing::new(BASIC.decode(encoded).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((user.to_owned(), Secret::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|v| (header::AUTHORIZATION, HeaderValue::from_str(v).expect("a value"))).collect()
    }

    #[test]
    fn a_request_has_one_credential_or_none() {
        assert_eq!(credential(&headers(&[])), Err(Failure::Missing));
        assert_eq!(credential(&headers(&[""])), Err(Failure::Missing));
        assert_eq!(credential(&headers(&["Bearer a", "Bearer b"])), Err(Failure::Ambiguous));
        assert_eq!(credential(&headers(&["Basic a, Bearer b"])), Err(Failure::Ambiguous));
        assert!(credential(&headers(&["Bearer a"])).is_ok());
    }

    #[test]
    fn tokens_come_as_bearer_or_as_a_password() {
        let basic = |text: &str| format!("basic {}", BASIC.encode(text));
        let token = |credential: &[u8]| match shown(credential) {
            Ok(Shown::Token(token)) => Ok(token.into_owned()),
            Ok(Shown::Password(user, password)) => Ok(format!("{user} has {}", password.reveal())),
            Err(failure) => Err(failure),
        };
        assert_eq!(token(b"Bearer abc").as_deref(), Ok("abc"));
        assert_eq!(token(b"bearer  abc").as_deref(), Ok("abc"));
        assert_eq!(token(basic("user:tnt_abc").as_bytes()).as_deref(), Ok("tnt_abc"));
        assert_eq!(token(basic("acme:eyJh.eyJz.c2ln").as_bytes()).as_deref(), Ok("eyJh.eyJz.c2ln"));
        assert_eq!(token(basic("ann:a:b").as_bytes()).as_deref(), Ok("ann has a:b"));
        for bad in
            ["Bearer", "Bearer ", "abc", "Digest abc", "Basic !", "Basic YWJj", "xyzBearer abc", "\u{fffd} a"]
        {
            assert_eq!(token(bad.as_bytes()), Err(Failure::Scheme), "{bad:?}");
        }
        assert_eq!(token(&[b"Bearer ".as_slice(), &[b'a'; MAX_TOKEN + 1]].concat()), Err(Failure::TooLong));
    }

    #[test]
    fn every_failure_has_its_own_label() {
        assert_eq!(Failure::Missing.reason(), "missing");
        assert_eq!(Failure::Signature.reason(), "signature");
        let locked = Failure::from(Refused::Locked { retry_after: Duration::from_secs(7) });
        assert_eq!(locked.reason(), "locked");
        assert_eq!(Failure::Broken.outcome(), OUTCOMES.len() - 1);
    }

    proptest! {
        #[test]
        fn any_credential_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = shown(&bytes);
        }
    }
}
