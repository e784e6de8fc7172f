//! Why requests are refused, in words for an operator who asks. Callers are told less: see `reject`.

use super::reject::{Bad, Refusal};
use crate::auth::Failure;

/// Why the path phase refused.
pub(super) fn untargeted(refusal: Refusal) -> String {
    match refusal {
        Refusal::Bad(Bad::Host) => "the URL does not name exactly one host".to_owned(),
        Refusal::Bad(_) => {
            "the path is not in canonical form: it has empty or dot segments, or escapes that need not be or \
             must not be there"
                .to_owned()
        }
        Refusal::NoSuchMethod => "CONNECT and TRACE are never forwarded".to_owned(),
        Refusal::NoService => "no rule of any service covers this host and path".to_owned(),
        Refusal::Unlisted => {
            "the service's table does not list this path, so it is out of reach (see `unlisted` of the service)"
                .to_owned()
        }
        Refusal::OtherMethods(methods) => format!("the service's table lists this path with {methods} only"),
        Refusal::Unauthenticated(failure) => unknown(failure).to_owned(),
        Refusal::Denied(_)
        | Refusal::TooLarge
        | Refusal::SlowBody
        | Refusal::BrokenBody
        | Refusal::Upstream(_)
        | Refusal::Internal => refusal.reason().to_owned(),
    }
}

/// Why a caller is not known.
pub(super) const fn unknown(failure: Failure) -> &'static str {
    match failure {
        Failure::Missing => "there is no Authorization header, or an empty one",
        Failure::Ambiguous => "there is more than one credential",
        Failure::Scheme => "the credential is neither `Bearer TOKEN` nor `Basic` with a user and a password",
        Failure::TooLong => "the credential is longer than any token is",
        Failure::Malformed => "the token is broken: a part is missing, or does not fit its check digits",
        Failure::Extension => "the token wants an extension (`crit`, `b64`) that nobody understands here",
        Failure::NoKeyId => "the token names no key (`kid`), and no key is the fallback for such tokens",
        Failure::UnknownKey => "no trusted key has the token's `kid`",
        Failure::Algorithm => "the token's `alg` is not that of its key",
        Failure::Expired => "the token is past its end",
        Failure::NoExpiry => "the token has no `exp`, and its key asks for one",
        Failure::NotYet => "the token's `nbf` or `iat` lies in the future",
        Failure::Issuer => "the token's `iss` is not the one that its key asks for",
        Failure::Audience => "the token's `aud` is not the one that its key asks for",
        Failure::NoTenant => "the token names no tenant in the claim in which its key looks for it",
        Failure::KeyScope => "the token's key may not speak for the tenant that the token names",
        Failure::OtherTenant => "the credential is good, but gives no access to the tenant of this URL",
        Failure::Signature => "the signature is not that of the token's key",
        Failure::UnknownToken => "there is no such API token: it was revoked, or never given out",
        Failure::Disabled => "the account is switched off",
        Failure::Password => {
            "a password decides here, and it is not checked for an explanation: ask with the user instead"
        }
        Failure::Locked { .. } => "the address or the user is locked after too many failed attempts",
        Failure::Busy => "too many passwords wait to be checked",
        Failure::Broken => "the password could not be checked; the log of the gateway says why",
    }
}
