//! The admin API seen from the other side: one request, one document. Knows no command and prints
//! nothing.

mod error;
mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, ETAG, HeaderName, HeaderValue, IF_MATCH, LOCATION, SET_COOKIE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;

use crate::model::Secret;
pub use error::{ClientError, printable};
use error::{Problem, Shown};
pub use place::Place;

/// For a whole exchange, connecting included.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read as one, in bytes.
const LONGEST: usize = 16 * 1024 * 1024;
/// What a session's writes prove themselves with.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// Who the caller says to be.
#[derive(Clone)]
pub enum Credential {
    None,
    /// What a request is for stands in it: a sign-in, or an invitation that is accepted.
    InBody,
    Password {
        user: String,
        password: Secret,
    },
    Token(Secret),
    /// A login's cookie (`name=value`), and what has to come with writes that carry it.
    Session {
        cookie: Secret,
        csrf: Secret,
    },
}

/// A connection to one admin port. Requests go one after the other over a kept connection.
pub struct Client {
    place: Place,
    proof: Vec<(HeaderName, HeaderValue)>,
    shown: Shown,
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// One request: `path` begins with `/` and is encoded already ([`Place::path`]).
pub struct Call<'a> {
    pub method: Method,
    pub path: &'a str,
    pub if_match: Option<&'a str>,
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    /// One without a body and without a condition.
    pub fn bare(method: Method, path: &'a str) -> Self {
        Call { method, path, if_match: None, body: None }
    }
}

/// What the admin port said: its document (`null` for an empty one) and the record's ETag. No `Debug`:
/// a cookie is a credential.
pub struct Answer {
    pub document: Value,
    pub etag: Option<String>,
    /// The first cookie that was set, as `name=value`.
    pub cookie: Option<Secret>,
}

/// An answer that is read part by part.
pub struct Download {
    url: String,
    body: Incoming,
}

impl Download {
    /// The next part; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let slow = |_| ClientError::Slow { url: self.url.clone(), after: PATIENCE };
            match frame.map_err(slow)?.transpose() {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Err(source) => return Err(ClientError::broken(&self.url, &source)),
            }
        }
    }
}

