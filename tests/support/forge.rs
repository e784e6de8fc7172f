//! Tokens that no honest signer makes: any header, any payload, any signature over them.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm as Provider, EncodingKey, crypto};
use serde_json::{Value, json};
use tenantry::cli::keypair::{self, KeypairKind};
use tenantry::cli::signer::Signer;
use tenantry::model::{KeyKind, PrivateKey, PublicKey};

use super::gateway::now;

/// A private key that signs whatever it is given.
pub struct Forge {
    pem: String,
    key: EncodingKey,
    public: PublicKey,
}

impl Forge {
    pub fn new(kind: KeypairKind) -> Forge {
        let pem = match kind {
            KeypairKind::Rsa2048 => rsa_pem(),
            other => keypair::generate(other).expect("randomness").to_string(),
        };
        let private = PrivateKey::read(&pem).expect("a key");
        let public = private.public().clone();
        let key = match public.kind() {
            KeyKind::Rsa { .. } => EncodingKey::from_rsa_der(private.reveal()),
            KeyKind::P256 | KeyKind::P384 => EncodingKey::from_ec_der(private.reveal()),
            KeyKind::Ed25519 => EncodingKey::from_ed_der(private.reveal()),
        };
        Forge { pem, key, public }
    }

    /// The private key.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub fn kid(&self) -> String {
        self.public.fingerprint().to_string()
    }

    /// The honest signer with this key.
    pub fn signer(&self) -> Signer {
        Signer::read(&self.pem).expect("a key")
    }

    /// What the key's own algorithm is called.
    pub fn alg(&self) -> &'static str {
        self.signer().algorithm().as_str()
    }

    /// A signature by the algorithm of that name.
    pub fn signature(&self, alg: &str, message: &str) -> Vec<u8> {
        let algorithm: Provider = alg.parse().expect("an algorithm");
        let text = crypto::sign(message.as_bytes(), &self.key, algorithm).expect("a signature");
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    }

    /// The header of an honest token.
    pub fn header(&self) -> Value {
        json!({ "alg": self.alg(), "typ": "JWT", "kid": self.kid() })
    }

    /// A token of these JSON texts, truly signed by the key's own algorithm.
    pub fn token(&self, header: &str, payload: &str) -> String {
        let message = message(header, payload);
        let signature = part(self.signature(self.alg(), &message));
        format!("{message}.{signature}")
    }

    /// A token with the honest header.
    pub fn claims(&self, payload: &str) -> String {
        self.token(&self.header().to_string(), payload)
    }
}

/// An RSA key of 2048 bits: the provider is quick at making one in debug builds too, `rsa` is not.
fn rsa_pem() -> String {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("randomness");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("DER");
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// A part of a token.
pub fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn message(header: &str, payload: &str) -> String {
    format!("{}.{}", part(header), part(payload))
}

/// What a good token says for a tenant.
pub fn good(tenant: &str) -> Value {
    json!({ "iat": now(), "exp": now() + 3600, "sub": format!("tenant-{tenant}") })
}

/// The HMAC that `HS256`, `HS384` or `HS512` stands for.
pub fn hs(alg: &str, secret: &[u8], message: &str) -> Vec<u8> {
    let algorithm = match alg {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        other => panic!("{other} is no HMAC"),
    };
    hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes()).as_ref().to_vec()
}

/// A public key as a JWK.
pub fn jwk(key: &PublicKey) -> Value {
    let der = key.der();
    let last = |count: usize| &der[der.len() - count..];
    match key.kind() {
        KeyKind::Rsa { .. } => {
            use ::rsa::pkcs8::DecodePublicKey as _;
            use ::rsa::traits::PublicKeyParts as _;
            let key = ::rsa::RsaPublicKey::from_public_key_der(der).expect("an RSA key");
            json!({ "kty": "RSA", "n": part(key.n().to_bytes_be()), "e": part(key.e().to_bytes_be()) })
        }
        KeyKind::P256 => {
            json!({ "kty": "EC", "crv": "P-256", "x": part(&last(64)[..32]), "y": part(last(32)) })
        }
        KeyKind::P384 => {
            json!({ "kty": "EC", "crv": "P-384", "x": part(&last(96)[..48]), "y": part(last(48)) })
        }
        KeyKind::Ed25519 => json!({ "kty": "OKP", "crv": "Ed25519", "x": part(last(32)) }),
    }
}
