//! Public keys from and to SubjectPublicKeyInfo (RFC 5280, RFC 8017, RFC 5480, RFC 8410). Every key
//! is taken apart and put together again, so that one key has one form, and with it one fingerprint.

use rsa::pkcs1::{self, UintRef};
use rsa::pkcs8::der::asn1::{AnyRef, BitStringRef};
use rsa::pkcs8::der::{Decode, Encode};
use rsa::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use rsa::pkcs8::{ObjectIdentifier, der};

use super::{KeyError, KeyKind, PublicKey, edwards};

pub(super) const RSA: ObjectIdentifier = pkcs1::ALGORITHM_OID;
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Reads the content of a block `PUBLIC KEY`.
pub(super) fn read(der: &[u8]) -> Result<PublicKey, KeyError> {
    const DAMAGED: KeyError = KeyError::Content("PUBLIC KEY");
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| DAMAGED)?;
    let key = info.subject_public_key.as_bytes().ok_or(DAMAGED)?;
    match info.algorithm.oid {
        RSA => read_pkcs1(key).map_err(|error| match error {
            KeyError::Content(_) => DAMAGED,
            other => other,
        }),
        EC => PublicKey::ec(curve(&info.algorithm)?, key),
        ED25519 => PublicKey::ed25519(key),
        other => Err(unsupported(other)),
    }
}

/// Reads the content of a block `RSA PUBLIC KEY`.
pub(super) fn read_pkcs1(der: &[u8]) -> Result<PublicKey, KeyError> {
    let key = pkcs1::RsaPublicKey::from_der(der).map_err(|_| KeyError::Content("RSA PUBLIC KEY"))?;
    PublicKey::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

/// The curve that an algorithm's parameters name. Curves given by their numbers are refused.
pub(super) fn curve(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<KeyKind, KeyError> {
    let name = algorithm
        .parameters_oid()
        .map_err(|_| KeyError::Unsupported("elliptic-curve (without the name of its curve)".to_owned()))?;
    named_curve(name)
}

pub(super) fn named_curve(name: ObjectIdentifier) -> Result<KeyKind, KeyError> {
    match name {
        P256 => Ok(KeyKind::P256),
        P384 => Ok(KeyKind::P384),
        other => Err(unsupported(other)),
    }
}

/// Names what is often met; the rest by its number.
pub(super) fn unsupported(oid: ObjectIdentifier) -> KeyError {
    const KNOWN: [(&str, &str); 9] = [
        ("1.3.132.0.35", "P-521"),
        ("1.3.132.0.33", "P-224"),
        ("1.3.132.0.10", "secp256k1"),
        ("1.3.101.113", "Ed448"),
        ("1.3.101.110", "X25519"),
        ("1.3.101.111", "X448"),
        ("1.2.840.10040.4.1", "DSA"),
        ("1.2.840.113549.1.3.1", "Diffie-Hellman"),
        ("1.2.840.113549.1.1.10", "RSA-PSS-only (id-RSASSA-PSS)"),
    ];
    let number = oid.to_string();
    let known = KNOWN.iter().find(|(known, _)| *known == number);
    KeyError::Unsupported(
        known.map_or_else(|| format!("object identifier {number}"), |(_, name)| (*name).to_owned()),
    )
}

impl PublicKey {
    /// Both numbers are big-endian; zeros in front mean nothing.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let modulus = without_zeros(modulus);
        let exponent = without_zeros(exponent);
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::RsaBits(bits));
        }
        if modulus.last().is_some_and(|last| last % 2 == 0) {
            return Err(KeyError::RsaModulus);
        }
        if !exponent_fits(exponent) {
            return Err(KeyError::RsaExponent);
        }
        let kind = KeyKind::Rsa { bits };
        let der = rsa_der(modulus, exponent).map_err(|_| KeyError::Refused(kind))?;
        PublicKey::checked(der, kind)
    }

    /// A point in the uncompressed form of SEC 1 §2.3.3.
    pub(super) fn ec(kind: KeyKind, point: &[u8]) -> Result<Self, KeyError> {
        let (curve, coordinate) = match kind {
            KeyKind::P384 => (P384, 48),
            _ => (P256, 32),
        };
        if point.first() != Some(&4) || point.len() != 1 + 2 * coordinate {
            return Err(KeyError::Point(kind));
        }
        let der = info_der(EC, Some(AnyRef::from(&curve)), point).map_err(|_| KeyError::Refused(kind))?;
        PublicKey::checked(der, kind)
    }

    /// A point as RFC 8032 §5.1.2 writes it. The provider takes any 32 bytes, so the point is
    /// looked at here.
    pub(super) fn ed25519(point: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] = point.try_into().map_err(|_| KeyError::Edwards)?;
        if !edwards::can_be_a_key(bytes) {
            return Err(KeyError::Edwards);
        }
        let der = info_der(ED25519, None, point).map_err(|_| KeyError::Edwards)?;
        PublicKey::checked(der, KeyKind::Ed25519)
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Odd, from 3 to 2^33: what the provider takes. Larger ones only make checking slow.
fn exponent_fits(exponent: &[u8]) -> bool {
    let value = exponent.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    exponent.len() <= 5 && value % 2 == 1 && (3..1 << 33).contains(&value)
}

fn rsa_der(modulus: &[u8], exponent: &[u8]) -> der::Result<Vec<u8>> {
    let key =
        pkcs1::RsaPublicKey { modulus: UintRef::new(modulus)?, public_exponent: UintRef::new(exponent)? };
    info_der(RSA, Some(AnyRef::NULL), &key.to_der()?)
}

fn info_der(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> der::Result<Vec<u8>> {
    SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifierRef { oid, parameters },
        subject_public_key: BitStringRef::from_bytes(key)?,
    }
    .to_der()
}
