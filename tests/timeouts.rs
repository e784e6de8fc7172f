//! Each wait that has a limit, and the status that tells whose it was: 408 the caller's, 502 and 504
//! the back end's.

mod support;

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use support::hand::Hand;
use support::raw::{PATIENCE, read_to_end, read_until, status};
use support::streams;
use support::upstream::Upstream;
use support::wire::{Setup, Wire};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The reasons in the access log, once it has so many lines.
async fn reasons(wire: &Wire, lines: usize) -> Vec<(u64, String)> {
    let text = |line: &serde_json::Value| line["reason"].as_str().unwrap_or_default().to_owned();
    let lines = wire.running.log(lines).await;
    lines.iter().map(|line| (line["status"].as_u64().unwrap_or_default(), text(line))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_408() {
    let upstream = Upstream::ok().await;
    let wire = Setup::to(upstream.address).limits("header_timeout: 200ms").start().await;
    for begun in
        ["G", "GET /t/acme/x HT", "GET /t/acme/x HTTP/1.1\r\n", "GET /t/acme/x HTTP/1.1\r\nHost: a\r\nX-A"]
    {
        let answer = wire.exchange(begun).await;
        assert_eq!(status(&answer), 408, "{begun:?}: {answer:?}");
        assert!(answer.to_lowercase().contains("connection: close\r\n"), "{answer}");
    }
    // The second head of a connection as well; and bytes that trickle do not put it off.
    let mut caller = wire.open(&wire.head("GET", "/x", "")).await;
    read_until(&mut caller, "ok").await;
    caller.write_all(b"GET /t/acme/x HTTP/1.1\r\n").await.expect("it is open");
    let (mut read, mut write) = caller.into_split();
    let trickle = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
        while write.write_all(b"X: y\r\n").await.is_ok() {
            ticks.tick().await;
        }
    });
    let mut answer = String::new();
    let reading = tokio::io::AsyncReadExt::read_to_string(&mut read, &mut answer);
    let _ = timeout(PATIENCE, reading).await.expect("it closes");
    assert_eq!(status(&answer), 408, "{answer:?}");
    trickle.abort();
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_closes_without_a_word() {
    let upstream = Upstream::ok().await;
    let limits = "idle_timeout: 300ms, header_timeout: 10s, handshake_timeout: 200ms";
    let wire = Setup::to(upstream.address).limits(limits).start().await;
    let mut caller = wire.open(&wire.head("GET", "/x", "")).await;
    assert!(read_until(&mut caller, "ok").await.ends_with("\r\n\r\nok"));
    assert_eq!(read_to_end(&mut caller).await, "");
    assert_eq!(wire.exchange("").await, "");
    let mut caller = streams::connect(wire.connect().await).await;
    assert_eq!(caller.get(streams::request(&wire, "GET", "/x")).await.expect("an answer").status, 200);
    let _ = timeout(PATIENCE, caller.task).await.expect("it closes");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_408_and_never_400() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).limits("body_timeout: 200ms").start().await;
    for (head, begun) in [
        ("Content-Length: 10\r\n", ""),
        ("Content-Length: 10\r\n", "begun"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nbegun\r\n"),
        ("Transfer-Encoding: chunked\r\n", "ff\r\nbegun"),
        ("Content-Length: 10\r\nExpect: 100-continue\r\n", ""),
    ] {
        let mut caller = wire.open(&format!("{}{begun}", wire.head("POST", "/slow", head))).await;
        let mut line = hand.accept().await;
        let answer = read_to_end(&mut caller).await;
        let answer = answer.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(status(answer), 408, "{head:?} {begun:?}: {answer:?}");
        let cut = String::from_utf8(line.rest().await).expect("text");
        assert!(!cut.ends_with("\r\n0\r\n\r\n"), "{cut:?}");
    }
    let mut caller = streams::connect(wire.connect().await).await;
    let request = streams::request(&wire, "POST", "/slow").body(()).expect("a request");
    let (response, stream) = caller.send.send_request(request, false).expect("sent");
    assert_eq!(streams::reply(response).await.expect("an answer").status, 408);
    drop(stream);
    let lines = reasons(&wire, 6).await;
    assert!(lines.iter().all(|line| *line == (408, "slow_body".to_owned())), "{lines:?}");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_moves_may_take_longer_than_the_limit() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).limits("body_timeout: 400ms").start().await;
    let mut caller = wire.open(&wire.head("POST", "/steady", "Content-Length: 10\r\n")).await;
    let mut line = hand.accept().await;
    line.head().await;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(150));
    for _ in 0..10 {
        ticks.tick().await;
        caller.write_all(b"a").await.expect("it is open");
        assert_eq!(line.count(1).await, 1);
    }
    line.send(OK).await;
    assert_eq!(status(&read_until(&mut caller, "ok").await), 200);
    wire.stop().await;
}

