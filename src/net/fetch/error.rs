//! Why a document could not be fetched, in words for whoever named its URL.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::StatusCode;

use super::{MAX_DOCUMENT, Reserved};

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("http:// is not fetched: use https://, or have the operator allow it")]
    Http,
    #[error("the name {0} cannot be resolved: {1}")]
    Resolve(String, io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("{host} is at {address} ({why}), which is not dialled unless the operator allows that network")]
    Refused { host: String, address: IpAddr, why: Reserved },
    #[error("cannot connect to {0}: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("no certificate authority is known: the system has none, and the operator has named none")]
    NoAuthorities,
    #[error("{0} is no name that a certificate can have")]
    Name(String),
    #[error("TLS failed: {0}")]
    Tls(io::Error),
    #[error("answered {0}; redirects are not followed: give the URL where the document is")]
    Redirect(StatusCode),
    #[error("answered {0} instead of 200")]
    Status(StatusCode),
    #[error("the document is longer than {MAX_DOCUMENT} bytes")]
    TooLarge,
    #[error("no whole answer within {} s", .0.as_secs())]
    Slow(Duration),
    #[error("the URL makes no request: {0}")]
    Request(http::Error),
    #[error("the answer is no HTTP, or broke off: {0}")]
    Broken(#[from] hyper::Error),
}

impl FetchError {
    /// Whether this tells of names and addresses that only some networks know.
    pub fn tells_of_networks(&self) -> bool {
        matches!(
            self,
            FetchError::Resolve(..)
                | FetchError::NoAddress
                | FetchError::Refused { .. }
                | FetchError::Connect(..)
        )
    }
}

/// Why a file of certificate authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    #[error("it holds no PEM certificate")]
    Empty,
    #[error("it is no PEM: {0}")]
    Pem(String),
    #[error("it holds a certificate that is no authority's: {0}")]
    Certificate(rustls::Error),
}
