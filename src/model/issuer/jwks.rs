//! JWK sets (RFC 7517 §5) as identity providers publish them: what can check signatures is taken,
//! the rest is skipped and counted.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::model::{Algorithm, KeyError, KeyId, PublicKey};

/// The most members of a set.
pub const MAX_KEYS: usize = 100;

/// Why a text is no key set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    #[error("expected a JWK set, a JSON object with a list `keys`: {0}")]
    Form(String),
    #[error("a key set has at most {MAX_KEYS} keys, this one has {0}")]
    TooMany(usize),
}

/// A key of a set. Tokens name it by its id, and are signed by its algorithm and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetKey {
    pub id: KeyId,
    pub public: PublicKey,
    /// As the set says, or else the usual one for the kind of key.
    pub algorithm: Algorithm,
}

/// A set as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    /// No id twice; in the order of ids.
    pub keys: Vec<SetKey>,
    /// Why each of the other members was not taken.
    pub skipped: Vec<Skipped>,
}

/// Why a member of a set is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// It holds private parts: whoever has read the set can sign with it.
    Private,
    /// No token could name it.
    NoId,
    /// Two keys of one id: nobody can say which one is meant.
    Duplicate(KeyId),
    /// Symmetric, for encryption, of an unknown kind, or damaged.
    Unusable(KeyError),
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skipped::Private => f.write_str("it holds private parts"),
            Skipped::NoId => f.write_str("it has no kid"),
            Skipped::Duplicate(id) => write!(f, "another key has its kid {id}"),
            Skipped::Unusable(error) => error.fmt(f),
        }
    }
}

impl KeySet {
    pub fn read(text: &[u8]) -> Result<Self, JwksError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }

        let document: Document<'_> =
            serde_json::from_slice(text).map_err(|error| JwksError::Form(error.to_string()))?;
        if document.keys.len() > MAX_KEYS {
            return Err(JwksError::TooMany(document.keys.len()));
        }
        let (mut by_id, mut skipped) = (BTreeMap::<KeyId, Vec<SetKey>>::new(), Vec::new());
        for member in document.keys {
            match read(member.get()) {
                Ok(key) => by_id.entry(key.id.clone()).or_default().push(key),
                Err(why) => skipped.push(why),
            }
        }
        let mut keys = Vec::with_capacity(by_id.len());
        for (id, mut same) in by_id {
            match same.len() {
                1 => keys.append(&mut same),
                more => skipped.extend(std::iter::repeat_n(Skipped::Duplicate(id), more)),
            }
        }
        Ok(KeySet { keys, skipped })
    }
}

fn read(member: &str) -> Result<SetKey, Skipped> {
    let key = PublicKey::read(member).map_err(Skipped::Unusable)?;
    if has_private_parts(member) {
        return Err(Skipped::Private);
    }
    let id = key.id.ok_or(Skipped::NoId)?;
    let algorithm = key.algorithm.unwrap_or_else(|| Algorithm::default_for(key.key.kind()));
    Ok(SetKey { id, public: key.key, algorithm })
}

