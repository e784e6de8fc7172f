//! Private keys on their way: read to sign with, or to take the public part from. Never stored;
//! wiped when dropped.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RsaKeyPair,
};
use rsa::pkcs1;
use rsa::pkcs8::der::asn1::{ContextSpecific, OctetStringRef};
use rsa::pkcs8::der::{Decode, Reader, SliceReader, TagNumber};
use rsa::pkcs8::{ObjectIdentifier, PrivateKeyInfo, der};
use zeroize::Zeroizing;

use super::pem::Block;
use super::spki::{self, EC, ED25519, RSA};
use super::{KeyError, KeyKind, PublicKey, bounded};

/// A key pair that the crypto provider can sign with. It has neither `Debug` nor `Serialize`.
pub struct PrivateKey {
    der: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads one PEM block: `PRIVATE KEY` (PKCS#8 v1 or v2), `RSA PRIVATE KEY` (PKCS#1) or
    /// `EC PRIVATE KEY` (SEC 1); not encrypted.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let text = bounded(text)?;
        if text.starts_with('{') {
            return Err(KeyError::NotPrivate);
        }
        PrivateKey::from_block(&Block::read(text)?)
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What the provider signs with: an `RSAPrivateKey` (RFC 8017 §A.1.2) for RSA, PKCS#8 v1 for
    /// the other kinds. Every caller is a place where a secret may leak: keep them few.
    pub fn reveal(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn from_block(block: &Block<'_>) -> Result<Self, KeyError> {
        match block.label {
            "PRIVATE KEY" => pkcs8(&block.der),
            "RSA PRIVATE KEY" => rsa(&block.der, KeyError::Content("RSA PRIVATE KEY")),
            "EC PRIVATE KEY" => sec1(&block.der),
            _ => Err(KeyError::NotPrivate),
        }
    }

    pub(super) fn into_public(self) -> PublicKey {
        self.public
    }
}

fn pkcs8(der: &[u8]) -> Result<PrivateKey, KeyError> {
    const DAMAGED: KeyError = KeyError::Content("PRIVATE KEY");
    let info = PrivateKeyInfo::from_der(der).map_err(|_| DAMAGED)?;
    match info.algorithm.oid {
        RSA => rsa(info.private_key, DAMAGED),
        EC => ec(spki::curve(&info.algorithm)?, info.private_key),
        ED25519 => ed25519(der),
        other => Err(spki::unsupported(other)),
    }
}

fn rsa(der: &[u8], damaged: KeyError) -> Result<PrivateKey, KeyError> {
    // Read by its structure first: the provider does not say why it refuses a key.
    let numbers = pkcs1::RsaPrivateKey::from_der(der).map_err(|_| damaged)?;
    let public = PublicKey::rsa(numbers.modulus.as_bytes(), numbers.public_exponent.as_bytes())?;
    RsaKeyPair::from_der(der).map_err(|_| KeyError::Refused(public.kind()))?;
    Ok(PrivateKey { der: Zeroizing::new(der.to_vec()), public })
}

fn sec1(der: &[u8]) -> Result<PrivateKey, KeyError> {
    let name = sec1_curve(der).map_err(|_| KeyError::Content("EC PRIVATE KEY"))?;
    let name = name
        .ok_or_else(|| KeyError::Unsupported("elliptic-curve (without the name of its curve)".to_owned()))?;
    ec(spki::named_curve(name)?, der)
}

/// The curve's name in an `ECPrivateKey` (RFC 5915 §3).
fn sec1_curve(der: &[u8]) -> der::Result<Option<ObjectIdentifier>> {
    let mut outer = SliceReader::new(der)?;
    let name = outer.sequence(|inner| {
        u8::decode(inner)?;
        OctetStringRef::decode(inner)?;
        let name = ContextSpecific::<ObjectIdentifier>::decode_explicit(inner, TagNumber::N0)?;
        inner.read_slice(inner.remaining_len())?;
        Ok(name.map(|field| field.value))
    })?;
    outer.finish(name)
}

/// `der` is an `ECPrivateKey`; its public part may be missing.
fn ec(kind: KeyKind, der: &[u8]) -> Result<PrivateKey, KeyError> {
    let algorithm = match kind {
        KeyKind::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
    };
    let refused = || KeyError::Refused(kind);
    let pair = EcdsaKeyPair::from_private_key_der(algorithm, der).map_err(|_| refused())?;
    let public = PublicKey::ec(kind, pair.public_key().as_ref())?;
    let document = pair.to_pkcs8v1().map_err(|_| refused())?;
    Ok(PrivateKey { der: Zeroizing::new(document.as_ref().to_vec()), public })
}

fn ed25519(der: &[u8]) -> Result<PrivateKey, KeyError> {
    let refused = || KeyError::Refused(KeyKind::Ed25519);
    let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| refused())?;
    let public = PublicKey::ed25519(pair.public_key().as_ref())?;
    let document = pair.to_pkcs8v1().map_err(|_| refused())?;
    Ok(PrivateKey { der: Zeroizing::new(document.as_ref().to_vec()), public })
}
