//! The real program from its first start to its last signal: what it says, what it takes over while
//! it runs, and what it leaves behind.

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};
use support::gateway::{ADMIN, PASSWORD, client, token};
use support::hand::Hand;
use support::program::{Process, command, serve};
use support::raw::{self, PATIENCE, read_to_end, read_until, status};
use support::upstream::Upstream;
use support::wire::Setup;
use tempfile::TempDir;
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A running program with the tenant `acme`, whose token this knows.
struct Served {
    process: Process,
    proxy: SocketAddr,
    token: String,
    dir: TempDir,
}

impl Served {
    async fn start(setup: &Setup) -> Served {
        let dir = TempDir::new().expect("a directory");
        write(dir.path(), &setup.yaml());
        let process = Process::start(serve(dir.path())).await;
        let signer = Signer::generate(KeypairKind::P256).expect("a key");
        let tenant = json!({ "id": "acme", "name": "acme" });
        let key = json!({ "public_key": signer.public().pem() });
        for (path, body) in [("/tenants", tenant), ("/keys", key)] {
            let (status, answer) = process.api(Method::POST, path, Some(body)).await;
            assert!(status.is_success(), "{status} {answer}");
        }
        let proxy = process.listener("plain").await;
        Served { process, proxy, token: token(&signer, "acme"), dir }
    }

    fn head(&self, path: &str, lines: &str) -> String {
        let token = &self.token;
        format!("GET {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n{lines}\r\n")
    }

    async fn open(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.proxy).await.expect("it listens");
        stream.write_all(bytes.as_bytes()).await.expect("it is open");
        stream
    }
}

fn write(dir: &Path, yaml: &str) {
    std::fs::write(dir.join("tenantry.yaml"), yaml).expect("the configuration is written");
}

