//! What can be wrong with a key text, said to whoever brought it. Never repeats private material.

use super::{KeyKind, MAX_KEY_TEXT};
use crate::model::{Algorithm, KeyId, UnknownAlgorithm};

/// Why a text is no usable key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key text is empty")]
    Empty,
    #[error("a key text has at most {MAX_KEY_TEXT} bytes, this one has {0}")]
    TooLong(usize),
    #[error(
        "this is no key: expected one PEM block (it begins with \"-----BEGIN\") or one JWK (a JSON object), \
         and nothing around it"
    )]
    NotAKey,
    #[error("expected exactly one PEM block, found {}: {}; give the key's block alone", .0.len(), .0.join(", "))]
    Blocks(Vec<String>),
    #[error(
        "a PEM block {0:?} is no key: expected PUBLIC KEY, RSA PUBLIC KEY, PRIVATE KEY, RSA PRIVATE KEY or \
         EC PRIVATE KEY"
    )]
    Label(String),
    #[error("the PEM block is damaged: {0}")]
    Pem(&'static str),
    #[error("the private key is encrypted; decrypt it first, or give its public key")]
    Encrypted,
    #[error("what the PEM block {0:?} holds is damaged, or is something else")]
    Content(&'static str),
    #[error("{0} keys are not supported: RSA with 2048 to 8192 bits, P-256, P-384 and Ed25519 are")]
    Unsupported(String),
    #[error("RSA keys have 2048 to 8192 bits, this one has {0}")]
    RsaBits(usize),
    #[error("the modulus of an RSA key is odd, this one is even")]
    RsaModulus,
    #[error("the public exponent of an RSA key is an odd number from 3 to 2^33; 65537 is the usual one")]
    RsaExponent,
    #[error(
        "expected an uncompressed {0} point (`openssl ec -conv_form uncompressed` makes one), found something else"
    )]
    Point(KeyKind),
    #[error("this is no point of Ed25519 that a key can be: damaged, or of small order")]
    Edwards,
    #[error("the parts of this {0} key do not make a key: damaged, or not on the curve")]
    Refused(KeyKind),
    #[error("this is a public key or a JWK: expected a private key in PEM")]
    NotPrivate,
    #[error("the JWK cannot be read: {0}")]
    Jwk(String),
    #[error("this is a JWK set: give one of the objects in its \"keys\"")]
    JwkSet,
    #[error("the JWK is a shared secret (\"kty\": \"oct\"): only public keys can be trusted here")]
    Symmetric,
    #[error("the JWK has no {0:?}, which a key of its type needs")]
    Member(&'static str),
    #[error("{0:?} of the JWK is no base64url without padding, or not of the length that its type needs")]
    Encoding(&'static str),
    #[error("the JWK is for {0:?}: its \"use\" must be \"sig\", or left out")]
    Use(String),
    #[error("the JWK is not for checking signatures: its \"key_ops\" must hold \"verify\", or be left out")]
    Operations,
    #[error("the JWK's \"kid\" must be 1 to {} printable ASCII characters without space", KeyId::MAX)]
    Id,
    #[error("the JWK's \"alg\" {0}")]
    UnknownAlgorithm(UnknownAlgorithm),
    #[error("a key of kind {kind} cannot sign with {algorithm}")]
    Algorithm { algorithm: Algorithm, kind: KeyKind },
}
