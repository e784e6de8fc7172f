//! What a back end gets to see of a request's headers, and a caller of an answer's: ours as we said
//! them, theirs as they said them, and nothing that claims to be ours.

mod support;

use http::Request;
use serde_json::json;
use support::door::Door;
use support::forge::{Forge, good};
use support::gateway;
use support::h2;
use support::raw::{self, status};
use support::upstream::{Seen, Upstream};
use tenantry::cli::keypair::KeypairKind;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Two services with tenant headers of their own before one back end, and a token for `acme`.
async fn open(upstream: Upstream) -> (Door, Forge) {
    let second = format!(
        "  logs:\n    match: [{{path: '/logs/{{tenant}}'}}]\n    upstream: http://{}\n    tenant_header: X-Org\n",
        upstream.address
    );
    let running = gateway::start(&gateway::yaml(upstream.address, "read-write", "", &second)).await;
    let door = Door { running, upstream };
    let forge = Forge::new(KeypairKind::Ed25519);
    for tenant in ["acme", "globex"] {
        door.running.create_tenant(tenant).await;
    }
    door.trust(&forge, json!({})).await;
    (door, forge)
}

fn bearer(forge: &Forge, tenant: &str) -> String {
    format!("Bearer {}", forge.claims(&good(tenant).to_string()))
}

/// The headers of a request as a back end may read them: lower case, `-` for `_`.
fn as_read(seen: &Seen) -> Vec<(String, String)> {
    let lines = seen.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_lowercase().replace('_', "-"), value.trim().to_owned())).collect()
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

/// Every spelling of a name over `-` and `_`.
fn spellings(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('-').collect();
    (0..1 << (parts.len() - 1))
        .map(|bits: usize| {
            let mut text = parts[0].to_owned();
            for (nth, part) in parts[1..].iter().enumerate() {
                text.push(if bits >> nth & 1 == 1 { '_' } else { '-' });
                text.push_str(part);
            }
            text
        })
        .collect()
}

/// `xScOpE`-like: upper and lower case by turns.
fn mixed(name: &str) -> String {
    let turn =
        |(nth, c): (usize, char)| if nth % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    name.chars().enumerate().map(turn).collect()
}

