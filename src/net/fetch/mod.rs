//! Documents that the gateway reads from elsewhere, for the admin runtime only: one GET, bounded in
//! time and size, no redirect followed, no address dialled that was not judged. Knows no issuer.

mod dial;
mod error;
mod reach;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::model::{Host, Url};
pub use error::{AuthoritiesError, FetchError};
pub use reach::{Policy, Reserved};

/// The longest document, in bytes.
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// For the whole exchange: names resolved, connected, TLS, answer read.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tenantry/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Reads documents under one policy. Keeps no connection.
pub struct Fetcher {
    policy: Policy,
    /// Made at the first need: the system's authorities take a megabyte. None when it has none.
    tls: OnceLock<Option<TlsConnector>>,
}

impl Fetcher {
    /// `authorities` is a PEM file's content: the only authorities that are then believed, instead
    /// of the system's.
    pub fn new(policy: Policy, authorities: Option<&[u8]>) -> Result<Self, AuthoritiesError> {
        let tls = OnceLock::new();
        if let Some(pem) = authorities {
            let roots = roots(pem)?;
            tls.get_or_init(|| {
                Some(connector(builder().with_root_certificates(roots).with_no_client_auth()))
            });
        }
        Ok(Fetcher { policy, tls })
    }

    /// The document at `url`.
    pub async fn fetch(&self, url: &Url) -> Result<Bytes, FetchError> {
        match tokio::time::timeout(PATIENCE, self.exchange(url)).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::Slow(PATIENCE)),
        }
    }

    async fn exchange(&self, url: &Url) -> Result<Bytes, FetchError> {
        if !url.is_https() {
            if !self.policy.http {
                return Err(FetchError::Http);
            }
            return document(self.dial(url).await?, url).await;
        }
        let tls = self.tls().ok_or(FetchError::NoAuthorities)?;
        let tcp = self.dial(url).await?;
        document(handshake(tls, tcp, url).await?, url).await
    }

    async fn dial(&self, url: &Url) -> Result<TcpStream, FetchError> {
        let candidates = dial::resolve(url).await?;
        dial::judge(&self.policy, url.host(), &candidates)?;
        dial::connect(&candidates).await
    }

    fn tls(&self) -> Option<&TlsConnector> {
        let system = || {
            let config = builder().with_native_roots().ok()?;
            Some(connector(config.with_no_client_auth()))
        };
        self.tls.get_or_init(system).as_ref()
    }
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of TLS 1.2 and 1.3")
}

fn connector(mut config: ClientConfig) -> TlsConnector {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

fn roots(pem: &[u8]) -> Result<RootCertStore, AuthoritiesError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| AuthoritiesError::Pem(error.to_string()))?;
        roots.add(certificate).map_err(AuthoritiesError::Certificate)?;
    }
    if roots.is_empty() { Err(AuthoritiesError::Empty) } else { Ok(roots) }
}

async fn handshake(
    tls: &TlsConnector,
    tcp: TcpStream,
    url: &Url,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let name = match url.host() {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| FetchError::Name(name.clone()))?,
    };
    tls.connect(name, tcp).await.map_err(FetchError::Tls)
}

/// Asks for the document over a connection that serves for this alone.
async fn document<S>(stream: S, url: &Url) -> Result<Bytes, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(MAX_HEAD);
    let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await?;
    // Ends with this function, whichever way that goes.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request(url)?).await?;
    checked(&response)?;
    let body = Limited::new(response.into_body(), MAX_DOCUMENT).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(broken) => FetchError::Broken(*broken),
        Err(_) => FetchError::TooLarge,
    })?;
    Ok(body.to_bytes())
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, FetchError> {
    Request::get(url.target())
        .header(header::HOST, url.authority())
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, JSON)
        .body(Empty::new())
        .map_err(FetchError::Request)
}

/// Refuses by its head what is no document, or too long a one.
fn checked(response: &Response<Incoming>) -> Result<(), FetchError> {
    match response.status() {
        StatusCode::OK if response.body().size_hint().lower() > MAX_DOCUMENT as u64 => {
            Err(FetchError::TooLarge)
        }
        StatusCode::OK => Ok(()),
        status if status.is_redirection() => Err(FetchError::Redirect(status)),
        status => Err(FetchError::Status(status)),
    }
}