/// A listener whose queue is full: the kernel answers no further SYN.
struct Full {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl Full {
    async fn new() -> Full {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        listener.listen(0).expect("it listens");
        let address = listener.local_addr().expect("an address").as_socket().expect("an IP address");
        let mut queued = Vec::new();
        let patience = std::time::Duration::from_millis(300);
        while let Ok(connected) = timeout(patience, TcpStream::connect(address)).await {
            queued.push(connected.expect("it is queued"));
        }
        Full { address, _listener: listener, _queued: queued }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_does_not_take_connections_is_504() {
    let full = Full::new().await;
    let wire = Setup::to(full.address).timeouts("connect: 200ms").start().await;
    let answer = wire.get("/x").await;
    assert_eq!(status(&answer), 504, "{answer}");
    assert_eq!(reasons(&wire, 1).await, [(504, "connect_timeout".to_owned())]);
    wire.stop().await;
    // Another one takes over, and the first is not asked again at once.
    let upstream = Upstream::ok().await;
    let wire = Setup::to_all([full.address, upstream.address]).timeouts("connect: 200ms").start().await;
    for _ in 0..4 {
        assert_eq!(status(&wire.get("/x").await), 200);
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_says_nothing_is_504() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).timeouts("first_byte: 200ms").start().await;
    for (method, head, body) in [("GET", "", ""), ("POST", "Content-Length: 5\r\n", "hello")] {
        let mut caller = wire.open(&format!("{}{body}", wire.head(method, "/mute", head))).await;
        let mut line = hand.accept().await;
        line.request().await;
        let answer = read_until(&mut caller, "in time\n").await;
        assert_eq!(status(&answer), 504, "{answer}");
        assert!(line.rest().await.is_empty(), "and the connection is not kept");
        // The caller's is.
        caller.write_all(wire.head("GET", "/next", "").as_bytes()).await.expect("it is open");
        let mut line = hand.accept().await;
        assert_eq!(line.request().await.target(), "/next");
        line.send(OK).await;
        assert_eq!(status(&read_until(&mut caller, "ok").await), 200);
        drop(line);
    }
    let lines = reasons(&wire, 4).await;
    assert_eq!(lines[0], (504, "first_byte_timeout".to_owned()), "{lines:?}");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_takes_too_long_is_504_or_cut() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).timeouts("whole: 500ms, first_byte: 10s").start().await;
    let mut caller = wire.open(&wire.head("GET", "/mute", "Connection: close\r\n")).await;
    let mut line = hand.accept().await;
    line.head().await;
    assert_eq!(status(&read_to_end(&mut caller).await), 504);
    assert!(line.rest().await.is_empty());
    // Begun: cut. However busily it goes on.
    for steady in [false, true] {
        let mut caller = wire.open(&wire.head("GET", "/endless", "")).await;
        let mut line = hand.accept().await;
        line.head().await;
        line.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n").await;
        let back = tokio::spawn(async move {
            let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
            while steady && line.stream.write_all(chunk.as_bytes()).await.is_ok() {}
            line.rest().await;
        });
        let answer = read_to_end(&mut caller).await;
        assert_eq!(status(&answer), 200);
        assert!(!answer.ends_with("\r\n0\r\n\r\n"), "ended as if it were whole");
        timeout(PATIENCE, back).await.expect("the back end is let go").expect("no panic");
    }
    let lines = reasons(&wire, 3).await;
    let cut = (200, "timeout".to_owned());
    assert_eq!(lines, [(504, "timeout".to_owned()), cut.clone(), cut]);
    wire.stop().await;
}

/// A caller that takes a little now and then makes progress, but not for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_trickling_reader_has_the_whole_time_and_no_more() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).limits("body_timeout: 10s").timeouts("whole: 500ms").start().await;
    let mut caller = wire.open(&wire.head("GET", "/endless", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n").await;
    let piece = vec![b'a'; 1 << 20];
    let back = tokio::spawn(async move { while line.stream.write_all(&piece).await.is_ok() {} });
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    let mut taken = vec![0; 256 << 10];
    let ended = async {
        while matches!(tokio::io::AsyncReadExt::read(&mut caller, &mut taken).await, Ok(1..)) {
            ticks.tick().await;
        }
    };
    timeout(PATIENCE, ended).await.expect("it is cut");
    timeout(PATIENCE, back).await.expect("the back end is let go").expect("no panic");
    assert_eq!(reasons(&wire, 1).await, [(200, "timeout".to_owned())]);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stalls_is_cut() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).timeouts("first_byte: 200ms").start().await;
    let mut caller = wire.open(&wire.head("GET", "/stall", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    line.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n").await;
    let answer = read_to_end(&mut caller).await;
    assert!(answer.contains("begin") && !answer.contains("0\r\n\r\n"), "{answer:?}");
    assert!(line.rest().await.is_empty());
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_is_not_there_is_502() {
    let gone = Hand::new().await.address;
    let wire = Setup::to(gone).start().await;
    for request in [
        wire.head("GET", "/x", "Connection: close\r\n"),
        wire.head("POST", "/x", "Content-Length: 5\r\nConnection: close\r\n") + "hello",
    ] {
        let answer = wire.exchange(&request).await;
        assert_eq!(status(&answer), 502, "{answer}");
        assert!(!answer.contains("127.0.0.1"), "the back end's address is nobody's business: {answer}");
    }
    assert!(reasons(&wire, 2).await.iter().all(|line| *line == (502, "connect_refused".to_owned())));
    let metrics = wire.running.metrics().await;
    let failures = "tenantry_upstream_failures_total{service=\"metrics\",reason=\"connect_refused\"} 2";
    assert!(metrics.contains(failures), "{metrics}");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_closes_or_talks_nonsense_is_502() {
    let hand = Hand::new().await;
    let wire = Setup::to(hand.address).start().await;
    for (what, said, reason) in [
        ("nothing", "", "closed"),
        ("half a head", "HTTP/1.1 200 OK\r\ncontent-", "closed"),
        ("garbage", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "malformed"),
        ("another protocol", "220 mail.example.com ESMTP\r\n", "malformed"),
        ("a bad length", "HTTP/1.1 200 OK\r\ncontent-length: a\r\n\r\nok", "malformed"),
        ("a bad version", "HTTP/3.7 200 OK\r\ncontent-length: 2\r\n\r\nok", "malformed"),
        ("an endless head", &format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(200_000)), "malformed"),
    ] {
        let mut caller =
            wire.open(&wire.head("POST", "/x", "Content-Length: 5\r\nConnection: close\r\n")).await;
        caller.write_all(b"hello").await.expect("it is open");
        let mut line = hand.accept().await;
        line.request().await;
        // The gateway may have had enough before it has all of it.
        let _ = line.stream.write_all(said.as_bytes()).await;
        drop(line);
        let answer = read_to_end(&mut caller).await;
        assert_eq!(status(&answer), 502, "{what}: {answer}");
        let last = reasons(&wire, 1).await.pop().expect("a line");
        assert!([reason, "closed"].contains(&last.1.as_str()), "{what}: {last:?}");
    }
    wire.stop().await;
}

/// A request that a back end may have seen is not sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_twice() {
    let (one, two) = (Hand::new().await, Hand::new().await);
    let wire = Setup::to_all([one.address, two.address]).start().await;
    let mut caller =
        wire.open(&wire.head("POST", "/once", "Content-Length: 5\r\nConnection: close\r\n")).await;
    caller.write_all(b"hello").await.expect("it is open");
    let mut line = tokio::select! {
        line = one.accept() => line,
        line = two.accept() => line,
    };
    line.request().await;
    drop(line);
    assert_eq!(status(&read_to_end(&mut caller).await), 502);
    tokio::select! {
        biased;
        _ = one.accept() => panic!("sent again"),
        _ = two.accept() => panic!("sent again"),
        answer = wire.running.metrics() => drop(answer),
    }
    wire.stop().await;
}
