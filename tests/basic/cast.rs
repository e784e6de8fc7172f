//! A gateway whose store has users from the start, and callers of whatever address.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tenantry::auth::password;
use tenantry::model::{
    Binding, Id, ManagedRole, Member, OrgId, Principal, RoleId, Secret, Subject, Tenant, TenantId, Timestamp,
    User, UserName,
};
use tenantry::store::{Change, Store, TakenName, UniqueName};
use tokio::task::JoinSet;

use crate::support::door::Answer;
use crate::support::gateway::{self, ADMIN, PASSWORD, Running};
use crate::support::raw;
use crate::support::upstream::Upstream;

pub const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Users by their passwords: ann writes and reads in acme, bob in globex, dan is disabled, pat has no
/// password.
pub struct People;

impl People {
    pub const ANN: &str = "planted-password-of:ann";
    pub const BOB: &str = "planted-password-of-bob";
    pub const DAN: &str = "planted-password-of-dan";
}

pub struct House {
    pub running: Running,
    pub upstream: Upstream,
}

/// The value of `Basic`.
pub fn encoded(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

/// The header line of a user.
pub fn line(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", encoded(user, password))
}

/// Another address of this machine.
pub fn local(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

pub fn id(name: &str) -> Id {
    let mut bytes = [7; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    Id::from_random(bytes)
}

impl House {
    /// `login`: the section of that name, in one line.
    pub async fn open(login: &str) -> House {
        House::with(login, "").await
    }

    /// `service`: further keys of the service, in lines of their own.
    pub async fn with(login: &str, service: &str) -> House {
        listen();
        let dir = TempDir::new().expect("a directory");
        let upstream = Upstream::ok().await;
        let store = dir.path().join("store");
        // Closed before the gateway opens it.
        tokio::task::spawn_blocking(move || fill(&Store::open(&store).expect("a store")))
            .await
            .expect("no panic");
        let yaml = gateway::yaml(upstream.address, "read-write", service, &format!("login: {{{login}}}\n"));
        House { running: gateway::start_in(dir, &yaml).await, upstream }
    }

    /// A GET as a user, from this machine's usual address.
    pub async fn get(&self, tenant: &str, user: &str, password: &str) -> Answer {
        send(&self.running.http, self.running.proxy, tenant, (user, password)).await
    }

    /// A GET from another address, over a connection of its own.
    pub async fn get_from(&self, address: IpAddr, tenant: &str, user: &str, password: &str) -> Answer {
        send(&client(address), self.running.proxy, tenant, (user, password)).await
    }

    /// GETs of acme as ann, all at once, each over a connection of its own.
    pub async fn all_at_once(&self, passwords: impl Iterator<Item = String>) -> Vec<Answer> {
        let mut all = JoinSet::new();
        for password in passwords {
            let (client, proxy) = (client(LOCAL), self.running.proxy);
            all.spawn(async move { send(&client, proxy, "acme", ("ann", &password)).await });
        }
        all.join_all().await
    }

    /// A request to acme with these header lines, raw.
    pub async fn raw(&self, lines: &str) -> String {
        let request = format!("GET /t/acme/x HTTP/1.1\r\nHost: a\r\n{lines}Connection: close\r\n\r\n");
        raw::exchange(self.running.proxy, request.as_bytes()).await
    }

    /// A call of the admin API that succeeds.
    pub async fn change(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.running.api(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// How many passwords have been checked at full cost.
    pub async fn checks(&self) -> u64 {
        let metrics = self.running.metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("tenantry_password_checks_total "));
        line.expect("the metric").parse().expect("a number")
    }

    pub async fn close(self) {
        self.running.stop().await;
    }
}

fn client(address: IpAddr) -> reqwest::Client {
    reqwest::Client::builder().local_address(address).build().expect("a client")
}

async fn send(
    client: &reqwest::Client,
    proxy: SocketAddr,
    tenant: &str,
    (user, password): (&str, &str),
) -> Answer {
    let url = format!("http://{proxy}/t/{tenant}/x");
    let response = client.get(url).basic_auth(user, Some(password)).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.text().await.expect("a text") }
}

fn fill(store: &Store) {
    let at = Timestamp::now();
    let mut changes: Vec<Change> = Vec::new();
    for tenant in ["acme", "globex"] {
        let tenant = TenantId::parse(tenant).expect("an id");
        let org = OrgId::nth(&tenant, 1);
        changes.push(Change::Put(Tenant::new(tenant, org, at).into()));
    }
    let people = [
        (ADMIN, Some(PASSWORD), None),
        ("ann", Some(People::ANN), Some("acme")),
        ("bob", Some(People::BOB), Some("globex")),
        ("dan", Some(People::DAN), Some("acme")),
        ("pat", None, Some("acme")),
    ];
    for (name, password, tenant) in people {
        let user = User { super_admin: name == ADMIN, disabled: name == "dan", ..person(name, password, at) };
        let name = TakenName { name: UniqueName::User(user.name.as_str().to_owned()), id: user.id };
        changes.extend([Change::Put(user.clone().into()), Change::Put(name.into())]);
        if let Some(tenant) = tenant {
            changes.extend(access(TenantId::parse(tenant).expect("an id"), user.id, at));
        }
    }
    store.commit(&[], changes).expect("a commit");
}

fn person(name: &str, password: Option<&str>, at: Timestamp) -> User {
    let hash = |text: &str| password::hash(&Secret::new(text.to_owned())).expect("a hash");
    User {
        id: id(name),
        name: UserName::parse(name).expect("a name"),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: password.map(hash),
        super_admin: false,
        disabled: false,
        restricted: false,
        created_at: at,
        updated_at: at,
    }
}

fn access(tenant: TenantId, user: Id, at: Timestamp) -> [Change; 2] {
    let member = Member {
        tenant: tenant.clone(),
        principal: Principal::User(user),
        groups: BTreeMap::new(),
        created_at: at,
    };
    let binding = Binding {
        tenant,
        id: user,
        subject: Subject::User(user),
        role: RoleId::Managed(ManagedRole::Editor),
        services: None,
        created_at: at,
    };
    [Change::Put(member.into()), Change::Put(binding.into())]
}

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Said;

impl Write for Said {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        SAID.lock().expect("no panic while writing").extend(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps all that the gateway says of itself from now on.
fn listen() {
    let ours = tracing_subscriber::EnvFilter::new("tenantry=trace,info");
    // Only the first test of the process sets it.
    let _ = tracing_subscriber::fmt().with_env_filter(ours).with_ansi(false).with_writer(|| Said).try_init();
}

/// What the gateways of this process have said of themselves.
pub fn said() -> String {
    String::from_utf8_lossy(&SAID.lock().expect("no panic while writing")).into_owned()
}
