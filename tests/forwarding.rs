//! What goes through, and how: bodies in both directions as streams, every kind of end they can have,
//! and the connections to back ends that they travel over.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use support::hand::Hand;
use support::raw::{PATIENCE, read_to_end, read_until, status};
use support::tls::{self, Pair};
use support::upstream::{Seen, Upstream};
use support::wire::{Setup, Wire};
use support::{gateway, streams};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A body that no kernel's and no gateway's buffers hold.
const LARGE: usize = 64 << 20;
/// More than all buffers on the way hold together, and far less than the body.
const BUFFERS: usize = 24 << 20;
/// Nothing moves any more when nothing moved for so long.
const STALL: Duration = Duration::from_millis(700);

/// Writes pieces up to `limit` bytes, until nobody takes any more; gives the number taken.
async fn fill(stream: &mut TcpStream, limit: usize) -> usize {
    let piece = vec![b'a'; 64 << 10];
    let mut taken = 0;
    while taken < limit {
        let rest = &piece[..piece.len().min(limit - taken)];
        match timeout(STALL, stream.write(rest)).await {
            Ok(written) => taken += written.expect("it is open"),
            Err(_) => break,
        }
    }
    taken
}

/// Reads up to the end of a head; gives it and what has come of the body.
async fn head_of(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(at + 4);
            return (String::from_utf8(bytes).expect("text"), body);
        }
        let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await.expect("an answer comes");
        assert!(matches!(read, Ok(1..)), "closed within a head: {:?}", String::from_utf8_lossy(&bytes));
    }
}