impl Client {
    /// `ca` is a PEM file of the only authorities that are then believed; the system's without it.
    pub fn new(place: Place, credential: &Credential, ca: Option<&Path>) -> Result<Self, ClientError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = tls_config(&place, ca)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Client { place, proof: proof(credential)?, shown: Shown::of(credential), http })
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.send(Call::bare(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        self.send(Call { method: Method::POST, path, if_match: None, body: Some(body) }).await
    }

    /// As [`Client::post`], for what takes long.
    pub async fn post_within(
        &self,
        path: &str,
        body: &Value,
        patience: Duration,
    ) -> Result<Answer, ClientError> {
        let call = Call { method: Method::POST, path, if_match: None, body: Some(body) };
        self.send_within(call, patience).await
    }

    /// Puts something where its path says all about it.
    pub async fn put(&self, path: &str) -> Result<Answer, ClientError> {
        self.send(Call::bare(Method::PUT, path)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        self.send(Call { method: Method::PATCH, path, if_match: None, body: Some(body) }).await
    }

    pub async fn delete(&self, path: &str) -> Result<Answer, ClientError> {
        self.send(Call::bare(Method::DELETE, path)).await
    }

    pub async fn send(&self, call: Call<'_>) -> Result<Answer, ClientError> {
        self.send_within(call, PATIENCE).await
    }

    async fn send_within(&self, call: Call<'_>, patience: Duration) -> Result<Answer, ClientError> {
        let url = self.place.url(call.path);
        let request = self.request(&url, &call)?;
        let exchange = async { self.read(&url, self.whole(&url, request).await?) };
        match tokio::time::timeout(patience, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Slow { url, after: patience }),
        }
    }

    /// Reads something long. Its beginning is waited for as for any answer, and each part after it.
    pub async fn download(&self, path: &str) -> Result<Download, ClientError> {
        let url = self.place.url(path);
        let request = self.request(&url, &Call::bare(Method::GET, path))?;
        let response = tokio::time::timeout(PATIENCE, self.ask(&url, request)).await;
        let response = response.map_err(|_| ClientError::Slow { url: url.clone(), after: PATIENCE })??;
        if response.status().is_success() {
            return Ok(Download { url, body: response.into_body() });
        }
        let refused = self.read(&url, collected(&url, response).await?);
        refused.and(Err(ClientError::Stranger { url, status: StatusCode::OK }))
    }

    fn request(&self, url: &str, call: &Call<'_>) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder().method(&call.method).uri(url);
        for (name, value) in &self.proof {
            request = request.header(name, value);
        }
        if let Some(etag) = call.if_match {
            request = request.header(IF_MATCH, etag);
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = call.body.map(Value::to_string).unwrap_or_default();
        request
            .body(Full::from(body))
            .map_err(|source| ClientError::Url { url: url.to_owned(), why: source.to_string() })
    }

    async fn whole(&self, url: &str, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ClientError> {
        collected(url, self.ask(url, request).await?).await
    }

    async fn ask(&self, url: &str, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        self.http.request(request).await.map_err(|source| match source.is_connect() {
            true => ClientError::unreachable(&self.place, &source),
            false => ClientError::broken(url, &source),
        })
    }

    fn read(&self, url: &str, response: Response<Bytes>) -> Result<Answer, ClientError> {
        let status = response.status();
        let text =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let stranger = || ClientError::Stranger { url: url.to_owned(), status };
        if status.is_redirection() {
            let to = text(LOCATION).unwrap_or_default();
            return Err(ClientError::Redirect { url: url.to_owned(), status, to });
        }
        if !status.is_success() {
            let problem: Problem = serde_json::from_slice(response.body()).map_err(|_| stranger())?;
            let message = problem.message(status, self.shown).ok_or_else(stranger)?;
            return Err(ClientError::Refused { status, message });
        }
        let document = match response.body() {
            empty if empty.is_empty() || status == StatusCode::NO_CONTENT => Value::Null,
            body => serde_json::from_slice(body).map_err(|_| stranger())?,
        };
        let cookie = text(SET_COOKIE).and_then(|cookie| cookie.split(';').next().map(str::to_owned));
        Ok(Answer { document, etag: text(ETAG), cookie: cookie.map(Secret::new) })
    }
}

async fn collected(url: &str, response: Response<Incoming>) -> Result<Response<Bytes>, ClientError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body.map_err(|source| ClientError::broken(url, source.as_ref()))?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// The headers that show who is calling.
fn proof(credential: &Credential) -> Result<Vec<(HeaderName, HeaderValue)>, ClientError> {
    let headers = match credential {
        Credential::None | Credential::InBody => Vec::new(),
        Credential::Password { user, .. } if user.contains(':') => {
            return Err(ClientError::Credential("a user name cannot contain ':'"));
        }
        Credential::Password { user, password } => {
            let pair = Secret::new(format!("{user}:{}", password.reveal()));
            vec![(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair.reveal())))]
        }
        Credential::Token(token) => vec![(AUTHORIZATION, format!("Bearer {}", token.reveal()))],
        Credential::Session { cookie, csrf } => {
            vec![(COOKIE, cookie.reveal().to_owned()), (CSRF, csrf.reveal().to_owned())]
        }
    };
    let header = |(name, text)| {
        let mut value = HeaderValue::try_from(Secret::new(text).reveal())
            .map_err(|_| ClientError::Credential("the token holds characters that no token has"))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    headers.into_iter().map(header).collect()
}

fn tls_config(place: &Place, ca: Option<&Path>) -> Result<ClientConfig, ClientError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of TLS 1.2 and 1.3");
    let builder = match ca {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None if place.is_https() => builder.with_native_roots().map_err(|source| ClientError::Ca {
            file: PathBuf::from("the system's certificates"),
            why: source.to_string(),
        })?,
        None => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

fn authorities(file: &Path) -> Result<RootCertStore, ClientError> {
    let fault = |why: String| ClientError::Ca { file: file.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|source| fault(source.to_string()))? {
        let certificate = certificate.map_err(|source| fault(source.to_string()))?;
        roots.add(certificate).map_err(|source| fault(source.to_string()))?;
    }
    if roots.is_empty() { Err(fault("it holds no certificate".to_owned())) } else { Ok(roots) }
}
