//! TLS towards callers: versions and protocols, certificates that change under a running gateway,
//! and what comes to a TLS port without being TLS.

mod support;

use std::net::SocketAddr;

use rustls::version::{TLS12, TLS13};
use support::hand::Hand;
use support::raw::{self, PATIENCE, status};
use support::streams;
use support::tls::{self, Pair};
use support::upstream::Upstream;
use support::wire::{Setup, Wire};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

/// A gateway with a TLS listener called `tls` beside the plain one.
async fn secure(upstream: SocketAddr, limits: &str) -> (Wire, Pair, SocketAddr) {
    let dir = TempDir::new().expect("a directory");
    let pair = Pair::new();
    let files = pair.write(dir.path(), "tls");
    let listener = format!("{{name: tls, address: '127.0.0.1:0', tls: {files}, limits: {{{limits}}}}}");
    let wire = Setup::to(upstream).listener(&listener).start_in(dir).await;
    let at = address(&wire, "tls");
    (wire, pair, at)
}

fn address(wire: &Wire, name: &str) -> SocketAddr {
    let listeners = wire.running.gateway.listeners();
    listeners.iter().find(|(listener, _)| listener == name).expect("it listens").1
}

/// One request over an open connection; the answer's body must be `ok`.
async fn get(wire: &Wire, stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(wire.head("GET", "/x", "").as_bytes()).await.expect("it is open");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.expect("an answer comes");
        assert!(matches!(read, Ok(1..)), "{:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).expect("text")
}

/// The value of a metric's sample, once there is one for which `wanted` holds.
async fn sample(wire: &Wire, series: &str, wanted: impl Fn(f64) -> bool) -> f64 {
    let found = async {
        loop {
            let page = wire.running.metrics().await;
            let line = page.lines().find_map(|line| line.strip_prefix(series));
            match line.and_then(|value| value.trim().parse().ok()) {
                Some(value) if wanted(value) => return value,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{series} never was what it should be"))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_and_both_protocols_are_spoken() {
    let upstream = Upstream::ok().await;
    let (wire, pair, at) = secure(upstream.address, "").await;
    for (version, name) in [(&TLS12, "TLSv1_2"), (&TLS13, "TLSv1_3")] {
        for (offered, chosen) in [
            (vec![&b"h2"[..], b"http/1.1"], Some(&b"h2"[..])),
            (vec![&b"http/1.1"[..]], Some(b"http/1.1")),
            (vec![&b"http/1.1"[..], b"h2"], Some(b"h2")),
            (vec![], None),
        ] {
            let config = tls::trusting(&pair, &[version], &offered);
            let mut stream = tls::connect(at, config).await.expect("a handshake");
            assert_eq!(format!("{:?}", stream.get_ref().1.protocol_version().expect("one")), name);
            assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
            if chosen == Some(b"h2") {
                let mut caller = streams::connect(stream).await;
                let reply = caller.get(streams::request(&wire, "GET", "/x")).await.expect("an answer");
                assert_eq!((reply.status.as_u16(), reply.body.as_slice()), (200, &b"ok"[..]));
            } else {
                assert_eq!(status(&get(&wire, &mut stream).await), 200);
            }
            assert_eq!(upstream.last().header("x-forwarded-proto"), ["https"]);
        }
    }
    // Nothing in common: no connection, and the failure is counted.
    let config = tls::trusting(&pair, &[&TLS13], &[b"smtp"]);
    assert!(tls::connect(at, config).await.is_err());
    let failed = "tenantry_tls_handshake_failures_total{reason=\"no_agreement\"}";
    sample(&wire, failed, |count| count >= 1.0).await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doubtful_framing_is_refused_under_tls_as_well() {
    let upstream = Upstream::ok().await;
    let (wire, pair, at) = secure(upstream.address, "header_timeout: 300ms").await;
    let doubtful =
        wire.head("POST", "/x", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n";
    for (request, wanted) in [(doubtful, "400"), ("GET /t/acme/x HTTP/1.1\r\n".to_owned(), "408")] {
        let mut stream = tls::connect(at, tls::trusting(&pair, &[&TLS13], &[])).await.expect("a handshake");
        stream.write_all(request.as_bytes()).await.expect("it is open");
        let mut answer = String::new();
        // A clean end: nobody can take the answer for half of one.
        timeout(PATIENCE, stream.read_to_string(&mut answer))
            .await
            .expect("it closes")
            .expect("close_notify");
        assert_eq!(status(&answer).to_string(), wanted, "{answer}");
    }
    assert!(upstream.seen().is_empty());
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_replaced_while_connections_go_on() {
    let upstream = Upstream::ok().await;
    let (wire, first, at) = secure(upstream.address, "").await;
    let dir = wire.running.dir.path().to_owned();
    let mut old = tls::connect(at, tls::trusting(&first, &[&TLS13], &[])).await.expect("a handshake");
    get(&wire, &mut old).await;
    assert_eq!(tls::shown(at).await, first.der);
    let replaced = "tenantry_certificate_reloads_total{listener=\"tls\",result=\"ok\"}";
    let failed = "tenantry_certificate_reloads_total{listener=\"tls\",result=\"failed\"}";
    let second = Pair::new();
    second.write(&dir, "tls");
    sample(&wire, replaced, |count| count >= 1.0).await;
    assert_eq!(tls::shown(at).await, second.der);
    get(&wire, &mut old).await;
    assert!(tls::connect(at, tls::trusting(&first, &[&TLS13], &[])).await.is_err(), "the old one is gone");
    // Useless files, each in its own way: the last good pair stays.
    let (chain, key) = tls::files(&dir, "tls");
    let stranger = Pair::new();
    let mut failures = sample(&wire, failed, |_| true).await;
    let faults: [(&str, &dyn Fn()); 4] = [
        ("another's key", &|| tls::replace(&key, &stranger.key)),
        ("no certificate", &|| tls::replace(&chain, "nothing here")),
        ("an expired certificate", &|| {
            let mut params = rcgen::CertificateParams::new(["gateway".to_owned()]).expect("names");
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
            let own = rcgen::KeyPair::generate().expect("a key");
            tls::replace(&key, &own.serialize_pem());
            tls::replace(&chain, &params.self_signed(&own).expect("a certificate").pem());
        }),
        ("no file", &|| std::fs::remove_file(&chain).expect("it was there")),
    ];
    for (what, spoil) in faults {
        spoil();
        failures = sample(&wire, failed, |count| count > failures).await;
        assert_eq!(tls::shown(at).await, second.der, "{what}");
    }
    // And the next good one is taken.
    let third = Pair::new();
    third.write(&dir, "tls");
    sample(&wire, replaced, |count| count >= 2.0).await;
    assert_eq!(tls::shown(at).await, third.der);
    get(&wire, &mut old).await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_is_shown() {
    let upstream = Upstream::ok().await;
    let (wire, pair, _) = secure(upstream.address, "").await;
    let (_, certificate) = x509_parser::parse_x509_certificate(&pair.der).expect("a certificate");
    let expires = certificate.validity().not_after.timestamp() as f64;
    let series = "tenantry_certificate_expiry_timestamp_seconds{listener=\"tls\"}";
    assert!((sample(&wire, series, |_| true).await - expires).abs() < 1.0);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_is_turned_away_and_counted() {
    let upstream = Upstream::ok().await;
    let (wire, pair, at) = secure(upstream.address, "handshake_timeout: 300ms").await;
    let answer = raw::exchange(at, wire.head("GET", "/x", "").as_bytes()).await;
    assert!(!answer.contains("200"), "{answer:?}");
    sample(&wire, "tenantry_tls_handshake_failures_total{reason=\"not_tls\"}", |count| count >= 1.0).await;
    // Nothing at all, and half a record: closed in time.
    for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        raw::exchange(at, begun).await;
    }
    sample(&wire, "tenantry_tls_handshake_failures_total{reason=\"timeout\"}", |count| count >= 2.0).await;
    // A caller that does not trust us.
    assert!(tls::connect(at, tls::trusting(&Pair::new(), &[&TLS13], &[])).await.is_err());
    let refused = "tenantry_tls_handshake_failures_total{reason=\"certificate_refused\"}";
    sample(&wire, refused, |count| count >= 1.0).await;
    drop(TcpStream::connect(at).await.expect("it listens"));
    sample(&wire, "tenantry_tls_handshake_failures_total{reason=\"closed\"}", |count| count >= 1.0).await;
    let mut good = tls::connect(at, tls::trusting(&pair, &[&TLS13], &[])).await.expect("a handshake");
    get(&wire, &mut good).await;
    assert_eq!(upstream.seen().len(), 1);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_resumed_until_the_certificate_says_otherwise() {
    let upstream = Upstream::ok().await;
    let (wire, pair, at) = secure(upstream.address, "").await;
    for version in [&TLS12, &TLS13] {
        let config = tls::trusting(&pair, &[version], &[]);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut stream = tls::connect(at, config.clone()).await.expect("a handshake");
            get(&wire, &mut stream).await;
            kinds.push(format!("{:?}", stream.get_ref().1.handshake_kind().expect("done")));
        }
        assert_eq!(kinds, ["Full", "Resumed"]);
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_never_reads_is_cut_under_tls_too() {
    let hand = Hand::new().await;
    let (wire, pair, at) = secure(hand.address, "body_timeout: 300ms").await;
    let mut caller = tls::connect(at, tls::trusting(&pair, &[&TLS13], &[])).await.expect("a handshake");
    caller.write_all(wire.head("GET", "/much", "").as_bytes()).await.expect("it is open");
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await;
    let piece = vec![b'a'; 1 << 20];
    let ended = async { while line.stream.write_all(&piece).await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("the gateway lets go");
    drop(caller);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_port_speaks_tls() {
    let dir = TempDir::new().expect("a directory");
    let pair = Pair::new();
    let files = pair.write(dir.path(), "admin");
    let upstream = Upstream::ok().await;
    let yaml =
        Setup::to(upstream.address).top(&format!("admin: {{address: '127.0.0.1:0', tls: {files}}}")).yaml();
    let running = support::gateway::start_in(dir, &yaml).await;
    assert_eq!(tls::shown(running.admin).await, pair.der);
    for version in [&TLS12, &TLS13] {
        let config = tls::trusting(&pair, &[version], &[b"h2", b"http/1.1"]);
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(config)
            .resolve("gateway", running.admin)
            .build()
            .expect("a client");
        let url = |path: &str| format!("https://gateway:{}{path}", running.admin.port());
        let ready = client.get(url("/-/ready")).send().await.expect("an answer");
        assert_eq!(ready.status(), 200);
        let me = client.get(url("/api/v1/me"));
        let me = me.basic_auth(support::gateway::ADMIN, Some(support::gateway::PASSWORD));
        assert_eq!(me.send().await.expect("an answer").status(), 200);
        let page = client.get(url("/metrics")).send().await.expect("an answer").text().await.expect("text");
        assert!(page.contains("tenantry_certificate_expiry_timestamp_seconds{listener=\"admin\"}"), "{page}");
    }
    // Slow handshakes keep nobody else out.
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(running.admin).await.expect("it listens"));
    }
    assert_eq!(tls::shown(running.admin).await, pair.der);
    let answer = raw::exchange(running.admin, b"GET /-/ready HTTP/1.1\r\nHost: gateway\r\n\r\n").await;
    assert!(!answer.contains("200"), "{answer:?}");
    drop(silent);
    running.stop().await;
}
