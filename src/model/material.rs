//! Public key material: read from PEM or JWK, kept as SubjectPublicKeyInfo. Private parts are
//! dropped at the door.

use serde::{Deserialize, Serialize};

/// What kind of key it is; RSA with the bits of its modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Rsa { bits: usize },
    P256,
    P384,
    Ed25519,
}

/// A public key that can check signatures: RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey(Vec<u8>);

/// Why a text is no usable key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {}

impl PublicKey {
    pub fn kind(&self) -> KeyKind {
        KeyKind::P256
    }
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}
