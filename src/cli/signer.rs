//! Signs tokens with a private key. Only the command line, the demo and tests sign; the gateway
//! itself holds no private key of a tenant.

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::keypair::{self, KeypairKind};
use crate::model::{Algorithm, KeyError, KeyId, KeyKind, PrivateKey, PublicKey, TenantClaim, Timestamp};

/// A private key, how it signs, and what its tokens call it.
pub struct Signer {
    key: EncodingKey,
    public: PublicKey,
    algorithm: Algorithm,
    key_id: Option<KeyId>,
}

impl Signer {
    /// From the PEM text of a private key; signs as [`Algorithm::default_for`] says, under the
    /// key's fingerprint.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let private = PrivateKey::read(text)?;
        let public = private.public().clone();
        let key = match public.kind() {
            KeyKind::Rsa { .. } => EncodingKey::from_rsa_der(private.reveal()),
            KeyKind::P256 | KeyKind::P384 => EncodingKey::from_ec_der(private.reveal()),
            KeyKind::Ed25519 => EncodingKey::from_ed_der(private.reveal()),
        };
        let algorithm = Algorithm::default_for(public.kind());
        Ok(Signer { key, algorithm, key_id: Some(public.fingerprint()), public })
    }

    /// With a new key that is kept nowhere else.
    pub fn generate(kind: KeypairKind) -> anyhow::Result<Self> {
        Ok(Signer::read(&keypair::generate(kind)?)?)
    }

    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<Self, KeyError> {
        if algorithm.fits(self.public.kind()) {
            Ok(Signer { algorithm, ..self })
        } else {
            Err(KeyError::Algorithm { algorithm, kind: self.public.kind() })
        }
    }

    /// Without an id, tokens have no `kid`.
    #[must_use]
    pub fn with_key_id(self, key_id: Option<KeyId>) -> Self {
        Signer { key_id, ..self }
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn key_id(&self) -> Option<&KeyId> {
        self.key_id.as_ref()
    }

    /// A token (JWS compact serialisation, RFC 7515 §7.1) of these claims, usually [`Claims`]. Its
    /// header has `alg`, `typ` and `kid` in this order.
    pub fn sign(&self, claims: &impl Serialize) -> anyhow::Result<String> {
        let header = Header { alg: self.algorithm.as_str(), typ: "JWT", kid: self.key_id.as_ref() };
        let message = format!("{}.{}", part(&header)?, part(claims)?);
        let signature = crypto::sign(message.as_bytes(), &self.key, provider_name(self.algorithm))
            .map_err(|error| anyhow!(error).context("the token cannot be signed"))?;
        Ok(format!("{message}.{signature}"))
    }
}

#[derive(serde::Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a KeyId>,
}

fn part(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(value)?))
}

fn provider_name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
    }
}

/// What a tenant's token says. Written in the order `iat`, `exp`, `aud`, `iss`, tenant: Opstrace's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whole seconds count.
    pub issued: Timestamp,
    /// Whole seconds count.
    pub expires: Timestamp,
    /// `aud`; left out when none.
    pub audience: Option<String>,
    pub issuer: String,
    /// Which claim names the tenant. None of the four others.
    pub claim: TenantClaim,
    /// What stands behind the claim's prefix.
    pub tenant: String,
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iat", &self.issued.seconds())?;
        map.serialize_entry("exp", &self.expires.seconds())?;
        if let Some(audience) = &self.audience {
            map.serialize_entry("aud", audience)?;
        }
        map.serialize_entry("iss", &self.issuer)?;
        map.serialize_entry(&self.claim.name, &format!("{}{}", self.claim.prefix, self.tenant))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_signs_what_its_key_verifies() {
        for kind in [KeypairKind::Rsa2048, KeypairKind::P256, KeypairKind::P384, KeypairKind::Ed25519] {
            let text = keypair::generate(kind).expect("randomness");
            let kind = Signer::read(&text).expect("a key").public().kind();
            for algorithm in Algorithm::ALL {
                let signer = Signer::read(&text).expect("a key").with_algorithm(algorithm);
                if !algorithm.fits(kind) {
                    assert_eq!(signer.err(), Some(KeyError::Algorithm { algorithm, kind }));
                    continue;
                }
                let signer = signer.unwrap_or_else(|error| panic!("{error}"));
                let token = signer.sign(&serde_json::json!({"a": 1})).expect("signs");
                let (message, signature) = token.rsplit_once('.').expect("three parts");
                let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
                let verifier = signer.public().verifier(algorithm).expect("it fits");
                assert!(verifier.verify_sig(message.as_bytes(), &signature).is_ok(), "{algorithm}");
                assert!(verifier.verify_sig(b"another message", &signature).is_err(), "{algorithm}");
            }
        }
    }

    #[test]
    fn a_signer_may_go_without_key_id() {
        let signer = Signer::generate(KeypairKind::Ed25519).expect("randomness");
        assert_eq!(signer.key_id(), Some(&signer.public().fingerprint()));
        let token = signer.with_key_id(None).sign(&serde_json::json!({})).expect("signs");
        assert!(
            token.starts_with(&format!("{}.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"JWT"}"#)))
        );
    }
}