/// Every header that says who the caller is or what it asked for, and is not the caller's to say.
const OWNED: [&str; 20] = [
    "x-scope-orgid",
    "x-org",
    "x-tenant",
    "x-prom-label-policy",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-forwarded-email",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method-override",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_what_is_ours_is_removed() {
    let (door, forge) = open(Upstream::ok().await).await;
    let bearer = bearer(&forge, "acme");
    let peer = "127.0.0.1";
    for (path, tenant_header, other) in
        [("/t/acme/x", "x-scope-orgid", "x-org"), ("/logs/acme/x", "x-org", "x-scope-orgid")]
    {
        let check = |what: &str| {
            let seen = door.upstream.last();
            let headers = as_read(&seen);
            assert_eq!(values(&headers, tenant_header), ["acme"], "{what}: {}", seen.head);
            assert_eq!(values(&headers, other), [""; 0], "{what}: {}", seen.head);
            assert_eq!(values(&headers, "x-forwarded-for"), [peer], "{what}");
            assert_eq!(values(&headers, "x-forwarded-host"), ["a"], "{what}");
            assert_eq!(values(&headers, "x-forwarded-proto"), ["http"], "{what}");
            assert!(!seen.head.contains("planted"), "{what}: {}", seen.head);
        };
        for owned in OWNED {
            for name in spellings(owned) {
                for cased in [name.clone(), name.to_uppercase(), mixed(&name)] {
                    let lines = format!(
                        "{cased}: planted\r\nAuthorization: {bearer}\r\n{cased}: planted, globex\r\n{cased}:\r\n"
                    );
                    assert_eq!(status(&door.ask(&format!("GET {path}"), "a", &lines).await), 200, "{cased}");
                    check(&cased);
                }
                let request = Request::get(format!("http://a{path}"))
                    .header("authorization", &bearer)
                    .header(&name, "planted")
                    .header(&name, "planted, globex");
                let answer = h2::send(door.address(), request.body(()).expect("a request")).await;
                assert_eq!(answer.expect("an answer").status, 200, "h2 {name}");
                check(&format!("h2 {name}"));
            }
        }
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_name_ours_in_connection() {
    let (door, forge) = open(Upstream::ok().await).await;
    let bearer = bearer(&forge, "acme");
    for named in [
        "X-Scope-OrgID",
        "x-scope-orgid",
        "close, X-Scope-OrgID",
        "keep-alive,X-Scope-OrgID,X-Forwarded-For",
        "X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Via, X-Request-Id, Host",
        "Authorization",
        "Host",
        "X-Scope-OrgID, X-Scope-OrgID, ,, X_Scope_OrgID",
    ] {
        for carrier in ["Connection", "TE", "Keep-Alive", "Proxy-Connection", "Trailer"] {
            let lines = format!("Authorization: {bearer}\r\n{carrier}: {named}\r\nX-Scope-OrgID: globex\r\n");
            let answer = door.ask("GET /t/acme/x", "a", &lines).await;
            assert_eq!(status(&answer), 200, "{carrier}: {named}");
            let seen = door.upstream.last();
            let headers = as_read(&seen);
            for (name, value) in [
                ("x-scope-orgid", "acme"),
                ("host", "a"),
                ("x-forwarded-for", "127.0.0.1"),
                ("x-forwarded-host", "a"),
                ("x-forwarded-proto", "http"),
                ("via", "1.1 tenantry"),
            ] {
                assert_eq!(values(&headers, name), [value], "{carrier}: {named}: {}", seen.head);
            }
            assert_eq!(values(&headers, "x-request-id").len(), 1);
            assert_eq!(values(&headers, "authorization"), [""; 0]);
        }
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_stay_here_and_the_callers_own_headers_go_through() {
    let (door, forge) = open(Upstream::ok().await).await;
    let bearer = bearer(&forge, "acme");
    let lines = format!(
        "Authorization: {bearer}\r\nProxy-Authorization: {bearer}\r\nCookie: a=b; c=d\r\nAccept: */*\r\n\
         User-Agent: agent/1\r\nX-Own: one\r\nX-Own: two\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n\
         Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nIf-None-Match: \"x\"\r\nX-Obs: \u{e9}\r\n"
    );
    let check = |seen: &Seen| {
        let headers = as_read(seen);
        assert!(!seen.head.contains(&bearer), "{}", seen.head);
        for name in ["authorization", "proxy-authorization"] {
            assert_eq!(values(&headers, name), [""; 0]);
        }
        for (name, value) in [
            ("cookie", "a=b; c=d"),
            ("accept", "*/*"),
            ("user-agent", "agent/1"),
            ("x-prometheus-remote-write-version", "0.1.0"),
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("if-none-match", "\"x\""),
            ("x-obs", "\u{e9}"),
        ] {
            assert_eq!(values(&headers, name), [value], "{name}");
        }
        assert_eq!(values(&headers, "x-own"), ["one", "two"]);
    };
    assert_eq!(status(&door.ask("GET /t/acme/x", "a", &lines).await), 200);
    check(&door.upstream.last());
    let request = lines.lines().filter_map(|line| line.split_once(": "));
    let request = request.filter(|(name, _)| *name != "Cookie");
    let mut request = request.fold(Request::get("http://a/t/acme/x"), |request, (name, value)| {
        request.header(name, http::HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
    });
    // HTTP/2 may bring cookies in crumbs.
    request = request.header("cookie", "a=b").header("cookie", "c=d");
    let answer = h2::send(door.address(), request.body(()).expect("a request")).await.expect("an answer");
    assert_eq!(answer.status, 200);
    check(&door.upstream.last());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_one_connection_goes_no_further() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Hop: hop\r\n\
        Proxy-Authenticate: Basic\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nTE: trailers\r\nX-End: end\r\n\
        Via: 1.0 behind\r\nX-Request-Id: theirs\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 2\r\n\r\nok";
    let (door, forge) = open(Upstream::start(|_| answer.as_bytes().to_vec()).await).await;
    let bearer = bearer(&forge, "acme");
    let lines = format!(
        "Authorization: {bearer}\r\nConnection: X-Hop, Upgrade, close\r\nX-Hop: hop\r\nX-End: end\r\nTE: gzip\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\
         Expect: 100-continue\r\nX-Request-Id: mine\r\n"
    );
    let outer = door.ask("GET /t/acme/x", "a", &lines).await;
    let headers = as_read(&door.upstream.last());
    for name in [
        "x-hop",
        "te",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "http2-settings",
        "transfer-encoding",
        "expect",
    ] {
        assert_eq!(values(&headers, name), [""; 0], "{name} came through");
    }
    assert_eq!(values(&headers, "x-end"), ["end"]);
    let inner = Seen { head: outer, body: Vec::new(), trailers: String::new(), connection: 0 };
    let request =
        Request::get("http://a/t/acme/x").header("authorization", &bearer).header("x-request-id", "mine");
    let h2 = h2::send(door.address(), request.body(()).expect("a request")).await.expect("an answer");
    for name in ["x-hop", "keep-alive", "proxy-authenticate", "proxy-connection", "upgrade", "te"] {
        assert!(inner.header(name).is_empty(), "{name} came back: {}", inner.head);
        assert!(!h2.headers.contains_key(name), "{name} came back by h2");
    }
    assert!(!h2.headers.contains_key("connection"));
    assert!(!inner.head.to_lowercase().contains("x-hop"), "{}", inner.head);
    for (name, value) in [
        ("x-end", "end"),
        ("x-request-id", "mine"),
        ("via", "1.0 behind"),
        ("www-authenticate", "Basic realm=x"),
    ] {
        assert_eq!(inner.header(name), [value]);
        assert_eq!(h2.headers[name], value);
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn via_and_the_request_id_tell_the_way() {
    let (door, forge) = open(Upstream::ok().await).await;
    let bearer = bearer(&forge, "acme");
    let ask = async |lines: &str| {
        let answer = door.ask("GET /t/acme/x", "a", &format!("Authorization: {bearer}\r\n{lines}")).await;
        assert_eq!(status(&answer), 200, "{lines}");
        let line = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        (line.expect("an id").to_owned(), door.upstream.last())
    };
    let (own, seen) = ask("Via: 1.1 first, 2.0 second\r\n").await;
    assert_eq!(seen.header("via").join(", "), "1.1 first, 2.0 second, 1.1 tenantry");
    assert_eq!((own.len(), seen.header("x-request-id")), (32, vec![own.as_str()]));
    let long = "a".repeat(128);
    for sane in ["abc", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a-b_c.d", &long] {
        let (id, seen) = ask(&format!("X-Request-ID: {sane}\r\n")).await;
        assert_eq!((id.as_str(), seen.header("x-request-id")), (sane, vec![sane]));
    }
    for odd in ["", "a b", "a\"b", "a;b", "a,b", "<script>", "a=b", "\u{e9}", &format!("{long}a")] {
        let (id, seen) = ask(&format!("X-Request-ID: {odd}\r\n")).await;
        assert_eq!((id.len(), seen.header("x-request-id")), (32, vec![id.as_str()]), "{odd}");
    }
    let (id, seen) = ask("X-Request-ID: one\r\nX-Request-ID: two\r\n").await;
    assert_eq!((id.len(), seen.header("x-request-id")), (32, vec![id.as_str()]));
    let request = Request::get("http://a/t/acme/x").header("authorization", &bearer);
    let h2 = h2::send(door.address(), request.body(()).expect("a request")).await.expect("an answer");
    assert_eq!(door.upstream.last().header("via"), ["2.0 tenantry"]);
    assert_eq!(
        door.upstream.last().header("x-request-id"),
        [h2.headers["x-request-id"].to_str().expect("text")]
    );
    // Refusals have one too, and keep nobody's.
    let answer = door.ask("GET /t/acme/x", "a", "X-Request-Id: a\u{1b}[31m\r\n").await;
    assert_eq!(status(&answer), 400);
    let answer = door.ask("GET /t/acme/x", "a", "").await;
    assert!(answer.contains("\r\nx-request-id: "), "{answer}");
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_say_no_more_than_headers_may() {
    let (door, forge) = open(Upstream::ok().await).await;
    let bearer = bearer(&forge, "acme");
    let trailers = "X-Scope-OrgID: planted\r\nx_scope_orgid: planted\r\nX-Org: planted\r\nX-Forwarded-For: planted\r\n\
        Authorization: planted\r\nConnection: planted\r\nX-Checksum: abc\r\n";
    let request = format!(
        "POST /t/acme/x HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-Scope-OrgID, x_scope_orgid, X-Org, X-Forwarded-For, Authorization, Connection, X-Checksum\r\n\
         Connection: close\r\n\r\n5\r\nhello\r\n0\r\n{trailers}\r\n"
    );
    let answer = door.raw(&request).await;
    assert_eq!(status(&answer), 200, "{answer}");
    let seen = door.upstream.last();
    assert_eq!(seen.body, b"hello");
    assert_eq!(seen.header("x-scope-orgid"), ["acme"]);
    assert_eq!(seen.trailers.to_lowercase().trim(), "x-checksum: abc");
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_takes_two_tokens_by_turns() {
    let (door, forge) = open(Upstream::ok().await).await;
    let tokens = ["acme", "globex"].map(|tenant| (tenant, bearer(&forge, tenant)));
    let mut stream = TcpStream::connect(door.address()).await.expect("it listens");
    for round in 0..10 {
        for (tenant, bearer) in &tokens {
            let other = if *tenant == "acme" { "globex" } else { "acme" };
            for (target, lines, expected) in [
                (*tenant, format!("Authorization: {bearer}\r\n"), 200),
                (other, format!("Authorization: {bearer}\r\n"), 401),
                (*tenant, String::new(), 401),
                (*tenant, "Authorization: Bearer x\r\n".to_owned(), 401),
            ] {
                let request = format!("GET /t/{target}/{round} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
                stream.write_all(request.as_bytes()).await.expect("still open");
                let end = if expected == 200 { "\r\n\r\nok" } else { "\n" };
                let mut answer = raw::read_until(&mut stream, "\r\n\r\n").await;
                if !answer.ends_with(end) || answer.ends_with("\r\n\r\n") {
                    answer += &raw::read_until(&mut stream, if expected == 200 { "ok" } else { "\n" }).await;
                }
                assert_eq!(status(&answer), expected, "{target}: {answer}");
                if expected == 200 {
                    let seen = door.upstream.last();
                    assert_eq!(seen.header("x-scope-orgid"), [*tenant]);
                    assert_eq!(seen.target(), format!("/{round}"));
                }
            }
        }
    }
    assert_eq!(door.upstream.seen().len(), 20);
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_line_alone_decides() {
    let (door, forge) = open(Upstream::ok().await).await;
    let globex = bearer(&forge, "globex");
    for line in [
        "X-Forwarded-Host: globex.example.com",
        "X-Host: globex.example.com",
        "Forwarded: host=globex.example.com",
        "X-Original-URL: /t/globex/x",
        "X-Rewrite-URL: /t/globex/x",
        "X-Forwarded-Uri: /t/globex/x",
        "X-Forwarded-Prefix: /t/globex",
        "X-Scope-OrgID: globex",
        "X-HTTP-Method-Override: CONNECT",
    ] {
        for (request, host) in [("GET /x", "acme.example.com"), ("GET /t/acme/x", "a"), ("GET /nowhere", "a")]
        {
            let lines = format!("Authorization: {globex}\r\n{line}\r\n");
            let answer = door.ask(request, host, &lines).await;
            let expected = if request.ends_with("nowhere") { 404 } else { 401 };
            assert_eq!(status(&answer), expected, "{line}: {answer}");
        }
    }
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_and_folds_in_headers_are_refused() {
    let (door, forge) = open(Upstream::ok().await).await;
    let bearer = bearer(&forge, "acme");
    for line in [
        "X-A: a\rX-Scope-OrgID: globex",
        "X-A: a\u{0}b",
        "X-A: a\u{1b}[31m",
        "X-A: a\u{7f}",
        "X-A: a\r\n folded",
        "X-A: a\r\n\tX-Scope-OrgID: globex",
        " X-A: a",
        "X-A : a",
        "X A: a",
        "X-A",
        ": a",
        "X-Scope-OrgID\u{0}: globex",
        "X-\u{e9}: a",
    ] {
        let answer = door.ask("GET /t/acme/x", "a", &format!("{line}\r\nAuthorization: {bearer}\r\n")).await;
        assert_eq!(status(&answer), 400, "{line:?}: {answer}");
    }
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_fields_that_would_be_several_in_http1_are_refused() {
    let (door, forge) = open(Upstream::ok().await).await;
    let bearer = bearer(&forge, "acme");
    let fields = |more: &[(&'static str, &'static str)]| {
        let mut all =
            vec![(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/t/acme/x")];
        all.extend_from_slice(more);
        all.push(("authorization", bearer.as_str()));
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(h2::send_fields(door.address(), &fields(&[])).await, h2::Outcome::Answer(200));
    assert_eq!(door.upstream.seen().len(), 1);
    for more in [
        [("x-a", "a\r\nx-scope-orgid: globex")],
        [("x-a", "a\nx-scope-orgid: globex")],
        [("x-a", "a\rb")],
        [("x-a", "a\0b")],
        [("x-a\r\nx-scope-orgid", "globex")],
        [("x-a: b\r\nx", "c")],
        [("x a", "a")],
        [("x-a:", "a")],
        [("X-Scope-OrgID", "globex")],
        [("", "a")],
        [(":x", "a")],
        [(":path", "/t/globex/x")],
        [(":authority", "b")],
        [(":protocol", "websocket")],
        [("connection", "x-scope-orgid")],
        [("transfer-encoding", "chunked")],
        [("host", "b")],
    ] {
        let outcome = h2::send_fields(door.address(), &fields(&more)).await;
        assert_ne!(outcome, h2::Outcome::Answer(200), "{more:?}");
    }
    for path in [
        "/t/acme/x\r\nX-Scope-OrgID: globex",
        "/t/acme/x y",
        "/t/acme/x HTTP/1.1\r\n\r\n",
        "t/acme",
        "",
        "/t/acme/\0",
    ] {
        let mut fields = fields(&[]);
        path.clone_into(&mut fields[3].1);
        let outcome = h2::send_fields(door.address(), &fields).await;
        assert_ne!(outcome, h2::Outcome::Answer(200), "{path:?}");
    }
    for method in ["GET /t/globex/x HTTP/1.1\r\n\r\nGET", "GET ", "", "G\0T"] {
        let mut fields = fields(&[]);
        method.clone_into(&mut fields[0].1);
        let outcome = h2::send_fields(door.address(), &fields).await;
        assert_ne!(outcome, h2::Outcome::Answer(200), "{method:?}");
    }
    assert_eq!(door.upstream.seen().len(), 1);
    door.running.stop().await;
}
