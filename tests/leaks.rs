//! What the gateway says of its callers: no secret in anything it writes, no series in its metrics for
//! names that strangers made up.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::door::Door;
use support::forge::{Forge, good};
use support::gateway::{ADMIN, PASSWORD, client, yaml};
use support::h2;
use support::raw::{self, PATIENCE, status};
use support::upstream::Upstream;
use tenantry::cli::keypair::KeypairKind;

/// The names of all series, with their labels.
fn series(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_make_no_series() {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme"]).await;
    let ask = async |nth: usize| {
        let stranger = Forge::new(KeypairKind::Ed25519);
        let tenant = format!("tenant{nth}");
        let token = stranger.claims(&good(&tenant).to_string());
        let known = forge.claims(&good(&tenant).to_string());
        for (request, host, lines, expected) in [
            (format!("GET /t/{tenant}/x"), "a".to_owned(), format!("Authorization: Bearer {token}\r\n"), 401),
            (format!("GET /t/{tenant}/x"), "a".to_owned(), String::new(), 401),
            // Vouched for, and still nobody.
            (format!("GET /t/{tenant}/x"), "a".to_owned(), format!("Authorization: Bearer {known}\r\n"), 404),
            ("GET /x".to_owned(), format!("{tenant}.example.com"), String::new(), 401),
            ("GET /x".to_owned(), format!("{tenant}.example.org"), String::new(), 404),
            (format!("M{nth} /t/{tenant}/x"), "a".to_owned(), String::new(), 405),
            (format!("GET /t/{tenant}/../x"), "a".to_owned(), String::new(), 400),
        ] {
            assert_eq!(status(&door.ask(&request, &host, &lines).await), expected, "{request} at {host}");
        }
        let uri = format!("http://{tenant}.example.com/x");
        let answer = h2::send(door.address(), Request::get(uri).body(()).expect("a request")).await;
        assert_eq!(answer.expect("an answer").status, 401);
    };
    // One of each kind may make the series of its kind.
    ask(0).await;
    let before = series(&door.running.metrics().await);
    for nth in 1..=125 {
        ask(nth).await;
    }
    let after = series(&door.running.metrics().await);
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
    let page = door.running.metrics().await;
    for made_up in ["tenant1", "example.com", "example.org"] {
        assert!(!page.contains(made_up), "{made_up}");
    }
    assert!(!after.iter().any(|name| name.contains("acme")), "nobody has spoken for acme yet");
    door.admits("acme", &forge.claims(&good("acme").to_string()), "acme").await;
    assert!(series(&door.running.metrics().await).iter().any(|name| name.contains("tenant=\"acme\"")));
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_back_end_sees_a_session_of_the_admin_port() {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme"]).await;
    let token = forge.claims(&good("acme").to_string());
    let cookies = "theirs=1; tenantry=tns_planted; JWT=tns_planted; __Host-tenantry=tns_planted";
    let lines =
        format!("Authorization: Bearer {token}\r\nCookie: {cookies}\r\nCookie: JWT=\"tns_planted\"\r\n");
    assert_eq!(status(&door.ask("GET /t/acme/x", "a", &lines).await), 200);
    assert_eq!(door.upstream.last().header("cookie"), ["theirs=1"]);

    let uri = format!("http://{}/t/acme/x", door.address());
    let request = Request::get(uri).header("authorization", format!("Bearer {token}"));
    let request =
        request.header("cookie", "tenantry=tns_planted").header("cookie", "a=1").header("cookie", "b=2");
    let answer = h2::send(door.address(), request.body(()).expect("a request")).await;
    assert_eq!(answer.expect("an answer").status, 200);
    assert_eq!(door.upstream.last().header("cookie"), ["a=1; b=2"]);

    let request = format!(
        "POST /t/acme/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: Cookie, X-Sum\r\nConnection: close\r\n\r\n0\r\nCookie: tenantry=tns_planted\r\nX-Sum: 1\r\n\r\n"
    );
    assert_eq!(status(&door.raw(&request).await), 200);
    assert_eq!(door.upstream.last().trailers.to_lowercase().trim(), "x-sum: 1");
    door.running.stop().await;
}

/// The real program, told to say all that it has to say.
struct Program {
    child: Child,
    proxy: SocketAddr,
    admin: SocketAddr,
    /// Diagnostics and access log, each once its end has come.
    output: Option<[JoinHandle<String>; 2]>,
    _dir: tempfile::TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
    }
}

impl Program {
    fn start(upstream: SocketAddr, password: &str) -> Program {
        let dir = tempfile::tempdir().expect("a directory");
        let all = "telemetry: {log_level: trace, access_log: {output: stdout, format: logfmt}}";
        let text = yaml(upstream, "read-write", "", "");
        let lines = text.lines().map(|line| if line.starts_with("telemetry:") { all } else { line });
        let file = dir.path().join("tenantry.yaml");
        std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tenantry"))
            .args(["serve".as_ref(), "--config".as_ref(), file.as_os_str()])
            .env("TENANTRY_ADMIN_USER", ADMIN)
            .env("TENANTRY_ADMIN_PASSWORD", password)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut out = child.stdout.take().expect("piped");
        let log = thread::spawn(move || {
            let mut all = String::new();
            out.read_to_string(&mut all).expect("text");
            all
        });
        let (line, lines) = channel();
        let err = BufReader::new(child.stderr.take().expect("piped"));
        let said = thread::spawn(move || {
            let mut all = String::new();
            for next in err.lines() {
                let next = next.expect("text");
                all += &next;
                all.push('\n');
                // Nobody asks any more once it is ready.
                let _ = line.send(next);
            }
            all
        });
        let ready = loop {
            let line = lines.recv_timeout(PATIENCE).expect("it gets ready in time");
            if line.contains("tenantry is ready") {
                break line;
            }
        };
        let words = ready.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':')));
        let addresses: Vec<SocketAddr> = words.filter_map(|word| word.parse().ok()).collect();
        let [proxy, admin] = addresses[..] else { panic!("two addresses in {ready}") };
        Program { child, proxy, admin, output: Some([said, log]), _dir: dir }
    }

    /// Stops it; gives its diagnostics and its access log.
    fn stop(mut self) -> (String, String) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("a signal");
        let end = self.child.wait().expect("an end");
        assert!(end.success(), "{end}");
        let output = self.output.take().expect("taken once");
        output.map(|text| text.join().expect("read")).into()
    }
}

