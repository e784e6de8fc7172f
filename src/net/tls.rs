//! TLS for callers: a server configuration whose certificate can be replaced while it serves.
//! Knows files as bytes only; who reads them again, and when, is the composition root's.

use std::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why a certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate file holds no PEM certificate")]
    NoCertificate,
    #[error("the certificate file cannot be read: {0}")]
    Certificate(String),
    #[error("the key file holds no usable PEM private key: {0}")]
    Key(String),
    #[error("the key does not belong to the certificate")]
    Mismatch,
    #[error("the certificate expired at {0} (Unix time)")]
    Expired(i64),
}

/// The certificate of one listener, shown to every caller until it is replaced.
pub struct Certificates(ArcSwap<CertifiedKey>);

impl Certificates {
    /// From a PEM chain (leaf first) and a PEM key.
    pub fn new(chain: &[u8], key: &[u8], now: i64) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Certificates(ArcSwap::from(certified(chain, key, now)?))))
    }

    /// Replaces the pair for handshakes to come; changes nothing when it is not usable.
    pub fn replace(&self, chain: &[u8], key: &[u8], now: i64) -> Result<(), TlsError> {
        self.0.store(certified(chain, key, now)?);
        Ok(())
    }

    /// When the leaf expires, in Unix seconds.
    pub fn not_after(&self) -> Option<i64> {
        self.0.load().cert.first().and_then(|leaf| not_after(leaf).ok())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

/// TLS 1.2 and 1.3 with the given ALPN protocols, the preferred one first.
pub fn server_config(certificates: Arc<Certificates>, alpn: &[&[u8]]) -> io::Result<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(io::Error::other)?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificates);
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    // Each ticket costs 20 µs of a new connection; one is what clients use.
    config.send_tls13_tickets = 1;
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certified(chain: &[u8], key: &[u8], now: i64) -> Result<Arc<CertifiedKey>, TlsError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    let leaf = certificates.first().ok_or(TlsError::NoCertificate)?;
    let not_after = not_after(leaf)?;
    if not_after <= now {
        return Err(TlsError::Expired(not_after));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
    let key =
        provider().key_provider.load_private_key(key).map_err(|error| TlsError::Key(error.to_string()))?;
    let certified = CertifiedKey::new(certificates, key);
    certified.keys_match().map_err(|_| TlsError::Mismatch)?;
    Ok(Arc::new(certified))
}

fn not_after(leaf: &CertificateDer<'_>) -> Result<i64, TlsError> {
    let (_, certificate) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    Ok(certificate.validity().not_after.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["a.example.com".to_owned()]).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_bad_pair_changes_nothing() {
        let (chain, key) = pair();
        let (_, other_key) = pair();
        let certificates = Certificates::new(chain.as_bytes(), key.as_bytes(), 0).expect("a good pair");
        let before = certificates.0.load_full();
        for (chain, key) in [(chain.as_str(), other_key.as_str()), ("", key.as_str()), (chain.as_str(), "x")]
        {
            assert!(certificates.replace(chain.as_bytes(), key.as_bytes(), 0).is_err());
        }
        assert!(matches!(
            certificates.replace(chain.as_bytes(), key.as_bytes(), i64::MAX),
            Err(TlsError::Expired(_))
        ));
        assert!(Arc::ptr_eq(&before, &certificates.0.load_full()));
        assert!(certificates.replace(chain.as_bytes(), key.as_bytes(), 0).is_ok());
        assert!(certificates.not_after().is_some());
    }
}