/// A large receive buffer would hide what the gateway holds.
fn shrink(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_recv_buffer_size(64 << 10).expect("a socket");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_its_back_end() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let mut caller = wire.open(&wire.head("POST", "/large", &format!("Content-Length: {LARGE}\r\n"))).await;
    let mut line = hand.accept().await;
    shrink(&line.stream);
    line.head().await;
    let taken = fill(&mut caller, LARGE).await;
    assert!(taken < BUFFERS, "{taken} bytes were taken that no back end had read");
    let reading = tokio::spawn(async move {
        let count = line.count(LARGE).await;
        line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        (count, line)
    });
    let rest = fill(&mut caller, LARGE - taken).await;
    assert_eq!(taken + rest, LARGE);
    assert_eq!(reading.await.expect("no panic").0, LARGE);
    assert_eq!(status(&read_until(&mut caller, "ok").await), 200);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_waits_for_its_caller() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let mut caller = wire.open(&wire.head("GET", "/large", "Connection: close\r\n")).await;
    shrink(&caller);
    let mut line = hand.accept().await;
    line.head().await;
    line.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n")).await;
    let taken = fill(&mut line.stream, LARGE).await;
    assert!(taken < BUFFERS, "{taken} bytes were taken that no caller had read");
    let writing = tokio::spawn(async move { fill(&mut line.stream, LARGE - taken).await });
    let (head, body) = head_of(&mut caller).await;
    assert_eq!(status(&head), 200);
    let mut count = body.len();
    let mut piece = vec![0; 64 << 10];
    while let Ok(more @ 1..) = timeout(PATIENCE, caller.read(&mut piece)).await.expect("more comes") {
        count += more;
    }
    assert_eq!(count, LARGE);
    assert_eq!(taken + writing.await.expect("no panic"), LARGE);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_over_http2_waits_for_its_back_end() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let mut caller = streams::connect(wire.connect().await).await;
    let request = streams::request(&wire, "POST", "/large").body(()).expect("a request");
    let (response, mut stream) = caller.send.send_request(request, false).expect("sent");
    let mut line = hand.accept().await;
    shrink(&line.stream);
    assert!(line.head().await.contains("transfer-encoding: chunked\r\n"));
    stream.reserve_capacity(LARGE);
    let mut taken = 0;
    while let Ok(Some(capacity)) = timeout(STALL, std::future::poll_fn(|cx| stream.poll_capacity(cx))).await {
        let count = capacity.expect("it is open");
        stream.send_data(Bytes::from(vec![b'a'; count]), false).expect("sent");
        taken += count;
        assert!(taken < BUFFERS, "{taken} bytes were taken that no back end had read");
        stream.reserve_capacity(LARGE - taken);
    }
    assert!(taken > 0);
    stream.send_data(Bytes::new(), true).expect("sent");
    tokio::spawn(async move {
        line.request_body_until("\r\n0\r\n\r\n").await;
        line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    });
    assert_eq!(streams::reply(response).await.expect("an answer").body, b"ok");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hundred_says_continue_only_to_those_who_may() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let expect = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    let mut caller = wire.open(&wire.head("POST", "/asked", expect)).await;
    let mut line = hand.accept().await;
    assert!(!line.head().await.to_lowercase().contains("expect"));
    assert_eq!(read_until(&mut caller, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    caller.write_all(b"hello").await.expect("it is open");
    assert_eq!(line.count(5).await, 5);
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(status(&read_until(&mut caller, "ok").await), 200);
    // Without a credential, with a wrong one, and for nobody: told at once, without a 100.
    for request in [
        wire.head("POST", "/asked", expect).replace("Authorization: Bearer", "X-Nothing:"),
        wire.head("POST", "/asked", expect).replace("Bearer ", "Bearer x"),
    ] {
        let answer = wire.exchange(&request).await;
        assert_eq!(status(&answer), 401, "{answer}");
        assert!(!answer.contains(" 100 "), "{answer}");
    }
    drop(line);
    drop(hand);
    let answer = wire.exchange(&wire.head("POST", "/asked", expect)).await;
    assert_eq!(status(&answer), 502, "{answer}");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_go_both_ways() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n".to_vec()
    })
    .await;
    let wire = Setup::to(upstream.address).start().await;
    let head = "Transfer-Encoding: chunked\r\nTrailer: x-check\r\nTE: trailers\r\nConnection: TE, close\r\n";
    let answer = wire
        .exchange(&format!("{}5\r\nhello\r\n0\r\nX-Check: 9\r\n\r\n", wire.head("POST", "/trailers", head)))
        .await;
    assert!(answer.ends_with("2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n"), "{answer:?}");
    assert_eq!(upstream.last().body, b"hello");
    assert_eq!(upstream.last().trailers, "x-check: 9\r\n");
    let mut caller = streams::connect(wire.connect().await).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-check", "10".parse().expect("a value"));
    let request =
        streams::request(&wire, "POST", "/trailers").header("trailer", "x-check").header("te", "trailers");
    let reply = caller.send(request, Some(b"hello"), Some(trailers)).await.expect("an answer");
    assert_eq!(reply.body, b"ok");
    assert_eq!(reply.trailers.expect("trailers")["x-sum"], "7");
    assert_eq!(
        (upstream.last().body.as_slice(), upstream.last().trailers.as_str()),
        (&b"hello"[..], "x-check: 10\r\n")
    );
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_cannot_say_what_headers_may_not() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    for name in [
        "X-Scope-OrgID",
        "Authorization",
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "X-Forwarded-For",
        "x_scope_orgid",
    ] {
        let head = format!("Transfer-Encoding: chunked\r\nTrailer: {name}\r\nConnection: close\r\n");
        let request =
            format!("{}5\r\nhello\r\n0\r\n{name}: 1\r\n\r\n", wire.head("POST", "/trailers", &head));
        let answer = wire.exchange(&request).await;
        assert!([200, 400].contains(&status(&answer)), "{name}: {answer}");
        assert!(upstream.seen().iter().all(|seen| seen.trailers.is_empty()), "{name}: {:?}", upstream.seen());
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_body_leave_the_connection_in_order() {
    let upstream = Upstream::start(|seen| {
        match seen.target() {
            "/head" => "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\netag: \"a\"\r\n\r\n",
            "/head-chunked" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "/204" => "HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n",
            "/304" => "HTTP/1.1 304 Not Modified\r\ncontent-length: 1234\r\netag: \"a\"\r\n\r\n",
            "/empty" => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        }
        .into()
    })
    .await;
    let wire = Setup::to(upstream.address).start().await;
    let mut caller = wire.connect().await;
    for (method, path, wanted, header) in [
        ("HEAD", "/head", 200, "content-length: 1234"),
        ("HEAD", "/head-chunked", 200, "HTTP/1.1"),
        ("GET", "/204", 204, "x-a: b"),
        ("GET", "/304", 304, "etag: \"a\""),
        ("GET", "/empty", 200, "content-length: 0"),
        ("DELETE", "/204", 204, "x-a: b"),
    ] {
        caller.write_all(wire.head(method, path, "").as_bytes()).await.expect("it is open");
        let answer = read_until(&mut caller, "\r\n\r\n").await;
        assert_eq!(status(&answer), wanted, "{answer}");
        assert!(answer.contains(header) && answer.ends_with("\r\n\r\n"), "{method} {path}: {answer:?}");
        // RFC 9110 §8.6: a 204 has no length.
        assert!(wanted != 204 || !answer.contains("content-length"), "{answer}");
    }
    caller
        .write_all(wire.head("GET", "/last", "Connection: close\r\n").as_bytes())
        .await
        .expect("it is open");
    let answer = read_to_end(&mut caller).await;
    assert!(status(&answer) == 200 && answer.ends_with("\r\n\r\nok"), "{answer:?}");
    assert!(upstream.seen().iter().all(|seen| seen.connection == 0), "{:?}", upstream.seen());
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_ends_where_the_back_end_ends_it() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    // Ended by closing.
    let caller = wire.open(&wire.head("GET", "/close", "Connection: close\r\n")).await;
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\n\r\nhello ").await;
    line.send("world").await;
    drop(line);
    let answer = read_to_end(&mut { caller }).await;
    assert!(answer.contains("transfer-encoding: chunked") && answer.ends_with("0\r\n\r\n"), "{answer:?}");
    assert_eq!(dechunked(&answer), "hello world");
    // HTTP/1.0 callers get it by closing, too.
    let old = wire.head("GET", "/close", "").replace("HTTP/1.1", "HTTP/1.0");
    let caller = wire.open(&old).await;
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
    let answer = read_to_end(&mut { caller }).await;
    assert!(answer.ends_with("\r\n\r\nhello") && !answer.contains("chunked"), "{answer:?}");
    // Chunk by chunk, each as it comes.
    let mut caller = wire.open(&wire.head("GET", "/chunks", "Connection: close\r\n")).await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
    read_until(&mut caller, "one\r\n").await;
    line.send("3;x=y\r\ntwo\r\n").await;
    read_until(&mut caller, "two\r\n").await;
    line.send("0\r\n\r\n").await;
    assert_eq!(read_to_end(&mut caller).await, "0\r\n\r\n");
    wire.stop().await;
}

/// The body of a chunked answer.
fn dechunked(answer: &str) -> String {
    let (_, mut rest) = answer.split_once("\r\n\r\n").expect("a head");
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_length_is_doubtful_does_not_desynchronize() {
    for (what, answer) in [
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\nhello"),
        ("a length with a sign", "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello"),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        ("a status without sense", "HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nok"),
    ] {
        let upstream = Upstream::start(move |_| answer.into()).await;
        let wire = Setup::to(upstream.address).start().await;
        let got = wire.get("/doubtful").await;
        assert_eq!(status(&got), 502, "{what}: {got}");
        wire.stop().await;
    }
    let both =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let upstream = Upstream::start(move |_| both.into()).await;
    let wire = Setup::to(upstream.address).start().await;
    let request = wire.head("GET", "/both", "");
    let answer =
        wire.exchange(&format!("{request}{}", wire.head("GET", "/both", "Connection: close\r\n"))).await;
    // Chunked is what counts (RFC 9112 §6.3); a length beside it must not go on.
    assert!(!answer.contains("content-length: 2\r\n"), "{answer:?}");
    assert_eq!(answer.matches("hello").count(), answer.matches("HTTP/1.1 200").count(), "{answer:?}");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_arrives_while_the_body_is_still_being_sent() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    // The back end keeps its connection open, as if it were ready for the next request. What the
    // caller still sends must not be read as that: it could be a request for another tenant.
    let smuggled = "GET /smuggled HTTP/1.1\r\nX-Scope-OrgID: globex\r\nX-Pad: ";
    let length = format!("Content-Length: {}\r\n", smuggled.len());
    let mut caller = wire.open(&wire.head("POST", "/early", &length)).await;
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nbig").await;
    assert_eq!(status(&read_until(&mut caller, "big").await), 404);
    // The gateway may have closed already, which is as good.
    let _ = caller.write_all(smuggled.as_bytes()).await;
    assert_eq!(line.rest().await, b"", "nothing goes up after the answer, and the connection ends");
    drop(caller);
    let mut caller = wire.open(&wire.head("GET", "/next", "")).await;
    let mut line = hand.accept().await;
    assert!(line.head().await.starts_with("GET /next "));
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(status(&read_until(&mut caller, "ok").await), 200);
    drop((caller, line));
    // The back end answers and closes: the caller still gets the answer, whole.
    let mut caller = wire.open(&wire.head("POST", "/early", &format!("Content-Length: {LARGE}\r\n"))).await;
    let mut line = hand.accept().await;
    line.head().await;
    fill(&mut caller, 1 << 20).await;
    line.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig").await;
    drop(line);
    assert_eq!(status(&read_until(&mut caller, "big").await), 413);
    drop(caller);
    let next = wire.open(&wire.head("GET", "/last", "Connection: close\r\n")).await;
    let mut line = hand.accept().await;
    assert_eq!(line.request().await.target(), "/last");
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(status(&read_to_end(&mut { next }).await), 200);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_takes_its_back_end_connection_along() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    // While it waits.
    let caller = wire.open(&wire.head("GET", "/wait", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    drop(caller);
    assert!(line.rest().await.is_empty());
    // While it is answered.
    let mut caller = wire.open(&wire.head("GET", "/download", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbegin").await;
    read_until(&mut caller, "begin").await;
    drop(caller);
    assert!(line.rest().await.is_empty());
    // One stream of several.
    let mut caller = streams::connect(wire.connect().await).await;
    let request = streams::request(&wire, "GET", "/download").body(()).expect("a request");
    let (response, mut stream) = caller.send.send_request(request, true).expect("sent");
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nbegin").await;
    let body = response.await.expect("a head").into_body();
    stream.send_reset(h2::Reason::CANCEL);
    drop(body);
    assert!(line.rest().await.is_empty());
    let lines = wire.running.log(3).await;
    assert_eq!(lines[0]["status"], 499, "{lines:?}");
    assert!(lines.iter().all(|line| line["reason"] == "caller_gone"), "{lines:?}");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_seen_to_break_off() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    for (what, head, reset) in [
        ("counted, closed", "content-length: 1000\r\n\r\nbegin", false),
        ("counted, reset", "content-length: 1000\r\n\r\nbegin", true),
        ("chunked, closed", "transfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n", false),
        ("chunked, reset", "transfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n", true),
        ("within a chunk", "transfer-encoding: chunked\r\n\r\nff\r\nbegin", false),
        ("malformed", "transfer-encoding: chunked\r\n\r\n5\r\nbegin\r\nzz\r\n", false),
        ("by length of the connection, reset", "\r\nbegin", true),
    ] {
        let mut caller = wire.open(&wire.head("GET", "/cut", "")).await;
        let mut line = hand.accept().await;
        line.head().await;
        line.send(&format!("HTTP/1.1 200 OK\r\n{head}")).await;
        let first = read_until(&mut caller, "begin").await;
        if reset {
            line.reset();
        } else {
            drop(line);
        }
        let rest = read_to_end(&mut caller).await;
        assert!(!rest.contains("0\r\n\r\n"), "{what}: ended as if it were whole: {first}{rest}");
        let mut caller = streams::connect(wire.connect().await).await;
        let request = streams::request(&wire, "GET", "/cut").body(()).expect("a request");
        let (response, _) = caller.send.send_request(request, true).expect("sent");
        let mut line = hand.accept().await;
        line.head().await;
        line.send(&format!("HTTP/1.1 200 OK\r\n{head}")).await;
        let mut body = response.await.expect("a head").into_body();
        assert_eq!(body.data().await.expect("data").expect("data"), "begin");
        if reset {
            line.reset();
        } else {
            drop(line);
        }
        let cut = timeout(PATIENCE, body.data()).await.expect("it ends");
        assert!(matches!(cut, Some(Err(_))), "{what}: {cut:?}");
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_back_end_says_before_its_answer_is_not_the_answer() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
          HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok"
            .to_vec()
    })
    .await;
    let wire = Setup::to(upstream.address).start().await;
    for _ in 0..2 {
        let answer = wire.get("/hints").await;
        assert_eq!(status(&answer), 201, "{answer}");
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    assert_eq!(upstream.last().connection, 0);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_connections_are_used_again_the_last_one_first() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (mut one, mut two) = (wire.connect().await, wire.connect().await);
    one.write_all(wire.head("GET", "/1", "").as_bytes()).await.expect("it is open");
    let mut first = hand.accept().await;
    first.head().await;
    two.write_all(wire.head("GET", "/2", "").as_bytes()).await.expect("it is open");
    let mut second = hand.accept().await;
    second.head().await;
    for _ in 0..3 {
        // The second is done first, so the first one was used last.
        second.send(ok).await;
        read_until(&mut two, "ok").await;
        first.send(ok).await;
        read_until(&mut one, "ok").await;
        two.write_all(wire.head("GET", "/last-used", "").as_bytes()).await.expect("it is open");
        assert!(first.head().await.contains("/last-used"));
        one.write_all(wire.head("GET", "/older", "").as_bytes()).await.expect("it is open");
        assert!(second.head().await.contains("/older"));
        (one, two) = (two, one);
    }
    drop((one, two));
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_closed_meanwhile_is_nobodys_fault() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let mut caller = wire.connect().await;
    for at in 0..20 {
        let body = format!("{}hello", wire.head("POST", &format!("/{at}"), "Content-Length: 5\r\n"));
        caller.write_all(body.as_bytes()).await.expect("it is open");
        let mut line = hand.accept().await;
        assert_eq!(line.request().await.body, b"hello");
        line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        let answer = read_until(&mut caller, "\r\n\r\nok").await;
        assert_eq!(status(&answer), 200, "{answer}");
        if at % 2 == 0 {
            drop(line);
        } else {
            line.reset();
        }
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_back_ends_take_turns_and_a_dead_one_is_left_out() {
    let named = |name: &'static str| {
        Upstream::start(move |_| format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{name}").into())
    };
    let (a, b) = (named("a").await, named("b").await);
    let dead = Hand::new().await.address;
    let wire = Setup::to_all([a.address, b.address]).start().await;
    for _ in 0..10 {
        assert_eq!(status(&wire.get("/turn").await), 200);
    }
    assert_eq!((a.seen().len(), b.seen().len()), (5, 5));
    wire.stop().await;
    let wire = Setup::to_all([dead, a.address]).start().await;
    for _ in 0..10 {
        let body =
            format!("{}hello", wire.head("POST", "/turn", "Content-Length: 5\r\nConnection: close\r\n"));
        assert_eq!(status(&wire.exchange(&body).await), 200);
        assert_eq!(a.last().body, b"hello");
    }
    assert_eq!(a.seen().len(), 15);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_arrive_as_they_were_judged() {
    let upstream = Upstream::ok().await;
    let wire =
        Setup { upstreams: vec![format!("{}/base", upstream.address)], ..Setup::default() }.start().await;
    for (path, seen) in [
        ("", "/base/"),
        ("/", "/base/"),
        ("/a/b", "/base/a/b"),
        ("/a/b/", "/base/a/b/"),
        ("?q=1", "/base/?q=1"),
        ("/a?a=%2F&b=c+d&&=x;y?z/..//%00{}|'", "/base/a?a=%2F&b=c+d&&=x;y?z/..//%00{}|'"),
        ("/a?", "/base/a?"),
        ("/a%20b/%C3%A9?%2e%2e", "/base/a%20b/%C3%A9?%2e%2e"),
    ] {
        let answer = wire.get(path).await;
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        assert_eq!(upstream.last().target(), seen, "{path}");
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_methods_that_seldom_have_one_arrive() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    for method in ["GET", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"] {
        for head in ["Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n"] {
            let body = if head.starts_with('T') { "5\r\nhello\r\n0\r\n\r\n" } else { "hello" };
            let mut caller = wire.open(&format!("{}{body}", wire.head(method, "/body", head))).await;
            let answer = read_until(&mut caller, "ok").await;
            assert_eq!(status(&answer), 200, "{method}: {answer}");
            let seen = upstream.last();
            assert!(seen.head.starts_with(method) && seen.body == b"hello", "{method} {head}: {seen:?}");
        }
        let mut caller = streams::connect(wire.connect().await).await;
        for sized in [false, true] {
            let request = streams::request(&wire, method, "/body");
            let request = if sized { request.header("content-length", "5") } else { request };
            let reply = caller.send(request, Some(b"hello"), None).await.expect("an answer");
            assert_eq!(reply.status, 200);
            let seen = upstream.last();
            assert!(seen.head.starts_with(method) && seen.body == b"hello", "{method} {sized}: {seen:?}");
        }
        caller.get(streams::request(&wire, method, "/none")).await.expect("an answer");
        let seen = upstream.last();
        assert!(seen.body.is_empty() && seen.header("transfer-encoding").is_empty(), "{method}: {seen:?}");
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_callers_are_served_by_http1_back_ends() {
    let upstream = Upstream::start(|_| {
        b"HTTP/1.1 418 Teapot\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nconnection: keep-alive, x-hop\r\n\
          keep-alive: timeout=5\r\nx-hop: 1\r\nx-end: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            .to_vec()
    })
    .await;
    let dir = TempDir::new().expect("a directory");
    let pair = Pair::new();
    let files = pair.write(dir.path(), "tls");
    let listener = format!("{{name: tls, address: '127.0.0.1:0', tls: {files}}}");
    let wire = Setup::to(upstream.address).listener(&listener).start_in(dir).await;
    let mut callers = vec![streams::connect(wire.connect().await).await];
    let tls = wire.running.gateway.listeners().iter().find(|(name, _)| name == "tls").expect("listens").1;
    let stream =
        tls::connect(tls, tls::trusting(&pair, &[&rustls::version::TLS13], &[b"h2"])).await.expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    callers.push(streams::connect(stream).await);
    for (mut caller, proto) in callers.into_iter().zip(["http", "https"]) {
        let request =
            streams::request(&wire, "GET", "/x?y=z").header("cookie", "a=1").header("cookie", "b=2; c=3");
        let reply = caller.get(request).await.expect("an answer");
        assert_eq!(reply.status, 418);
        assert_eq!(reply.body, b"ok");
        assert_eq!(reply.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(reply.headers["x-end"], "1");
        for hop in ["connection", "keep-alive", "transfer-encoding", "x-hop"] {
            assert!(!reply.headers.contains_key(hop), "{hop}");
        }
        let seen = upstream.last();
        assert!(seen.head.starts_with("GET /x?y=z HTTP/1.1\r\n"), "{seen:?}");
        assert_eq!(seen.header("cookie"), ["a=1; b=2; c=3"]);
        assert_eq!(seen.header("host"), ["gateway"]);
        assert_eq!(seen.header("x-forwarded-proto"), [proto]);
        assert_eq!(seen.header("via"), ["2.0 tenantry"]);
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_of_one_connection_do_not_wait_for_each_other() {
    const MANY: usize = 150;
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    let mut caller = streams::connect(wire.connect().await).await;
    let mut answers = Vec::new();
    for at in 0..MANY {
        let request = streams::request(&wire, "GET", &format!("/{at}")).body(()).expect("a request");
        caller.send = caller.send.clone().ready().await.expect("it is open");
        answers.push(caller.send.send_request(request, true).expect("sent").0);
    }
    // All are with the back end before the first is answered; the last is answered first.
    let mut lines = Vec::new();
    for _ in 0..MANY {
        let mut line = hand.accept().await;
        let target = line.request().await.target().to_owned();
        lines.push((line, target));
    }
    for (line, target) in lines.iter_mut().rev() {
        line.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{target}", target.len())).await;
    }
    for (at, answer) in answers.into_iter().enumerate() {
        assert_eq!(streams::reply(answer).await.expect("an answer").body, format!("/{at}").as_bytes());
    }
    // All were kept.
    let again = caller.get(streams::request(&wire, "GET", "/again"));
    let served = async {
        let reads = lines.iter_mut().map(|(line, _)| Box::pin(line.request()));
        let ((), _, _) = first(reads.collect()).await;
    };
    tokio::select! {
        () = served => {}
        _ = hand.accept() => panic!("a new connection, though {MANY} are kept"),
        reply = again => panic!("nobody answered: {:?}", reply.map(|reply| reply.status)),
    }
    wire.stop().await;
}

/// Waits for the first of many.
async fn first<F: Future<Output = Seen> + Unpin>(mut reads: Vec<F>) -> ((), usize, Vec<F>) {
    let at = std::future::poll_fn(|cx| {
        let ready = reads.iter_mut().position(|read| std::pin::Pin::new(read).poll(cx).is_ready());
        ready.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await;
    ((), at, reads)
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_and_headers_pass_as_they_are() {
    let upstream = Upstream::start(|seen| {
        let code = &seen.target()[1..];
        format!(
            "HTTP/1.1 {code} Its Own Words\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-empty:\r\nserver: back/1\r\n\
             date: Sun, 06 Nov 1994 08:49:37 GMT\r\nvary: a\r\nvary: b\r\nx-latin: caf\u{e9}\r\ncontent-length: 2\r\n\r\nok"
        )
        .into()
    })
    .await;
    let wire = Setup::to(upstream.address).start().await;
    for code in [200, 201, 202, 206, 301, 307, 400, 401, 403, 404, 409, 422, 429, 500, 503, 599] {
        let answer = wire.get(&format!("/{code}")).await;
        assert_eq!(status(&answer), code, "{answer}");
        let lines: BTreeSet<&str> = answer.lines().collect();
        for line in [
            "set-cookie: a=1",
            "set-cookie: b=2",
            "vary: a",
            "vary: b",
            "server: back/1",
            "x-latin: caf\u{e9}",
        ] {
            assert!(lines.contains(line), "{line}: {answer}");
        }
        assert_eq!(answer.matches("date: ").count(), 1, "{answer}");
        assert!(lines.contains("date: Sun, 06 Nov 1994 08:49:37 GMT"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_follow_at_once_are_answered_in_order() {
    let upstream = Upstream::start(|seen| {
        let target = seen.target();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{target}", target.len()).into()
    })
    .await;
    let wire = Setup::to(upstream.address).start().await;
    let many: String = (10..60).map(|at| wire.head("GET", &format!("/{at}"), "")).collect();
    let answer = wire.exchange(&format!("{many}{}", wire.head("GET", "/end", "Connection: close\r\n"))).await;
    let bodies: Vec<&str> = answer
        .split("HTTP/1.1 200 OK")
        .skip(1)
        .map(|one| one.rsplit('\n').next().unwrap_or_default())
        .collect();
    let wanted: Vec<String> = (10..60).map(|at| format!("/{at}")).chain(["/end".to_owned()]).collect();
    assert_eq!(bodies, wanted, "{answer}");
    wire.stop().await;
}

/// Two tenants share a back end's connections, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_carries_no_tenant() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).start().await;
    wire.running.create_tenant("globex").await;
    let other = Wire { token: gateway::token(&wire.signer, "globex"), ..wire };
    let acme = gateway::token(&other.signer, "acme");
    for _ in 0..3 {
        let globex = other.head("GET", "/x", "Connection: close\r\n").replace("/t/acme", "/t/globex");
        assert_eq!(status(&other.exchange(&globex).await), 200);
        assert_eq!(upstream.last().header("x-scope-orgid"), ["globex"]);
        let head = other.head("GET", "/x", "Connection: close\r\n").replace(&other.token, &acme);
        assert_eq!(status(&other.exchange(&head).await), 200);
        assert_eq!(upstream.last().header("x-scope-orgid"), ["acme"]);
    }
    assert!(upstream.seen().iter().all(|seen| seen.connection == 0));
    other.stop().await;
}