/// Whether a JWK has any member that only private keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1). What
/// cannot be read counts as such.
fn has_private_parts(jwk: &str) -> bool {
    #[derive(Deserialize)]
    struct Private {
        d: Option<IgnoredAny>,
        p: Option<IgnoredAny>,
        q: Option<IgnoredAny>,
        dp: Option<IgnoredAny>,
        dq: Option<IgnoredAny>,
        qi: Option<IgnoredAny>,
        oth: Option<IgnoredAny>,
        k: Option<IgnoredAny>,
    }

    let Ok(Private { d, p, q, dp, dq, qi, oth, k }) = serde_json::from_str(jwk) else { return true };
    [d, p, q, dp, dq, qi, oth, k].iter().any(Option::is_some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// A fresh Ed25519 key as a set has it.
    fn ed25519(kid: &str) -> Value {
        let pair = Ed25519KeyPair::generate().expect("randomness");
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())})
    }

    fn p256(kid: &str) -> Value {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("randomness");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }

    /// An odd number of 2048 bits, which is all that can be seen of a modulus.
    fn rsa() -> Value {
        json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB"})
    }

    fn with(mut jwk: Value, name: &str, value: Value) -> Value {
        jwk[name] = value;
        jwk
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).expect("a set")
    }

    fn ids(set: &KeySet) -> Vec<&str> {
        set.keys.iter().map(|key| key.id.as_str()).collect()
    }

    #[test]
    fn usable_keys_are_taken_with_their_algorithm() {
        let read = set(&[
            with(rsa(), "kid", json!("r")),
            with(with(rsa(), "kid", json!("pss")), "alg", json!("PS512")),
            p256("e"),
            with(ed25519("x"), "alg", json!("EdDSA")),
        ]);
        let algorithms: Vec<_> = read.keys.iter().map(|key| (key.id.as_str(), key.algorithm)).collect();
        let expected = [
            ("e", Algorithm::ES256),
            ("pss", Algorithm::PS512),
            ("r", Algorithm::RS256),
            ("x", Algorithm::EdDSA),
        ];
        assert_eq!((algorithms.as_slice(), read.skipped.as_slice()), (&expected[..], &[][..]));
    }

    #[test]
    fn what_cannot_be_trusted_is_skipped_and_counted() {
        let mut no_kid = ed25519("a");
        no_kid.as_object_mut().expect("an object").remove("kid");
        let unusable = |read: &KeySet| matches!(read.skipped[..], [Skipped::Unusable(_)]);
        for (member, expected) in [
            (with(ed25519("a"), "d", json!("c2VjcmV0")), Skipped::Private),
            (with(ed25519("a"), "k", json!("c2VjcmV0")), Skipped::Private),
            (with(ed25519("a"), "oth", json!([])), Skipped::Private),
            (no_kid, Skipped::NoId),
            (json!({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}), Skipped::Unusable(KeyError::Symmetric)),
            (
                json!({"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}),
                Skipped::Unusable(KeyError::Symmetric),
            ),
            (with(ed25519("a"), "use", json!("enc")), Skipped::Unusable(KeyError::Use("enc".into()))),
        ] {
            let read = set(&[ed25519("good"), member.clone()]);
            assert_eq!((ids(&read), &read.skipped[..]), (vec!["good"], &[expected][..]), "{member}");
        }
        for member in [
            json!({"kty": "AKP", "kid": "a"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "a"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "a"}),
            with(ed25519("a"), "alg", json!("HS256")),
            with(ed25519("a"), "alg", json!("RS256")),
            with(ed25519("a"), "kid", json!("a b")),
            with(ed25519("a"), "kid", json!(7)),
            json!({}),
            json!("a"),
            json!(null),
            json!([ed25519("a")]),
        ] {
            let read = set(&[ed25519("good"), member.clone()]);
            assert!(ids(&read) == ["good"] && unusable(&read), "{member}: {:?}", read.skipped);
        }
    }

    #[test]
    fn of_two_keys_with_one_id_neither_is_taken() {
        let read = set(&[ed25519("a"), ed25519("b"), ed25519("a")]);
        assert_eq!(ids(&read), ["b"]);
        assert_eq!(read.skipped, vec![Skipped::Duplicate(KeyId::parse("a").expect("an id")); 2]);
        // A member twice inside one key is no key.
        let x = ed25519("a")["x"].clone();
        let twice = format!(r#"{{"keys":[{{"kty":"oct","kty":"OKP","crv":"Ed25519","kid":"a","x":{x}}}]}}"#);
        assert_eq!(KeySet::read(twice.as_bytes()).expect("a set").keys, []);
    }

    #[test]
    fn sets_are_bounded_and_are_sets() {
        let many: Vec<Value> = (0..=MAX_KEYS).map(|_| json!({})).collect();
        assert_eq!(set(&many[1..]).skipped.len(), MAX_KEYS);
        let text = json!({ "keys": many }).to_string();
        assert_eq!(KeySet::read(text.as_bytes()), Err(JwksError::TooMany(MAX_KEYS + 1)));
        assert_eq!(set(&[]), KeySet::default());
        let deep = format!(r#"{{"keys":[{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for bad in
            ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]} x"#, r#"{"keys":[],"keys":[]}"#, "\u{0}", &deep]
        {
            let read = KeySet::read(bad.as_bytes());
            let refused = match &read {
                Ok(set) => bad == deep && set.keys.is_empty(),
                Err(JwksError::Form(_)) => true,
                Err(JwksError::TooMany(_)) => false,
            };
            assert!(refused, "{bad:.50}: {read:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = KeySet::read(&bytes);
        }
    }
}
