//! Key material: public keys as they are stored, and the one door through which key texts come in.
//! Private parts are wiped at that door. Knows no file and no record.

mod edwards;
mod error;
mod jwk;
mod pem;
mod private;
mod spki;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use serde::{Deserialize, Serialize};

use super::{Algorithm, KeyId};
pub use error::KeyError;
pub use private::PrivateKey;

/// What kind of key it is; RSA with the bits of its modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Rsa { bits: usize },
    P256,
    P384,
    Ed25519,
}

/// `RSA-2048`, `P-256`, `P-384`, `Ed25519`.
impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyKind::Rsa { bits } => write!(f, "RSA-{bits}"),
            KeyKind::P256 => f.write_str("P-256"),
            KeyKind::P384 => f.write_str("P-384"),
            KeyKind::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// A public key that can check signatures: RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519.
/// The crypto provider has accepted it. Stored as the text of [`PublicKey::pem`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    /// SubjectPublicKeyInfo, in the one form that DER has for this key.
    der: Vec<u8>,
    kind: KeyKind,
}

/// A key text as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadKey {
    pub key: PublicKey,
    /// A JWK's `kid`.
    pub id: Option<KeyId>,
    /// A JWK's `alg`; it fits the key.
    pub algorithm: Option<Algorithm>,
}

/// The longest key text, in bytes. The largest key that is accepted, a private RSA key of 8192
/// bits, has some 6,500 as PEM and 9,000 as JWK.
pub const MAX_KEY_TEXT: usize = 32 * 1024;

impl PublicKey {
    /// Reads one key, with white space around it and any line ends: a PEM block (`PUBLIC KEY`,
    /// `RSA PUBLIC KEY`, `PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`) or a JWK (RFC 7517).
    /// Of a private key only the public part is kept.
    pub fn read(text: &str) -> Result<ReadKey, KeyError> {
        let text = bounded(text)?;
        if text.starts_with('{') {
            return jwk::read(text);
        }
        let block = pem::Block::read(text)?;
        let key = match block.label {
            "PUBLIC KEY" => spki::read(&block.der)?,
            "RSA PUBLIC KEY" => spki::read_pkcs1(&block.der)?,
            _ => PrivateKey::from_block(&block)?.into_public(),
        };
        Ok(ReadKey { key, id: None, algorithm: None })
    }

    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM text of [`PublicKey::der`]: 64 columns, LF, no newline at the end.
    pub fn pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.der)
    }

    /// Lower-case hex of the SHA-1 of [`PublicKey::pem`]: the `kid` that Opstrace's tokens carry.
    ///
    /// SHA-1 is no weakness here. The id only says which trusted key to try, and trust comes from
    /// the signature; whoever could make two keys of one id could have the second refused as a
    /// duplicate when it is added, and nothing else.
    pub fn fingerprint(&self) -> KeyId {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, self.pem().as_bytes());
        let hex = digest.as_ref().iter().fold(String::with_capacity(40), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes every write");
            hex
        });
        KeyId::parse(&hex).expect("40 hex digits are a key id")
    }

    /// The provider's own form of the key, ready to check signatures made with `algorithm`.
    pub fn verifier(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
        if !algorithm.fits(self.kind) {
            return Err(KeyError::Algorithm { algorithm, kind: self.kind });
        }
        ParsedPublicKey::new(provider_algorithm(algorithm), &self.der)
            .map_err(|_| KeyError::Refused(self.kind))
    }

    /// A key that the provider accepts.
    fn checked(der: Vec<u8>, kind: KeyKind) -> Result<Self, KeyError> {
        let key = PublicKey { der, kind };
        key.verifier(Algorithm::default_for(kind))?;
        Ok(key)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        PublicKey::read(&text).map(|read| read.key)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.pem()
    }
}

/// The text without the white space around it.
fn bounded(text: &str) -> Result<&str, KeyError> {
    if text.len() > MAX_KEY_TEXT {
        return Err(KeyError::TooLong(text.len()));
    }
    match text.trim() {
        "" => Err(KeyError::Empty),
        some => Ok(some),
    }
}

fn provider_algorithm(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
    }
}
