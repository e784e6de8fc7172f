//! What a run needs and must not outlive it: a certificate, a key pair, tokens. Knows nothing of the
//! programs that use them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// The domain under which each tenant is a host.
pub const DOMAIN: &str = "bench.test";

/// A self-signed ECDSA P-256 certificate, as files.
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub both: PathBuf,
}

impl Certificate {
    pub fn create(folder: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed([format!("*.{DOMAIN}")])?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let place = |name: &str, text: &str| -> Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path)
        };
        Ok(Certificate {
            both: place("both.pem", &format!("{chain}{key}"))?,
            chain: place("chain.pem", &chain)?,
            key: place("key.pem", &key)?,
        })
    }
}

/// An RSA 2048 key pair that signs tokens.
pub struct Signer {
    /// The public half, SPKI in PEM.
    pub public: String,
    key: EncodingKey,
    header: Header,
}

impl Signer {
    pub fn create() -> Result<Self> {
        let private = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)?;
        let public = private.to_public_key().to_public_key_pem(LineEnding::LF)?;
        let key = EncodingKey::from_rsa_pem(private.to_pkcs8_pem(LineEnding::LF)?.as_bytes())?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key_id(&public));
        Ok(Signer { public, key, header })
    }

    /// A token for a tenant, good for an hour; each serial number makes a distinct one.
    pub fn token(&self, tenant: &str, serial: usize) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = serde_json::json!({
            "iat": now, "exp": now + 3600, "sub": format!("tenant-{tenant}"), "jti": serial.to_string(),
        });
        Ok(jsonwebtoken::encode(&self.header, &claims, &self.key)?)
    }
}

/// The hex SHA-1 of the trimmed PEM text.
fn key_id(pem: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, pem.trim().as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// TLS 1.3 with one cipher suite and one key exchange, so that every proxy does the same work, and
/// full handshakes only. The certificate is taken unseen: what that costs is not the proxies'.
pub fn tls(alpn: &str) -> Result<Arc<ClientConfig>> {
    let suite = CryptoProvider {
        cipher_suites: vec![provider::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![provider::kx_group::X25519],
        ..provider::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(suite))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unseen))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Unseen;

impl ServerCertVerifier for Unseen {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
