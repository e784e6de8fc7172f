//! Public keys from JWK (RFC 7517, RFC 7518 §6, RFC 8037). Private members are never taken out of
//! the text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{KeyError, KeyKind, PublicKey, ReadKey};
use crate::model::{Algorithm, KeyId};

/// The members we look at, as written.
#[derive(Deserialize)]
struct Jwk {
    kty: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    keys: Option<IgnoredAny>,
}

/// Reads one JWK from a text that begins with `{`.
pub(super) fn read(text: &str) -> Result<ReadKey, KeyError> {
    let jwk: Jwk = serde_json::from_str(text).map_err(|error| KeyError::Jwk(error.to_string()))?;
    let key = jwk.material()?;
    jwk.check_purpose()?;
    let id = jwk.kid.as_deref().map(|kid| KeyId::parse(kid).ok_or(KeyError::Id)).transpose()?;
    let algorithm =
        jwk.alg.as_deref().map(str::parse::<Algorithm>).transpose().map_err(KeyError::UnknownAlgorithm)?;
    match algorithm {
        Some(algorithm) if !algorithm.fits(key.kind()) => {
            Err(KeyError::Algorithm { algorithm, kind: key.kind() })
        }
        algorithm => Ok(ReadKey { key, id, algorithm }),
    }
}

impl Jwk {
    fn material(&self) -> Result<PublicKey, KeyError> {
        match (self.kty.as_deref(), self.crv.as_deref()) {
            (None, _) if self.keys.is_some() => Err(KeyError::JwkSet),
            (None, _) => Err(KeyError::Member("kty")),
            (Some("oct"), _) => Err(KeyError::Symmetric),
            (Some("RSA"), _) => {
                PublicKey::rsa(&number("n", self.n.as_ref())?, &number("e", self.e.as_ref())?)
            }
            (Some("EC"), Some("P-256")) => self.curve_point(KeyKind::P256, 32),
            (Some("EC"), Some("P-384")) => self.curve_point(KeyKind::P384, 48),
            (Some("OKP"), Some("Ed25519")) => PublicKey::ed25519(&coordinate("x", self.x.as_ref(), 32)?),
            (Some("EC" | "OKP"), None) => Err(KeyError::Member("crv")),
            (Some(kty), curve) => Err(KeyError::Unsupported(curve.unwrap_or(kty).to_owned())),
        }
    }

    fn curve_point(&self, kind: KeyKind, length: usize) -> Result<PublicKey, KeyError> {
        let x = coordinate("x", self.x.as_ref(), length)?;
        let y = coordinate("y", self.y.as_ref(), length)?;
        PublicKey::ec(kind, &[&[4], x.as_slice(), y.as_slice()].concat())
    }

    fn check_purpose(&self) -> Result<(), KeyError> {
        if let Some(purpose) = self.purpose.as_deref().filter(|purpose| *purpose != "sig") {
            return Err(KeyError::Use(purpose.to_owned()));
        }
        match &self.key_ops {
            Some(operations) if !operations.iter().any(|operation| operation == "verify") => {
                Err(KeyError::Operations)
            }
            _ => Ok(()),
        }
    }
}

