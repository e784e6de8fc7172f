//! From a URL to a connection: what its name resolves to is judged, and the very addresses that
//! were judged are dialled. A name that resolves differently a moment later changes nothing.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{FetchError, Policy};
use crate::model::{Host, Url};

/// More addresses than this of one name are not tried.
const MAX_ADDRESSES: usize = 8;
/// For an address that has others after it.
const TURN: Duration = Duration::from_millis(1500);

/// The addresses at which a URL's host may be.
pub(super) async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
    let name = match url.host() {
        Host::Address(address) => return Ok(vec![SocketAddr::new(*address, url.port())]),
        Host::Name(name) => name,
    };
    let found = lookup_host((name.as_str(), url.port())).await;
    found.map(Iterator::collect).map_err(|error| FetchError::Resolve(name.clone(), error))
}

/// Refuses a host when any of its addresses may not be dialled: a name with a public and a private
/// one is nobody's honest set-up.
pub(super) fn judge(policy: &Policy, host: &Host, candidates: &[SocketAddr]) -> Result<(), FetchError> {
    for candidate in candidates {
        policy.judge(candidate.ip()).map_err(|why| FetchError::Refused {
            host: host.to_string(),
            address: candidate.ip(),
            why,
        })?;
    }
    Ok(())
}

/// A connection to the first of the addresses that takes one.
pub(super) async fn connect(candidates: &[SocketAddr]) -> Result<TcpStream, FetchError> {
    let tried = &candidates[..candidates.len().min(MAX_ADDRESSES)];
    let (last, others) = tried.split_last().ok_or(FetchError::NoAddress)?;
    for address in others {
        if let Ok(Ok(stream)) = timeout(TURN, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    TcpStream::connect(last).await.map_err(|error| FetchError::Connect(*last, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect(text)
    }

    #[test]
    fn one_address_that_may_not_be_dialled_refuses_the_name() {
        let host = Host::Name("idp.example.com".to_owned());
        let policy = Policy::default();
        assert!(judge(&policy, &host, &[at("1.1.1.1:443"), at("[2606:4700::1]:443")]).is_ok());
        for mixed in [[at("1.1.1.1:443"), at("10.0.0.1:443")], [at("[::1]:443"), at("1.1.1.1:443")]] {
            let refused = judge(&policy, &host, &mixed).expect_err("one of them is not public").to_string();
            assert!(refused.starts_with("idp.example.com is at "), "{refused}");
        }
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_is_dead() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (alive, gone) = (listener.local_addr().expect("bound"), dead.local_addr().expect("bound"));
        drop(dead);
        let stream = connect(&[gone, alive]).await.expect("one of them listens");
        assert_eq!(stream.peer_addr().expect("connected"), alive);
        assert!(matches!(connect(&[gone]).await, Err(FetchError::Connect(at, _)) if at == gone));
    }
}