/// Whether nobody takes connections here any more. Waits until it is so.
async fn refused(address: SocketAddr) {
    let gone = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, gone).await.expect("the listener closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_requests_finish_and_nothing_else() {
    let hand = Hand::new().await;
    let mut served = Served::start(&Setup::to(hand.address).top("drain: 15s")).await;
    let admin = served.process.admin().await;
    // Idle in every way that there is.
    let mut silent = served.open("").await;
    let mut kept = served.open(&served.head("/nowhere", "")).await;
    read_until(&mut kept, "not found\n").await;
    let mut begun = served.open("GET /nowhere HT").await;
    let mut slow = served.open(&served.head("/t/acme/slow", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    served.process.signal(Signal::SIGTERM);
    refused(served.proxy).await;
    assert_eq!(read_to_end(&mut silent).await, "");
    assert_eq!(read_to_end(&mut kept).await, "");
    // The admin port says so for as long as requests are under way.
    let ready = served.process.http.get(format!("http://{admin}/-/ready")).send().await.expect("an answer");
    assert_eq!(ready.status(), 503);
    let page = served.process.http.get(format!("http://{admin}/metrics")).send().await.expect("an answer");
    assert!(page.text().await.expect("text").contains("\ntenantry_ready 0\n"));
    // What was under way is answered, and told that it was the last.
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let answer = read_to_end(&mut slow).await;
    assert!(status(&answer) == 200 && answer.ends_with("\r\n\r\nok"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    // A head that had begun may end as well.
    begun.write_all(b"TP/1.1\r\nHost: gateway\r\n\r\n").await.expect("it is open");
    assert_eq!(status(&read_to_end(&mut begun).await), 404);
    assert!(served.process.end().await.success(), "{}", served.process.log());
    let access = std::fs::read_to_string(served.dir.path().join("access.log")).expect("a log");
    assert!(access.contains("\"path\":\"/t/acme/slow\"") && access.contains("\"status\":200"), "{access}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_time_is_the_most_that_a_stop_takes() {
    let hand = Hand::new().await;
    let mut served = Served::start(&Setup::to(hand.address).top("drain: 300ms")).await;
    let mut stuck = served.open(&served.head("/t/acme/stuck", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    served.process.signal(Signal::SIGTERM);
    assert!(served.process.end().await.success(), "{}", served.process.log());
    assert_eq!(read_to_end(&mut stuck).await, "", "cut, not answered");
    assert!(line.rest().await.is_empty());
    assert!(served.process.log().contains("cut off"), "{}", served.process.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let hand = Hand::new().await;
    let mut served = Served::start(&Setup::to(hand.address).top("drain: 1h")).await;
    let stuck = served.open(&served.head("/t/acme/stuck", "")).await;
    let mut line = hand.accept().await;
    line.head().await;
    served.process.signal(Signal::SIGTERM);
    refused(served.proxy).await;
    served.process.signal(Signal::SIGINT);
    assert!(!served.process.end().await.success());
    drop(stuck);
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_takes_over_services_without_dropping_a_request() {
    let hand = Hand::new().await;
    let old = Setup::to(hand.address);
    let served = Served::start(&old).await;
    let mut slow = served.open(&served.head("/t/acme/slow", "")).await;
    let mut kept = served.open(&served.head("/nowhere", "")).await;
    read_until(&mut kept, "not found\n").await;
    let mut line = hand.accept().await;
    line.head().await;
    // Requests all the while.
    let (proxy, request) = (served.proxy, served.head("/t/acme/all-the-while", "Connection: close\r\n"));
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let load = tokio::spawn(async move {
        let mut statuses = Vec::new();
        while !*stopped.borrow_and_update() {
            statuses.push(status(&raw::exchange(proxy, request.as_bytes()).await));
        }
        statuses
    });
    let answering = tokio::spawn(async move {
        loop {
            let mut line = hand.accept().await;
            tokio::spawn(async move {
                line.head().await;
                line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
            });
        }
    });
    let upstream = Upstream::ok().await;
    let added = format!(
        "  added:\n    match: [{{path: '/new/{{tenant}}'}}]\n    upstream: http://{}\n",
        upstream.address
    );
    for round in 0..5 {
        let services = if round % 2 == 0 { added.as_str() } else { "" };
        write(served.dir.path(), &format!("{}{services}", old.yaml()));
        served.process.signal(Signal::SIGHUP);
        let wanted = if round % 2 == 0 { 200 } else { 404 };
        let taken = async {
            // Over the old connection, too.
            while {
                kept.write_all(served.head("/new/acme/x", "").as_bytes()).await.expect("it is open");
                let end = read_until(&mut kept, "\n\r\n").await;
                let body = if status(&end) == 200 { "ok" } else { "not found\n" };
                if !end.ends_with(body) {
                    read_until(&mut kept, body).await;
                }
                status(&end) != wanted
            } {}
        };
        timeout(PATIENCE, taken).await.expect("the new services are live");
    }
    stop.send(true).expect("it listens");
    let statuses = load.await.expect("no panic");
    assert!(!statuses.is_empty() && statuses.iter().all(|status| *status == 200), "{statuses:?}");
    answering.abort();
    line.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(status(&read_until(&mut slow, "ok").await), 200);
    assert_eq!(served.process.log().matches("configuration read again").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_every_problem_is_said() {
    let upstream = Upstream::ok().await;
    let setup = Setup::to(upstream.address);
    let served = Served::start(&setup).await;
    let works = async || {
        let request = served.head("/t/acme/x", "Connection: close\r\n");
        assert_eq!(status(&raw::exchange(served.proxy, request.as_bytes()).await), 200);
    };
    let bad = setup.yaml().replace("api: read-write", "api: nonsense").replace("workers: 1", "wokers: 1")
        + "    tenant_header: 'not a name'\n";
    write(served.dir.path(), &bad);
    served.process.signal(Signal::SIGHUP);
    for problem in ["nonsense", "wokers", "tenant_header"] {
        let line = served.process.logged(problem).await;
        assert!(line.contains("configuration refused") && line.contains("line="), "{line}");
    }
    works().await;
    for (what, yaml) in [
        ("listeners", setup.yaml().replace("name: plain", "name: other")),
        ("store", setup.yaml().replace("path: store", "path: elsewhere")),
        ("drain", format!("drain: 7s\n{}", setup.yaml())),
        ("workers", setup.yaml().replace("workers: 1", "workers: 2")),
    ] {
        write(served.dir.path(), &yaml);
        served.process.signal(Signal::SIGHUP);
        served.process.logged(&format!("{what} cannot change while tenantry runs")).await;
        works().await;
    }
    std::fs::remove_file(served.dir.path().join("tenantry.yaml")).expect("it was there");
    served.process.signal(Signal::SIGHUP);
    served.process.logged("line=0").await;
    works().await;
    let page = served.process.http.get(format!("http://{}/metrics", served.process.admin().await));
    let page = page.send().await.expect("an answer").text().await.expect("text");
    assert!(page.contains("tenantry_config_reloads_total{result=\"failed\"} 6"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_an_error_that_says_what_to_do() {
    let busy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = busy.local_addr().expect("an address").to_string();
    let free = Setup::to(([127, 0, 0, 1], 9).into());
    for (what, yaml) in [
        ("listener plain", free.yaml().replacen("127.0.0.1:0", &address, 1)),
        ("admin", Setup { top: format!("admin: {{address: '{address}'}}"), ..free }.yaml()),
    ] {
        let dir = TempDir::new().expect("a directory");
        write(dir.path(), &yaml);
        let output = timeout(PATIENCE, serve(dir.path()).output()).await.expect("it ends").expect("it ran");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(what) && said.contains(&address), "{said}");
        assert!(said.contains("in use") && said.contains("choose another address"), "{said}");
        assert!(!said.contains("panicked") && !said.contains("backtrace"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let upstream = Upstream::ok().await;
    let mut served = Served::start(&Setup::to(upstream.address)).await;
    let admin = served.process.admin().await;
    // Killed in the midst of writing: whatever was acknowledged is there afterwards.
    let writing = tokio::spawn(async move {
        let client = client();
        let mut acknowledged = Vec::new();
        for at in 0.. {
            let body = json!({ "id": format!("t{at}"), "name": "t" });
            let request =
                client.post(format!("http://{admin}/api/v1/tenants")).basic_auth(ADMIN, Some(PASSWORD));
            match request.json(&body).send().await {
                Ok(answer) if answer.status().is_success() => acknowledged.push(format!("t{at}")),
                _ => break,
            }
        }
        acknowledged
    });
    let page = format!("http://{admin}/metrics");
    let wanted = async {
        loop {
            let text = served.process.http.get(&page).send().await.expect("up").text().await.expect("text");
            let tenants = text.lines().find_map(|line| line.strip_prefix("tenantry_tenants "));
            if tenants.and_then(|count| count.parse::<f64>().ok()).is_some_and(|count| count > 20.0) {
                return;
            }
        }
    };
    timeout(PATIENCE, wanted).await.expect("tenants are written");
    served.process.signal(Signal::SIGKILL);
    assert!(!served.process.end().await.success());
    let acknowledged = writing.await.expect("no panic");
    assert!(acknowledged.len() >= 20);
    // The one before is dead, and its lock with it.
    let process = Process::start(serve(served.dir.path())).await;
    for id in &acknowledged {
        let (status, body) = process.api(Method::GET, &format!("/tenants/{id}"), None).await;
        assert_eq!((status.as_u16(), &body["id"]), (200, &json!(id)), "{body}");
    }
    let (status, keys) = process.api(Method::GET, "/keys", None).await;
    assert_eq!(status, 200, "{keys}");
    let proxy = process.listener("plain").await;
    let answer = raw::exchange(proxy, served.head("/t/acme/x", "Connection: close\r\n").as_bytes()).await;
    assert_eq!(raw::status(&answer), 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_program_does_not_share_the_store() {
    let upstream = Upstream::ok().await;
    let served = Served::start(&Setup::to(upstream.address)).await;
    let output =
        timeout(PATIENCE, serve(served.dir.path()).output()).await.expect("it ends").expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("store"), "{said}");
    let request = served.head("/t/acme/x", "Connection: close\r\n");
    assert_eq!(status(&raw::exchange(served.proxy, request.as_bytes()).await), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_password_is_nowhere_but_in_its_file() {
    let dir = TempDir::new().expect("a directory");
    write(dir.path(), &Setup::to(([127, 0, 0, 1], 9).into()).yaml());
    let words = ["serve", "--config", "tenantry.yaml"];
    let mut first = Process::start(command(dir.path(), &words)).await;
    first.logged("first admin made, password in the file").await;
    let file = dir.path().join("store/first-admin-password");
    let password = std::fs::read_to_string(&file).expect("a file");
    let password = password.trim();
    assert!(password.len() >= 20, "{password}");
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(!first.log().contains(password));
    let me = async |process: &Process| -> (u16, Value) {
        let url = format!("http://{}/api/v1/me", process.admin().await);
        let answer =
            process.http.get(url).basic_auth("admin", Some(password)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    };
    assert_eq!(me(&first).await.0, 200);
    first.signal(Signal::SIGTERM);
    assert!(first.end().await.success());
    // The next start draws none, and the first one still holds.
    std::fs::remove_file(&file).expect("it was there");
    let second = Process::start(command(dir.path(), &words)).await;
    assert_eq!(me(&second).await.0, 200);
    assert!(!second.log().contains("first admin made") && !file.exists());
}

/// Everything that a run shows on its terminal and writes to its standard output, from its start to
/// a signal when it is ready.
async fn on_a_terminal(dir: &Path) -> (String, String) {
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    let mut serve = command(dir, &["serve", "--config", "tenantry.yaml"]);
    let child = serve.stderr(Stdio::from(terminal.slave)).spawn().expect("the program starts");
    // It holds the other end of the terminal as well.
    drop(serve);
    let pid = Pid::from_raw(i32::try_from(child.id().expect("it runs")).expect("a process id"));
    let reading = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(File::from(terminal.master)).lines();
        let mut shown = String::new();
        // At its end, a terminal gives an error.
        for line in lines.map_while(Result::ok) {
            if line.contains("tenantry is ready") {
                signal::kill(pid, Signal::SIGTERM).expect("it runs");
            }
            shown.push_str(line.trim_end());
            shown.push('\n');
        }
        shown
    });
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").expect("it ran");
    assert!(output.status.success());
    (reading.await.expect("no panic"), String::from_utf8(output.stdout).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_password_is_shown_once_on_a_terminal_and_in_no_log_line() {
    let dir = TempDir::new().expect("a directory");
    write(dir.path(), &Setup::to(([127, 0, 0, 1], 9).into()).yaml());
    let (shown, output) = on_a_terminal(dir.path()).await;
    let words = shown.lines().find_map(|line| line.trim().strip_prefix("password "));
    let password = words.unwrap_or_else(|| panic!("no password in {shown}")).trim();
    assert!(password.len() >= 20, "{shown}");
    assert_eq!(shown.matches(password).count(), 1, "{shown}");
    assert!(shown.lines().filter(|line| line.contains("level=")).all(|line| !line.contains(password)));
    assert!(!output.contains(password), "{output}");
    assert!(!dir.path().join("store/first-admin-password").exists());
    let (again, _) = on_a_terminal(dir.path()).await;
    assert!(!again.contains("password"), "{again}");
}

/// The ports of the defaults may be taken here, so only what does not depend on them is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_the_defaults_hold() {
    let dir = TempDir::new().expect("a directory");
    let taken = async |port: u16| TcpListener::bind(("127.0.0.1", port)).await.is_err();
    if taken(8080).await || taken(9080).await {
        let output = timeout(PATIENCE, command(dir.path(), &["serve"]).output()).await;
        let output = output.expect("it ends").expect("it ran");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("in use"), "{said}");
        return;
    }
    let mut process = Process::start(command(dir.path(), &["serve"])).await;
    assert_eq!(process.listener("default").await, ([127, 0, 0, 1], 8080).into());
    assert_eq!(process.admin().await, ([127, 0, 0, 1], 9080).into());
    process.logged("first admin made").await;
    assert!(dir.path().join("data/first-admin-password").exists());
    process.signal(Signal::SIGINT);
    assert!(process.end().await.success());
}