fn number(name: &'static str, member: Option<&String>) -> Result<Vec<u8>, KeyError> {
    let text = member.ok_or(KeyError::Member(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Encoding(name))
}

fn coordinate(name: &'static str, member: Option<&String>, length: usize) -> Result<Vec<u8>, KeyError> {
    let bytes = number(name, member)?;
    if bytes.len() == length { Ok(bytes) } else { Err(KeyError::Encoding(name)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{ED25519, P256, RSA, fault, key};
    use super::*;

    fn base64url(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn rsa_jwk() -> Value {
        let der = key(RSA).der().to_vec();
        // The last five bytes are the exponent: 02 03 01 00 01.
        let modulus = &der[der.len() - 5 - 256..der.len() - 5];
        json!({"kty": "RSA", "n": base64url(modulus), "e": "AQAB", "d": 5, "oth": [{"r": []}]})
    }

    fn ec_jwk() -> Value {
        let der = key(P256).der().to_vec();
        let (x, y) = der[der.len() - 64..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)})
    }

    fn ed_jwk() -> Value {
        let der = key(ED25519).der().to_vec();
        json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&der[der.len() - 32..])})
    }

    fn with(mut jwk: Value, name: &str, value: Value) -> String {
        jwk[name] = value;
        jwk.to_string()
    }

    #[test]
    fn a_jwk_gives_the_same_key_as_its_pem() {
        for (jwk, pem) in [(rsa_jwk(), RSA), (ec_jwk(), P256), (ed_jwk(), ED25519)] {
            let read = PublicKey::read(&format!(" {jwk:#}\n")).expect("a good JWK");
            assert_eq!(read, ReadKey { key: key(pem), id: None, algorithm: None });
        }
        let mut full = rsa_jwk();
        full["kid"] = json!("2026-11");
        full["alg"] = json!("PS384");
        full["use"] = json!("sig");
        full["key_ops"] = json!(["verify", "sign"]);
        let read = PublicKey::read(&full.to_string()).expect("a good JWK");
        assert_eq!((read.id, read.algorithm), (KeyId::parse("2026-11"), Some(Algorithm::PS384)));
    }

    #[test]
    fn what_is_wrong_with_a_jwk_is_named() {
        let mut no_y = ec_jwk();
        no_y.as_object_mut().expect("an object").remove("y");
        for (text, expected) in [
            (r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(), KeyError::Symmetric),
            (r#"{"keys":[]}"#.to_owned(), KeyError::JwkSet),
            ("{}".to_owned(), KeyError::Member("kty")),
            (r#"{"kty":"EC"}"#.to_owned(), KeyError::Member("crv")),
            (r#"{"kty":"RSA","n":"AQ"}"#.to_owned(), KeyError::Member("e")),
            (no_y.to_string(), KeyError::Member("y")),
            (r#"{"kty":"EC","crv":"P-521"}"#.to_owned(), KeyError::Unsupported("P-521".into())),
            (r#"{"kty":"OKP","crv":"X25519"}"#.to_owned(), KeyError::Unsupported("X25519".into())),
            (r#"{"kty":"AKP"}"#.to_owned(), KeyError::Unsupported("AKP".into())),
            (with(ec_jwk(), "x", json!("AA")), KeyError::Encoding("x")),
            (with(rsa_jwk(), "e", json!("AQAB==")), KeyError::Encoding("e")),
            (with(ec_jwk(), "use", json!("enc")), KeyError::Use("enc".into())),
            (with(ec_jwk(), "key_ops", json!(["sign"])), KeyError::Operations),
            (with(ec_jwk(), "key_ops", json!([])), KeyError::Operations),
            (with(ec_jwk(), "kid", json!("a b")), KeyError::Id),
            (with(ec_jwk(), "kid", json!("")), KeyError::Id),
            (
                with(ec_jwk(), "alg", json!("RS256")),
                KeyError::Algorithm { algorithm: Algorithm::RS256, kind: KeyKind::P256 },
            ),
        ] {
            assert_eq!(fault(&text), expected, "{text}");
        }
        for alg in ["HS256", "none", "es256", ""] {
            assert!(
                matches!(fault(&with(ec_jwk(), "alg", json!(alg))), KeyError::UnknownAlgorithm(_)),
                "{alg}"
            );
        }
        for text in [
            "{",
            r#"{"kty":5}"#,
            r#"{"kty":"EC","kty":"oct"}"#,
            "{} {}",
            r#"{"kty":"EC","key_ops":"verify"}"#,
        ] {
            assert!(matches!(fault(text), KeyError::Jwk(_)), "{text}");
        }
    }
}