/// What people and machines have shown, or were handed: it may be in an answer that hands it out, and
/// nowhere else.
struct Peoples {
    secrets: Vec<String>,
    /// How many requests went to the data plane.
    requests: usize,
}

async fn peoples(http: &reqwest::Client, admin: SocketAddr, proxy: SocketAddr) -> Peoples {
    let (port, url) = (format!("http://{admin}"), format!("http://{admin}/api/v1"));
    let post = async |path: &str, body: Value| {
        let request = http.post(format!("{url}{path}")).basic_auth(ADMIN, Some(PASSWORD)).json(&body);
        let response = request.send().await.expect("an answer");
        let (status, text) = (response.status(), response.text().await.expect("text"));
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str::<Value>(&text).unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (own, applied, wrong) = ("Pl4ced-by-ann!", "Pl4ced-by-apply!", "Pl4ced-and-wr0ng!");
    let user = json!({"email": "ann@example.com", "password": own, "tenants": ["acme"]});
    let ann = text(&post("/users", user).await["id"]);
    let viewer = json!({"type": "USER", "externalId": ann, "roleId": "viewer_acme"});
    post("/acme/bindings", viewer).await;
    let token =
        text(&post(&format!("/users/{ann}/api-tokens"), json!({"name": "laptop"})).await["fullToken"]);
    let invitation =
        post("/acme/invitations", json!({"email": "eve@example.com", "groups": [], "roles": []})).await;
    let link = invitation["link"].as_str().or(invitation["invitationLink"].as_str());
    let link = link.unwrap_or_else(|| panic!("no link in {invitation}"));
    let ticket = link.rsplit('/').next().expect("a ticket").to_owned();
    let shown = http.get(format!("{url}/invitation/{ticket}")).send().await.expect("an answer");
    drop(shown.text().await.expect("text"));
    let bob = json!({"kind": "User", "email": "bob@example.com", "password": applied});
    post("/apply", json!({"documents": [bob]})).await;
    let login = async |password: &str| {
        let form = json!({"username": "ann@example.com", "password": password});
        http.post(format!("{port}/login")).json(&form).send().await.expect("an answer")
    };
    assert_eq!(login(wrong).await.status(), 401);
    let session = login(own).await;
    let cookie = session.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a cookie");
    let cookie = cookie.to_owned();
    let csrf = text(&session.json::<Value>().await.expect("JSON")["csrfToken"]);
    let out = http.post(format!("{port}/logout")).header("cookie", &cookie).header("x-csrf-token", &csrf);
    assert!(out.send().await.expect("an answer").status().is_success());

    let basic = |password: &str| STANDARD.encode(format!("ann@example.com:{password}"));
    let asked = [
        (format!("Bearer {token}"), 200),
        (format!("Basic {}", basic(&token)), 200),
        (format!("Basic {}", basic(own)), 200),
        (format!("Basic {}", basic(wrong)), 401),
    ];
    for (proof, expected) in &asked {
        let request = format!(
            "GET /t/acme/x HTTP/1.1\r\nHost: a\r\nAuthorization: {proof}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw::exchange(proxy, request.as_bytes()).await;
        assert_eq!(status(&answer), *expected, "{proof}: {answer}");
    }
    let part = |ticket: &str, nth: usize| ticket.split('_').nth(nth).expect("a secret").to_owned();
    let session = cookie.split_once('=').expect("a value").1.to_owned();
    let secrets = vec![
        part(&token, 2),
        part(&ticket, 2),
        session,
        csrf,
        basic(own),
        basic(wrong),
        own.to_owned(),
        applied.to_owned(),
        wrong.to_owned(),
    ];
    assert!(secrets.iter().all(|secret| secret.len() > 8), "{secrets:?}");
    Peoples { secrets, requests: asked.len() }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_anything_that_is_written() {
    let upstream = Upstream::ok().await;
    let program = Program::start(upstream.address, PASSWORD);
    let forge = Forge::new(KeypairKind::P256);
    let (http, url) = (client(), format!("http://{}/api/v1", program.admin));
    let mut shown = String::new();
    let mut api = async |path: &str, password: &str, body: Value| {
        let request = http.post(format!("{url}{path}")).basic_auth(ADMIN, Some(password)).json(&body);
        let response = request.send().await.expect("an answer");
        let (code, text) = (response.status().as_u16(), response.text().await.expect("text"));
        shown += &text;
        code
    };
    assert_eq!(api("/tenants", PASSWORD, json!({ "id": "acme" })).await, 200);
    assert_eq!(api("/keys", PASSWORD, json!({ "public_key": forge.pem() })).await, 201);
    assert_eq!(api("/tenants", "planted-wrong-password", json!({ "id": "other" })).await, 401);
    assert_eq!(api("/keys", PASSWORD, json!({ "public_key": "planted-in-a-broken-body" })).await, 422);

    let token = forge.claims(&good("acme").to_string());
    let stale = forge.claims(&json!({ "exp": 1, "sub": "tenant-acme", "note": "planted" }).to_string());
    let stranger = Forge::new(KeypairKind::P256).claims(&good("acme").to_string());
    let basic = STANDARD.encode(format!("user:{token}"));
    let mut sent = 0;
    let mut ask = async |target: &str, lines: &str, expected: u16| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}Connection: close\r\n\r\n");
        let answer = raw::exchange(program.proxy, request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{target} {lines}: {answer}");
        sent += 1;
        answer
    };
    for (lines, expected) in [
        (format!("Authorization: Bearer {token}\r\nCookie: planted-cookie=1\r\n"), 200),
        (format!("Authorization: Basic {basic}\r\n"), 200),
        (format!("Authorization: Bearer {stale}\r\n"), 401),
        (format!("Authorization: Bearer {stranger}\r\n"), 401),
        (format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"), 400),
        ("Authorization: planted-scheme planted\r\n".to_owned(), 401),
        ("X-Api-Key: planted-key\r\n".to_owned(), 401),
    ] {
        for target in ["/t/acme/x", &format!("/t/acme/x?access_token={token}&api_key=planted-in-query")] {
            let answer = ask(target, &lines, expected).await;
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(!head.contains("planted") && !body.contains("planted"), "{answer}");
        }
    }
    // What a terminal or a reader of lines could be led astray by.
    for agent in
        ["\u{9b}31m", "\u{2028}time=0", "a\" status=200 tenant=\"globex", "a\tb", "\u{202e}x", "\\\"x"]
    {
        ask("/t/acme/x", &format!("User-Agent: {agent}\r\nAuthorization: Bearer {token}\r\n"), 200).await;
    }
    let peoples = peoples(&http, program.admin, program.proxy).await;
    sent += peoples.requests;
    let metrics = http.get(format!("http://{}/metrics", program.admin)).send().await.expect("metrics");
    let metrics = metrics.text().await.expect("text");
    let (said, log) = tokio::task::spawn_blocking(|| program.stop()).await.expect("it stops");

    assert_eq!(log.lines().count(), sent, "one line for each request:\n{log}");
    let controls = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}');
    assert!(!log.contains(controls) && !said.contains(controls), "{log:?}");
    let forged = log.lines().filter(|line| line.contains(" tenant=\"globex") || line.starts_with("time=0"));
    assert_eq!(forged.count(), 0, "{log}");

    let part = |token: &str, nth: usize| token.split('.').nth(nth).expect("a part").to_owned();
    let key: String = forge.pem().lines().filter(|line| !line.starts_with('-')).collect();
    let secrets = [
        PASSWORD.to_owned(),
        STANDARD.encode(format!("{ADMIN}:{PASSWORD}")),
        "planted".to_owned(),
        "argon2".to_owned(),
        part(&token, 1),
        part(&token, 2),
        part(&stale, 1),
        part(&stale, 2),
        part(&stranger, 2),
        basic[40..80].to_owned(),
        key[..40].to_owned(),
        "PRIVATE KEY".to_owned(),
    ];
    let secrets: Vec<String> = secrets.into_iter().chain(peoples.secrets).collect();
    for (name, text) in
        [("the log", &log), ("diagnostics", &said), ("metrics", &metrics), ("the admin port", &shown)]
    {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret:?} is in {name}:\n{text}");
        }
    }
    // The output was that of this run.
    assert!(log.contains("tenant=acme") && said.contains("written") && metrics.contains("tenant=\"acme\""));
}
