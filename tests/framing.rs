//! Where one request ends and the next begins: everything that two readers could read in two ways is
//! refused, and the connection with it; whoever floods loses its own connection and no other.

mod support;

use std::collections::HashSet;

use support::frames::{self, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, frame};
use support::hand::Hand;
use support::raw::{PATIENCE, read_to_end, read_until, status};
use support::upstream::Upstream;
use support::wire::{Setup, Wire};
use support::{raw, streams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A second request behind a doubtful one. It must never be taken for a request, nor for a body.
const SMUGGLED: &str = "/smuggled";

/// Somebody else's connection, which must not feel anything.
struct Bystander(TcpStream);

impl Bystander {
    async fn come(wire: &Wire) -> Bystander {
        let mut bystander = Bystander(wire.connect().await);
        bystander.works(wire).await;
        bystander
    }

    async fn works(&mut self, wire: &Wire) {
        let request = wire.head("GET", "/bystander", "");
        self.0.write_all(request.as_bytes()).await.expect("it is open");
        let answer = read_until(&mut self.0, "ok").await;
        assert_eq!(status(&answer), 200, "{answer}");
    }
}

/// Sends a doubtful request with a sound one behind it, both permitted: there is one answer, 400, the
/// connection closes, and the back end has not seen the second request.
async fn refused(wire: &Wire, upstream: &Upstream, what: &str, request: &str) {
    let before = upstream.seen().len();
    let answer = wire.exchange(&format!("{request}{}", wire.head("GET", SMUGGLED, ""))).await;
    assert_eq!(status(&answer), 400, "{what}: {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer:?}");
    assert!(!answer.contains("HTTP/1.1 200"), "{what}");
    let seen: Vec<_> = upstream.seen().into_iter().skip(before).collect();
    assert!(seen.is_empty(), "{what}: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doubtful_lengths_are_refused_and_close() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let mut bystander = Bystander::come(&wire).await;
    for (what, lines, body) in [
        ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        (
            "TE twice, one identity",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        ("TE xchunked", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("TE with a vertical tab", "Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
        ("TE with another coding", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ("TE chunked, identity", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("TE empty", "Transfer-Encoding:\r\n", "0\r\n\r\n"),
        ("TE quoted", "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
        ("TE and a space before the colon", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ("CL with a sign", "Content-Length: +5\r\n", "hello"),
        ("CL negative", "Content-Length: -5\r\n", "hello"),
        ("CL hexadecimal", "Content-Length: 0x5\r\n", "hello"),
        ("CL of two words", "Content-Length: 5 5\r\n", "hello"),
        ("CL with a fraction", "Content-Length: 5.0\r\n", "hello"),
        ("CL empty", "Content-Length:\r\n", ""),
        ("CL blank", "Content-Length:  \r\n", ""),
        ("CL twice alike", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        ("CL twice", "Content-Length: 5\r\nContent-Length: 0\r\n", "hello"),
        ("CL listed", "Content-Length: 5, 5\r\n", "hello"),
        ("CL beyond 64 bits", "Content-Length: 18446744073709551621\r\n", "hello"),
        ("CL and a space before the colon", "Content-Length : 5\r\n", "hello"),
        ("CL then TE", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("TE then CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        (
            "chunk size beyond 64 bits",
            "Transfer-Encoding: chunked\r\n",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
        ),
        ("chunk size at 64 bits", "Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        ("chunk size with a sign", "Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n"),
        ("chunk size with 0x", "Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("chunk size missing", "Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"),
        ("chunk size and a bare LF", "Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"),
        ("chunk extension with a bare LF", "Transfer-Encoding: chunked\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("chunk longer than it says", "Transfer-Encoding: chunked\r\n", "5\r\nhello!\r\n0\r\n\r\n"),
        ("chunk ended by a bare LF", "Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n"),
        ("trailer without a colon", "Transfer-Encoding: chunked\r\n", "0\r\ntrailer\r\n\r\n"),
    ] {
        let request = format!("{}{body}", wire.head("POST", "/doubtful", lines));
        refused(&wire, &upstream, what, &request).await;
    }
    bystander.works(&wire).await;
    assert!(wire.running.metrics().await.contains("\ntenantry_connections_open 1\n"));
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doubtful_heads_are_refused_and_close() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let mut bystander = Bystander::come(&wire).await;
    for (what, lines) in [
        ("space before a colon", "X-A : b\r\n"),
        ("tab before a colon", "X-A\t: b\r\n"),
        ("obs-fold", "X-A: b\r\n c\r\n"),
        ("obs-fold with a colon", "X-A: b\r\n X-C: d\r\n"),
        ("obs-fold by a tab", "X-A: b\r\n\tX-C: d\r\n"),
        ("a name of 270 characters", &format!("{}: b\r\n", "a".repeat(270))),
        ("an empty name", ": b\r\n"),
        ("no colon", "X-A\r\n"),
        ("a NUL in a value", "X-A: b\0c\r\n"),
        ("a NUL in a name", "X-\0A: b\r\n"),
        ("a CR in a value", "X-A: b\rc\r\n"),
        ("a bare LF", "X-A: b\nX-C: d\r\n"),
        ("a bare LF, then a folded length", "X-A: b\nContent-Length: 5\r\n"),
        ("a name that is not ASCII", "X-Ä: b\r\n"),
        ("a name in brackets", "X[A]: b\r\n"),
    ] {
        refused(&wire, &upstream, what, &wire.head("GET", "/doubtful", lines)).await;
    }
    let sound = wire.head("GET", "/doubtful", "");
    let put = |from: &str, to: &str| {
        assert!(sound.contains(from));
        sound.replacen(from, to, 1)
    };
    for (what, request) in [
        ("bare LFs alone", sound.replace("\r\n", "\n")),
        ("a bare LF behind the request line", put("HTTP/1.1\r\n", "HTTP/1.1\n")),
        ("a raw fragment", put("/doubtful", "/doubtful#/ready")),
        ("a raw fragment in the query", put("/doubtful", "/doubtful?a#/ready")),
        ("two spaces", put("GET ", "GET  ")),
        ("a tab", put("GET ", "GET\t")),
        ("a third word", put("/doubtful", "/doubtful x")),
        ("no version", put(" HTTP/1.1", "")),
        ("a version that there is not", put("HTTP/1.1", "HTTP/1.2")),
        ("a version in lower case", put("HTTP/1.1", "http/1.1")),
        ("HTTP/2 as text", put("HTTP/1.1", "HTTP/2.0")),
        ("a header before the first", put("Host:", " X-A: b\r\nHost:")),
        ("a space before the request line", format!(" {sound}")),
        ("a NUL before the request line", format!("\0{sound}")),
        ("a bare LF before the request line", format!("\n{sound}")),
        ("a method that is no token", put("GET ", "G(T ")),
    ] {
        refused(&wire, &upstream, what, &request).await;
    }
    bystander.works(&wire).await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_never_has_a_transfer_encoding() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    for lines in [
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let request = wire.head("POST", "/old", lines).replace("HTTP/1.1", "HTTP/1.0") + "0\r\n\r\n";
        refused(&wire, &upstream, lines, &request).await;
    }
    // A sound one is answered once, and nothing is read behind it.
    let sound = wire.head("POST", "/old", "Content-Length: 5\r\n").replace("HTTP/1.1", "HTTP/1.0");
    let answer = wire.exchange(&format!("{sound}hello{}", wire.head("GET", SMUGGLED, ""))).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert_eq!(answer.matches("\r\nok").count() + answer.matches("HTTP/1.").count(), 2, "{answer}");
    assert_eq!(upstream.seen().len(), 1);
    assert_eq!(upstream.last().body, b"hello");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_431_and_closes() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).limits("header_bytes: 8KiB").start().await;
    let one = format!("X-Large: {}\r\n", "a".repeat(9000));
    let many: String = (0..40).map(|at| format!("X-{at}: {}\r\n", "a".repeat(300))).collect();
    let short: String = (0..300).map(|at| format!("X-{at}: a\r\n")).collect();
    for (what, lines) in [("one line", one), ("many lines", many), ("many short lines", short)] {
        let answer = wire.exchange(&wire.head("GET", "/large", &lines)).await;
        assert_eq!(status(&answer), 431, "{what}: {answer:?}");
    }
    // A target counts as well, and a line without an end is given up on before it fills the memory.
    let answer = wire.exchange(&wire.head("GET", &format!("/{}", "a".repeat(9000)), "")).await;
    assert!([414, 431].contains(&status(&answer)), "{answer:?}");
    let answer = wire.exchange(&"a".repeat(100_000)).await;
    assert!([400, 414, 431].contains(&status(&answer)), "{answer:?}");
    assert!(upstream.seen().is_empty());
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_name_of_270_characters_is_refused_over_http2_too() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let mut caller = streams::connect(wire.connect().await).await;
    let long = streams::request(&wire, "GET", "/long").header("a".repeat(270), "b");
    assert_eq!(caller.get(long).await.expect("an answer").status, 400);
    assert_eq!(caller.get(streams::request(&wire, "GET", "/short")).await.expect("an answer").status, 200);
    assert_eq!(upstream.seen().len(), 1);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_over_http2_exempts_from_nothing() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let mut stream = wire.connect().await;
    let block = frames::get("/data#/ready", &wire.token);
    stream.write_all(&frames::opening()).await.expect("it is open");
    stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)).await.expect("it is open");
    read_frames_until(&mut stream, |(kind, _, stream, _)| {
        *stream == 1 && [HEADERS, RST_STREAM].contains(kind)
    })
    .await;
    // Either nothing went out, or what was judged: the path before the fragment.
    assert!(upstream.seen().iter().all(|seen| seen.target() == "/data"), "{:?}", upstream.seen());
    drop(stream);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_not_asked_for_and_what_follows_is_judged_on_its_own() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    for protocol in ["websocket", "h2c", "foo/2"] {
        let before = upstream.seen().len();
        let upgrade =
            format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMA\r\n");
        let first = wire.head("GET", "/upgrade", &upgrade);
        let second = format!("GET /t/acme{SMUGGLED} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
        let answer = wire.exchange(&format!("{first}{second}")).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 401").count(), 1, "{answer}");
        let seen = upstream.seen();
        assert_eq!(seen.len(), before + 1, "{seen:?}");
        assert!(
            upstream.last().header("upgrade").is_empty() && upstream.last().header("connection").is_empty()
        );
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_cannot_switch_protocols_by_itself() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nraw".to_vec()
    })
    .await;
    let wire = Setup::to(upstream.address).start().await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: x\r\n";
    let second = wire.head("GET", SMUGGLED, "Connection: close\r\n");
    let answer = wire.exchange(&format!("{}{second}", wire.head("GET", "/upgrade", upgrade))).await;
    assert_eq!(status(&answer), 502, "{answer}");
    assert!(!answer.contains("raw") && !answer.contains(" 101 "), "{answer}");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_and_trace_reach_nobody() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let token = &wire.token;
    for request in [
        wire.head("TRACE", "/x", ""),
        wire.head("CONNECT", "/x", ""),
        format!("CONNECT gateway:80 HTTP/1.1\r\nHost: gateway:80\r\nAuthorization: Bearer {token}\r\n\r\n"),
        format!(
            "CONNECT {} HTTP/1.1\r\nHost: {0}\r\nAuthorization: Bearer {token}\r\n\r\n",
            upstream.address
        ),
    ] {
        let answer = wire.exchange(&format!("{request}{}", wire.head("GET", SMUGGLED, ""))).await;
        assert!([400, 405, 501].contains(&status(&answer)), "{request}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request}: {answer}");
    }
    let mut caller = streams::connect(wire.connect().await).await;
    let trace = caller.get(streams::request(&wire, "TRACE", "/x")).await.expect("an answer");
    assert_eq!(trace.status, 405);
    let mut plain = wire.connect().await;
    let connect = [(":method", "CONNECT"), (":authority", "gateway:80")];
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "connect-udp"),
        (":scheme", "http"),
        (":authority", "gateway"),
        (":path", "/t/acme/x"),
    ];
    plain.write_all(&frames::opening()).await.expect("it is open");
    for (number, headers) in [connect.as_slice(), &extended].into_iter().enumerate() {
        let number = u32::try_from(number).expect("small") * 2 + 1;
        let head = frame(HEADERS, END_HEADERS, number, &frames::block(headers));
        plain.write_all(&head).await.expect("it is open");
        let ended = |(kind, _, stream, _): &(u8, u8, u32, Vec<u8>)| {
            *stream == number && [HEADERS, RST_STREAM].contains(kind) || *kind == GOAWAY
        };
        let frames = read_frames_until(&mut plain, ended).await;
        // A status of 2xx would be a tunnel: 200 is one byte, the eighth of HPACK's table.
        let opened =
            |(kind, _, _, block): &(u8, u8, u32, Vec<u8>)| *kind == HEADERS && block.first() == Some(&0x88);
        assert!(!frames.iter().any(opened), "{frames:?}");
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    drop(plain);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_wanted_is_never_taken_for_a_request() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let smuggled = wire.head("GET", SMUGGLED, "");
    let length = smuggled.len();
    // Small and whole: read, so that the next request is found where it is.
    let refused =
        format!("POST /t/acme/x HTTP/1.1\r\nHost: gateway\r\nContent-Length: {length}\r\n\r\n{smuggled}");
    let answer =
        wire.exchange(&format!("{refused}{}", wire.head("GET", "/next", "Connection: close\r\n"))).await;
    assert_eq!(status(&answer), 401, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    assert_eq!(upstream.seen().len(), 1);
    assert_eq!(upstream.last().target(), "/next");
    // Larger than anybody reads in vain: the connection closes.
    let much = smuggled.repeat(1 + 4_000_000 / length);
    let refused =
        format!("POST /t/acme/x HTTP/1.1\r\nHost: gateway\r\nContent-Length: {}\r\n\r\n{much}", much.len());
    let answer = wire.exchange(&refused).await;
    assert!([0, 401].contains(&status(&answer)), "{answer}");
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
    // The body announced, asked about, and then not sent: the next bytes are a request, or nothing is.
    let asked = format!(
        "POST /t/acme/x HTTP/1.1\r\nHost: gateway\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    let answer = wire
        .exchange(&format!("{asked}{smuggled}{}", wire.head("GET", "/last", "Connection: close\r\n")))
        .await;
    assert_eq!(status(&answer), 401, "{answer}");
    assert!(upstream.seen().iter().all(|seen| seen.target() != SMUGGLED), "{:?}", upstream.seen());
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_carried_half_a_body_is_never_used_again() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    for (what, head, half, rest) in [
        ("counted", "Content-Length: 100\r\n", "half", ""),
        ("chunked", "Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n", ""),
        ("malformed", "Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n", "zzz\r\n0\r\n\r\n"),
    ] {
        let mut caller = wire.open(&format!("{}{half}", wire.head("POST", "/half", head))).await;
        let mut cut = hand.accept().await;
        cut.head().await;
        assert!(cut.count(4).await >= 4, "{what}");
        if rest.is_empty() {
            drop(caller);
        } else {
            caller.write_all(rest.as_bytes()).await.expect("it is open");
            let answer = read_to_end(&mut caller).await;
            assert!([0, 400].contains(&status(&answer)), "{what}: {answer}");
        }
        let rest = String::from_utf8(cut.rest().await).expect("text");
        assert!(!rest.contains("0\r\n\r\n"), "{what}: the body was ended as if it were whole: {rest:?}");
        // Closed, so this one comes over a new connection.
        let next = tokio::spawn(raw::exchange(
            wire.running.proxy,
            wire.head("GET", "/next", "Connection: close\r\n").into_bytes().leak(),
        ));
        let mut fresh = hand.accept().await;
        assert_eq!(fresh.request().await.target(), "/next", "{what}");
        fresh.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
        assert_eq!(status(&next.await.expect("no panic")), 200, "{what}");
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_has_no_identity_of_its_own() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    wire.running.create_tenant("globex").await;
    let globex = support::gateway::token(&wire.signer, "globex");
    let other = wire.head("GET", "/x", "").replace(&wire.token, &globex).replace("/t/acme", "/t/globex");
    let crossed = wire.head("GET", "/x", "").replace(&wire.token, &globex);
    let bare = "GET /t/acme/x HTTP/1.1\r\nHost: gateway\r\n\r\n".to_owned();
    let mut stream = wire.connect().await;
    for (request, wanted, tenant) in [
        (wire.head("GET", "/x", ""), 200, "acme"),
        (other.clone(), 200, "globex"),
        (crossed, 401, ""),
        (bare.clone(), 401, ""),
        (wire.head("GET", "/x", ""), 200, "acme"),
        (bare, 401, ""),
        (other, 200, "globex"),
    ] {
        let before = upstream.seen().len();
        stream.write_all(request.as_bytes()).await.expect("it is open");
        let end = if wanted == 200 { "\r\n\r\nok" } else { "missing\n" };
        let end = if request.contains("/acme") && request.contains(&globex) { "token\n" } else { end };
        let answer = read_until(&mut stream, end).await;
        assert_eq!(status(&answer), wanted, "{answer}");
        match wanted {
            200 => assert_eq!(upstream.last().header("x-scope-orgid"), [tenant]),
            _ => assert_eq!(upstream.seen().len(), before),
        }
    }
    wire.stop().await;
}

/// Reads frames until one is what is wanted; gives all of them. Closing ends it as well.
async fn read_frames_until(
    stream: &mut TcpStream,
    wanted: impl Fn(&(u8, u8, u32, Vec<u8>)) -> bool,
) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let frames = frames::read(&bytes);
        if frames.iter().any(&wanted) {
            return frames;
        }
        match timeout(PATIENCE, stream.read_buf(&mut bytes)).await.expect("a frame comes") {
            Ok(1..) => {}
            Ok(0) | Err(_) => return frames,
        }
    }
}

/// Writes pieces until the gateway closes the connection; whether it did before they were through.
async fn flooded(stream: TcpStream, pieces: impl Iterator<Item = Vec<u8>>) -> bool {
    let (mut read, mut write) = stream.into_split();
    let closed = tokio::spawn(async move {
        let mut bytes = Vec::new();
        while matches!(read.read_buf(&mut bytes).await, Ok(1..)) {}
        bytes
    });
    for piece in pieces {
        if write.write_all(&piece).await.is_err() {
            return true;
        }
        if closed.is_finished() {
            return true;
        }
    }
    timeout(PATIENCE, closed).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_end_their_own_connection_only() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let mut bystander = Bystander::come(&wire).await;
    let mut stream = wire.connect().await;
    stream.write_all(&frames::opening()).await.expect("it is open");
    let block = frames::get("/reset", &wire.token);
    let pairs = (0..100_000_u32).map(|at| {
        let number = at * 2 + 1;
        let open = frame(HEADERS, END_STREAM | END_HEADERS, number, &block);
        [open, frame(RST_STREAM, 0, number, &8_u32.to_be_bytes())].concat()
    });
    assert!(flooded(stream, pairs).await, "100,000 resets went through");
    bystander.works(&wire).await;
    wire.stop().await;
}

/// One reset at a time, each after its request has reached the back end: no queue ever grows, so only
/// counting helps.
#[tokio::test(flavor = "multi_thread")]
async fn patient_resets_end_their_own_connection_too() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let mut caller = streams::connect(wire.connect().await).await;
    let mut resets = 0;
    while resets < 2000 {
        let request = streams::request(&wire, "GET", "/reset").body(()).expect("a request");
        let Ok(ready) = caller.send.clone().ready().await else { break };
        caller.send = ready;
        let Ok((response, mut stream)) = caller.send.send_request(request, true) else { break };
        let mut line = tokio::select! {
            line = hand.accept() => line,
            _ = response => break,
        };
        line.head().await;
        stream.send_reset(h2::Reason::CANCEL);
        assert!(line.rest().await.is_empty(), "the back end is let go");
        resets += 1;
    }
    assert!((100..2000).contains(&resets), "{resets} resets went through");
    let _ = timeout(PATIENCE, caller.task).await.expect("it ends").expect("no panic");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_continuation_ends_its_own_connection_only() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let mut bystander = Bystander::come(&wire).await;
    for (what, block) in [
        ("large frames", frames::block(&[("x-filler", &"a".repeat(15_000))])),
        ("small frames", frames::block(&[("x-a", "b")])),
        ("empty frames", Vec::new()),
    ] {
        let mut stream = wire.connect().await;
        stream.write_all(&frames::opening()).await.expect("it is open");
        let first = frame(HEADERS, END_STREAM, 1, &frames::get("/x", &wire.token));
        let more = std::iter::repeat_n(frame(frames::CONTINUATION, 0, 1, &block), 200_000);
        assert!(flooded(stream, std::iter::once(first).chain(more)).await, "{what} went through");
        bystander.works(&wire).await;
    }
    assert_eq!(upstream.seen().iter().map(|seen| seen.target().to_owned()).collect::<HashSet<_>>().len(), 1);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_is_made_to_reset_is_counted_as_well() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    let mut bystander = Bystander::come(&wire).await;
    let mut stream = wire.connect().await;
    stream.write_all(&frames::opening()).await.expect("it is open");
    let block = frames::get("/made", &wire.token);
    // A window update of zero is the stream's own error (RFC 9113 §6.9): the gateway has to reset it.
    let pairs = (0..100_000_u32).map(|at| {
        let number = at * 2 + 1;
        let open = frame(HEADERS, END_STREAM | END_HEADERS, number, &block);
        [open, frame(frames::WINDOW_UPDATE, 0, number, &0_u32.to_be_bytes())].concat()
    });
    assert!(flooded(stream, pairs).await, "100,000 made resets went through");
    bystander.works(&wire).await;
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_never_reads_is_cut_and_its_back_end_let_go() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).limits("body_timeout: 300ms").start().await;
    let caller = wire.open(&wire.head("GET", "/much", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await;
    let piece = vec![b'a'; 1 << 20];
    let ended = async { while line.stream.write_all(&piece).await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("the gateway lets go");
    drop(caller);
    let mut caller = streams::connect(wire.connect().await).await;
    let request = streams::request(&wire, "GET", "/much").body(()).expect("a request");
    let (response, _) = caller.send.send_request(request, true).expect("sent");
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await;
    // The body is not read, so the window stays shut.
    let body = response.await.expect("a head").into_body();
    let ended = async { while line.stream.write_all(&piece).await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("the gateway lets go");
    drop(body);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_bodies_leave_the_back_end_alone() {
    let upstream = Upstream::ok().await;
    let limits = "header_timeout: 300ms, body_timeout: 300ms";
    let wire = Setup::to(upstream.address).limits(limits).start().await;
    let mut bystander = Bystander::come(&wire).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        slow.push(wire.open("GET /t/acme/slow HTTP/1.1\r\nHost: gate").await);
        slow.push(
            wire.open(&format!("{}so far", wire.head("POST", "/slow", "Content-Length: 10\r\n"))).await,
        );
    }
    bystander.works(&wire).await;
    for stream in &mut slow {
        assert_eq!(status(&read_to_end(stream).await), 408);
    }
    bystander.works(&wire).await;
    assert!(upstream.seen().iter().all(|seen| seen.target() == "/bystander"));
    wire.stop().await;
}
