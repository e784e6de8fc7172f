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
            (Some("RSA"), _) => PublicKey::rsa(&number("n", &self.n)?, &number("e", &self.e)?),
            (Some("EC"), Some("P-256")) => self.curve_point(KeyKind::P256, 32),
            (Some("EC"), Some("P-384")) => self.curve_point(KeyKind::P384, 48),
            (Some("OKP"), Some("Ed25519")) => PublicKey::ed25519(&coordinate("x", &self.x, 32)?),
            (Some("EC" | "OKP"), None) => Err(KeyError::Member("crv")),
            (Some(kty), curve) => Err(KeyError::Unsupported(curve.unwrap_or(kty).to_owned())),
        }
    }

    fn curve_point(&self, kind: KeyKind, length: usize) -> Result<PublicKey, KeyError> {
        let x = coordinate("x", &self.x, length)?;
        let y = coordinate("y", &self.y, length)?;
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

fn number(name: &'static str, member: &Option<String>) -> Result<Vec<u8>, KeyError> {
    let text = member.as_deref().ok_or(KeyError::Member(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Encoding(name))
}

fn coordinate(name: &'static str, member: &Option<String>, length: usize) -> Result<Vec<u8>, KeyError> {
    let bytes = number(name, member)?;
    if bytes.len() == length { Ok(bytes) } else { Err(KeyError::Encoding(name)) }
}
