//! Documents over real sockets: what is read, and every way in which the gateway refuses to read.

use std::time::Instant;

use tenantry::model::Url;
use tenantry::net::fetch::{FetchError, Fetcher, MAX_DOCUMENT, PATIENCE, Policy};
use tokio::net::TcpListener;

use super::idp::{Idp, Reply};

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

/// One that may dial this machine.
fn fetcher(idp: &Idp) -> Fetcher {
    with(idp, &["127.0.0.0/8", "::1"], false)
}

fn with(idp: &Idp, networks: &[&str], http: bool) -> Fetcher {
    let networks = networks.iter().map(|text| text.parse().expect(text)).collect();
    Fetcher::new(Policy { networks, http }, Some(idp.authority.as_bytes())).expect("an authority")
}

async fn fault(fetcher: &Fetcher, at: &str) -> FetchError {
    fetcher.fetch(&url(at)).await.expect_err(at)
}

#[tokio::test]
async fn a_document_is_read_over_tls() {
    let idp = Idp::new().await;
    idp.put("/a?b=c", Reply::text("{}"));
    assert_eq!(&fetcher(&idp).fetch(&url(&idp.url("/a?b=c"))).await.expect("a document")[..], b"{}");
    let asked = idp.asked().remove(0);
    let host = format!("host: localhost:{}\r\n", idp.address.port());
    assert!(asked.starts_with("GET /a?b=c HTTP/1.1\r\n") && asked.contains(&host), "{asked}");
    assert!(!asked.contains("authorization") && !asked.contains("accept-encoding"), "{asked}");
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    idp.put("/chunked", Reply::Raw(chunked.to_vec()));
    let by_address = format!("https://{}/chunked", idp.address);
    assert_eq!(&fetcher(&idp).fetch(&url(&by_address)).await.expect("a document")[..], b"{}");
}

#[tokio::test]
async fn what_is_not_public_is_not_even_dialled() {
    let idp = Idp::new().await;
    let plain = Idp::plain().await;
    let nothing = with(&idp, &[], true);
    let port = idp.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "10.0.0.1",
        "255.255.255.255",
    ] {
        let found = fault(&nothing, &format!("https://{host}:{port}/")).await;
        assert!(matches!(found, FetchError::Refused { .. }), "{host}: {found}");
        let found = fault(&nothing, &format!("http://{host}:{}/", plain.address.port())).await;
        assert!(matches!(found, FetchError::Refused { .. }), "{host}: {found}");
    }
    // Another network's permission is none for this one.
    let found = fault(&with(&idp, &["10.0.0.0/8"], false), &idp.url("/")).await;
    assert!(found.to_string().contains("(loopback)"), "{found}");
    assert_eq!((idp.dialled(), plain.dialled()), (0, 0));
}

#[tokio::test]
async fn plain_http_is_for_the_operator_to_allow() {
    let idp = Idp::plain().await;
    idp.put("/", Reply::text("{}"));
    let at = format!("http://{}", idp.address);
    assert!(matches!(fault(&fetcher(&idp), &at).await, FetchError::Http));
    assert_eq!(idp.dialled(), 0);
    let allowed = with(&idp, &["127.0.0.0/8"], true);
    assert_eq!(&allowed.fetch(&url(&at)).await.expect("a document")[..], b"{}");
}

#[tokio::test]
async fn redirects_lead_nowhere() {
    let (idp, other) = (Idp::new().await, Idp::new().await);
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"] {
        let line = format!("{status}\r\nlocation: {}", other.url("/"));
        idp.put("/", Reply::status(&line));
        let found = fault(&fetcher(&idp), &idp.url("/")).await;
        assert!(matches!(found, FetchError::Redirect(code) if status.starts_with(code.as_str())), "{found}");
    }
    assert_eq!((idp.asked().len(), other.dialled()), (4, 0));
}

#[tokio::test]
async fn answers_are_bounded() {
    let idp = Idp::new().await;
    idp.put("/most", Reply::text(&"a".repeat(MAX_DOCUMENT)));
    assert_eq!(fetcher(&idp).fetch(&url(&idp.url("/most"))).await.expect("it fits").len(), MAX_DOCUMENT);
    let declared = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_DOCUMENT + 1);
    let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"10000\r\n".as_slice(), &[b'a'; 0x10000], b"\r\n"].concat();
    for (path, reply) in [
        ("/declared", Reply::Raw(declared.into_bytes())),
        ("/chunks", Reply::Endless(chunks, chunk)),
        ("/close", Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; 4096])),
    ] {
        idp.put(path, reply);
        let found = fault(&fetcher(&idp), &idp.url(path)).await;
        assert!(matches!(found, FetchError::TooLarge), "{path}: {found}");
    }
    let header = b"x: y\r\n".repeat(100_000);
    idp.put("/head", Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), header));
    let found = fault(&fetcher(&idp), &idp.url("/head")).await;
    assert!(matches!(found, FetchError::Broken(_)), "{found}");
}

#[tokio::test]
async fn what_is_no_whole_answer_is_none() {
    let idp = Idp::new().await;
    for (path, line) in [("/500", "500 Oops"), ("/204", "204 No Content"), ("/404", "404 Not Found")] {
        idp.put(path, Reply::status(line));
        let found = fault(&fetcher(&idp), &idp.url(path)).await;
        assert!(matches!(found, FetchError::Status(code) if code.as_str() == &path[1..]), "{found}");
    }
    for broken in ["", "{}", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}", "HTTP/1.1 200 OK\r\n"] {
        idp.put("/", Reply::Raw(broken.into()));
        let found = fault(&fetcher(&idp), &idp.url("/")).await;
        assert!(matches!(found, FetchError::Broken(_)), "{broken}: {found}");
    }
}

#[tokio::test]
async fn a_stranger_s_certificate_is_not_believed() {
    let (idp, other) = (Idp::new().await, Idp::new().await);
    let found = fault(&fetcher(&other), &idp.url("/")).await;
    assert!(matches!(found, FetchError::Tls(_)), "{found}");
    assert!(idp.asked().is_empty());
    // Its own certificate, under a name that is not in it: the listener takes all of 127/8.
    let found = fault(&fetcher(&idp), &format!("https://127.0.0.2:{}/", idp.address.port())).await;
    assert!(found.to_string().contains("certificate"), "{found}");
    assert!(idp.asked().is_empty());
    for pem in ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Fetcher::new(Policy::default(), Some(pem.as_bytes())).is_err(), "{pem}");
    }
}

#[tokio::test]
async fn silence_has_its_end() {
    let idp = Idp::new().await;
    idp.put("/", Reply::Silence);
    let deaf = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let begun = Instant::now();
    let at = format!("https://{}/", deaf.local_addr().expect("bound"));
    let (fetcher, silent) = (fetcher(&idp), idp.url("/"));
    let (no_tls, no_answer) = tokio::join!(fault(&fetcher, &at), fault(&fetcher, &silent));
    assert!(matches!((no_tls, no_answer), (FetchError::Slow(PATIENCE), FetchError::Slow(PATIENCE))));
    assert!(begun.elapsed() < PATIENCE * 2);
}
