//! The whole way on real input: Debian's prometheus as the agent of each of two tenants, `remote_write`
//! over TLS with bearer tokens of our own CLI, the real gateway, and a back end that believes the
//! tenant header. `cargo test --test e2e -- --nocapture` prints what was seen.

mod support;

#[path = "e2e/agent.rs"]
mod agent;
#[path = "e2e/caller.rs"]
mod caller;
#[path = "e2e/exporter.rs"]
mod exporter;
#[path = "e2e/gate.rs"]
mod gate;
#[path = "cli/run.rs"]
mod run;
#[path = "e2e/spoofer.rs"]
mod spoofer;
#[path = "e2e/stores.rs"]
mod stores;
#[path = "e2e/tunnel.rs"]
mod tunnel;

use std::net::SocketAddr;
use std::time::SystemTime;

use agent::{Agent, Plan, WAYS};
use caller::{Caller, Count};
use exporter::Exporter;
use gate::{Gate, Line, millis};
use stores::{Programs, Stores};
use support::peers;
use support::process::until;
use tempfile::TempDir;

const ACME: &str = "acme";
const GLOBEX: &str = "globex";
/// Scrapes that a phase goes on for; four are a second.
const SOME: u64 = 12;

/// A tenant's key and its token.
struct Credential {
    key: String,
    token: String,
}

/// Everything that runs; what calls is stopped before what is called.
struct Scene {
    acme: Agent,
    globex: Agent,
    caller: Caller,
    gate: Gate,
    stores: Stores,
    exporter: Exporter,
    tunnel: SocketAddr,
    dir: TempDir,
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_two_tenants_push_and_one_of_them_is_cut_off() {
    let Some(programs) = programs() else { return };
    let (scene, mut acme, mut globex) = Scene::start(&programs).await;
    scene.each_sees_its_own(&acme, &globex).await;
    scene.a_lying_agent_changes_nothing(&programs, &acme, &globex).await;
    scene.spoofed_headers_change_nothing(&acme).await;
    scene.a_removed_key_cuts_its_tenant_off(&acme, &globex).await;
    scene.a_key_is_rotated_without_loss(&mut globex).await;
    scene.a_new_key_lets_the_tenant_in_again(&mut acme).await;
    scene.the_other_has_lost_nothing(&globex).await;
    scene.end(&[&acme, &globex]);
}

fn programs() -> Option<Programs> {
    let prometheus = peers::find("prometheus", "prometheus");
    let victoria = peers::find("victoria-metrics", "victoria-metrics");
    let vmagent = peers::find("vmagent", "victoria-metrics");
    let nginx = peers::find("nginx", "nginx-light");
    Some(Programs { prometheus: prometheus?, victoria: victoria?, vmagent: vmagent?, nginx: nginx? })
}

impl Scene {
    async fn start(programs: &Programs) -> (Scene, Credential, Credential) {
        let dir = TempDir::new().expect("a directory");
        let stores = Stores::start(programs, dir.path()).await;
        let gate = Gate::start(stores.address, dir.path()).await;
        for tenant in [ACME, GLOBEX] {
            gate.cli(&["tenants", "create", "--tenant", tenant]);
        }
        let acme = Credential::make(&gate, ACME, "rsa-2048", "acme.pem");
        let globex = Credential::make(&gate, GLOBEX, "p256", "globex.pem");
        println!("tenants, keys and tokens made by the CLI: acme with RSA-2048, globex with P-256");
        let exporter = Exporter::start([ACME, GLOBEX, spoofer::NAME]).await;
        let tunnel = tunnel::start(gate.proxy).await;
        let agent = async |tenant, token| {
            let plan = Plan { tenant, token, exporter: exporter.address(), tunnel };
            Agent::start(&programs.prometheus, dir.path(), &gate, &plan).await
        };
        let agents = (agent(ACME, &acme.token).await, agent(GLOBEX, &globex.token).await);
        println!(
            "two prometheus agents push over TLS, each by its own host (HTTP/2) and by its path (HTTP/1.1)"
        );
        let caller = Caller::new(&gate, &[ACME, GLOBEX]);
        let scene = Scene { acme: agents.0, globex: agents.1, caller, gate, stores, exporter, tunnel, dir };
        (scene, acme, globex)
    }

    async fn each_sees_its_own(&self, acme: &Credential, globex: &Credential) {
        println!("1. each tenant's samples arrive, and it sees them alone");
        for (tenant, own) in [(ACME, acme), (GLOBEX, globex)] {
            for way in WAYS {
                let counts = self.arrived(tenant, way, &own.token, SOME).await;
                let seen = self.caller.tenants(tenant, way, &own.token).await;
                let [(name, series)] = &seen[..] else { panic!("{tenant} sees {seen:?}") };
                assert_eq!(name, tenant);
                let range = gapless(&counts);
                println!("   {tenant} by {way}: counts {range}; sees {series} series, all {name}'s");
            }
        }
        for way in WAYS {
            let stranger = self.caller.query(GLOBEX, way, &acme.token, "up").send().await.expect("an answer");
            assert_eq!(stranger.status(), 401, "acme's token at globex's address");
        }
        println!("   acme's token at globex's addresses: 401");
        let log = self.gate.log();
        for (tenant, own) in [(ACME, acme), (GLOBEX, globex)] {
            for (version, key) in pushes(&log, tenant, 0).map(|line| (&line.version, &line.key)) {
                assert!(
                    ["HTTP/2", "HTTP/1.1"].contains(&version.as_str()) && *key == own.key,
                    "{version} {key}"
                );
            }
            for version in ["HTTP/2", "HTTP/1.1"] {
                let by = pushes(&log, tenant, 0).filter(|line| line.version == version);
                let (good, bad): (Vec<&Line>, Vec<&Line>) = by.partition(|line| line.status == 204);
                assert!(!good.is_empty() && bad.is_empty(), "{tenant} by {version}: {bad:?}");
                println!("   {tenant}: {} pushes by {version}, each answered 204", good.len());
            }
        }
    }

    async fn a_lying_agent_changes_nothing(
        &self,
        programs: &Programs,
        acme: &Credential,
        globex: &Credential,
    ) {
        println!("2. vmagent pushes with acme's token, saying X-Scope-OrgID and X_Scope_OrgID: globex");
        let (dir, exporter, words) = (self.dir.path(), self.exporter.address(), [ACME, GLOBEX, &acme.token]);
        let agent = spoofer::start(&programs.vmagent, dir, &self.gate, exporter, self.tunnel, words).await;
        for by_host in [true, false] {
            until("vmagent to push over both ways", async || {
                let log = self.gate.log();
                let mut lies = pushes(&log, ACME, 0).filter(|line| line.user_agent == "vmagent");
                lies.find(|line| line.status == 204 && line.path.starts_with("/t/") != by_host).map(drop)
            })
            .await;
        }
        let counts = self.arrived(ACME, "spoof", &acme.token, SOME / 2).await;
        drop(agent);
        let seen = self.caller.tenants(GLOBEX, "host", &globex.token).await;
        assert!(seen.len() == 1 && seen[0].0 == GLOBEX, "globex sees {seen:?}");
        let seen = self.stores.seen();
        let lies: Vec<_> = seen.iter().filter(|request| request["user_agent"] == "vmagent").collect();
        assert!(!lies.is_empty() && lies.iter().all(|request| request["org_id"] == ACME), "{lies:?}");
        println!(
            "   {} samples at acme, none at globex; the back end saw {} pushes, all acme's",
            counts.len(),
            lies.len()
        );
    }

    async fn spoofed_headers_change_nothing(&self, acme: &Credential) {
        println!("   acme's token asks with headers that say globex");
        let spoofs: [&[(&str, &str)]; 4] = [
            &[("X-Scope-OrgID", GLOBEX)],
            &[("X-Scope-OrgID", GLOBEX), ("x-scope-orgid", "acme|globex")],
            &[("X_Scope_OrgID", GLOBEX)],
            &[("X-Forwarded-Host", "globex.metrics.example.test"), ("X-Original-URL", "/t/globex/metrics")],
        ];
        for (spoof, way) in spoofs.iter().flat_map(|spoof| WAYS.map(|way| (spoof, way))) {
            let query = self.caller.query(ACME, way, &acme.token, exporter::METRIC);
            let query = spoof.iter().fold(query, |query, (name, value)| query.header(*name, *value));
            let rows = caller::rows(query).await;
            assert!(!rows.is_empty());
            assert!(rows.iter().all(|row| row["metric"]["tenant"] == ACME), "{spoof:?}: {rows:?}");
        }
        println!("   {} times answered with acme's samples alone", spoofs.len() * WAYS.len());
        let seen = self.stores.seen();
        for request in &seen {
            assert!(request["org_id"] == ACME || request["org_id"] == GLOBEX, "{request}");
            assert_eq!(request["authorization"], "", "{request}");
        }
        println!(
            "   the back end saw {} requests: all from acme or globex, none with a credential",
            seen.len()
        );
    }

    async fn a_removed_key_cuts_its_tenant_off(&self, acme: &Credential, globex: &Credential) {
        println!("3. acme's key is removed");
        let until_now = self.exporter.scrapes(GLOBEX);
        let asked = millis(SystemTime::now());
        self.gate.cli(&["keys", "remove", &acme.key, "--tenant", "acme", "--yes"]);
        let returned = millis(SystemTime::now());
        for way in WAYS {
            let refused = self.caller.query(ACME, way, &acme.token, "up").send().await.expect("an answer");
            assert_eq!(refused.status(), 401, "acme's query by {way}");
        }
        let probed = millis(SystemTime::now());
        println!(
            "   {} ms for the command; queries after it: 401 within {} ms",
            returned - asked,
            probed - returned
        );
        assert!(probed - returned < 1000);
        for way in WAYS {
            until("acme's agent to count failures", async || {
                (self.acme.pushes(way).await.failed > 0).then_some(())
            })
            .await;
            self.arrived(GLOBEX, way, &globex.token, until_now + SOME).await;
        }
        let log = self.gate.log();
        let after: Vec<&Line> = pushes(&log, ACME, returned).collect();
        assert!(
            after.iter().all(|line| (line.status, line.reason.as_str()) == (401, "unknown_key")),
            "{after:?}"
        );
        let first = pushes(&log, ACME, asked).find(|line| line.status == 401).expect("a refused push");
        let delay = first.began.saturating_sub(returned);
        assert!(delay < 1000, "acme's first refused push came {delay} ms after");
        println!(
            "   acme's agent: the next push, {delay} ms after, is 401, as are all {} since",
            after.len()
        );
        self.refusals_are_counted(after.len()).await;
        let others: Vec<&Line> = pushes(&log, GLOBEX, asked).collect();
        assert!(!others.is_empty() && others.iter().all(|line| line.status == 204), "{others:?}");
        println!("   globex: {} pushes meanwhile, each answered 204", others.len());
    }

    /// By the gateway, and by the agent itself.
    async fn refusals_are_counted(&self, refusals: usize) {
        let page = support::gateway::client().get(format!("http://{}/metrics", self.gate.admin)).send().await;
        let page = page.expect("an answer").text().await.expect("text");
        let series = "tenantry_authentications_total{outcome=\"unknown_key\"} ";
        let count = page.lines().find_map(|line| line.strip_prefix(series)).expect("a count");
        assert!(count.parse::<usize>().expect("a number") >= refusals, "{count} of {refusals}");
        println!("   {series}{count}");
        for way in WAYS {
            let pushes = self.acme.pushes(way).await;
            println!("   prometheus_remote_storage_samples_failed_total{{acme by {way}}} {}", pushes.failed);
        }
    }

    async fn a_key_is_rotated_without_loss(&self, globex: &mut Credential) {
        println!("4. globex changes its key: the new one is added, the token changed, the old one removed");
        let new = Credential::make(&self.gate, GLOBEX, "p384", "globex-2.pem");
        let changed = millis(SystemTime::now());
        self.globex.change_token(&new.token);
        for version in ["HTTP/2", "HTTP/1.1"] {
            until("globex's agent to use its new token", async || {
                let log = self.gate.log();
                pushes(&log, GLOBEX, changed).find(|l| l.version == version && l.key == new.key).map(drop)
            })
            .await;
        }
        self.gate.cli(&["keys", "remove", &globex.key, "--tenant", "globex", "--yes"]);
        let removed = millis(SystemTime::now());
        let until_now = self.exporter.scrapes(GLOBEX);
        for way in WAYS {
            self.arrived(GLOBEX, way, &new.token, until_now + SOME).await;
        }
        let log = self.gate.log();
        let since: Vec<&Line> = pushes(&log, GLOBEX, removed).collect();
        assert!(since.iter().all(|line| line.status == 204 && line.key == new.key), "{since:?}");
        println!("   {} pushes with the new key since, each answered 204", since.len());
        *globex = new;
    }

    async fn a_new_key_lets_the_tenant_in_again(&self, acme: &mut Credential) {
        println!("5. acme gets a new key and token");
        let new = Credential::make(&self.gate, ACME, "ed25519", "acme-2.pem");
        let until_now = self.exporter.scrapes(ACME);
        self.acme.change_token(&new.token);
        for way in WAYS {
            let counts = self.arrived(ACME, way, &new.token, until_now + SOME).await;
            let gaps = gaps(&counts);
            let [(before, after)] = gaps[..] else { panic!("not one gap, but {gaps:?}") };
            let (lost, last) = (before.lost(after), counts[counts.len() - 1].number);
            assert!(counts[0].number <= 4 && lost > SOME / 2, "{counts:?}");
            println!(
                "   acme by {way}: {}..{} and {}..{last}",
                counts[0].number, before.number, after.number
            );
            println!("     {lost} samples fell into the time without a key");
        }
        *acme = new;
    }

    async fn the_other_has_lost_nothing(&self, globex: &Credential) {
        println!("6. globex, over all this time");
        let scrapes = self.exporter.scrapes(GLOBEX);
        for way in WAYS {
            let counts = self.arrived(GLOBEX, way, &globex.token, scrapes).await;
            let pushes = self.globex.pushes(way).await;
            assert_eq!((pushes.failed, pushes.dropped, pushes.retried), (0, 0, 0), "{pushes:?}");
            println!("   by {way}: counts {}; {pushes:?}", gapless(&counts));
        }
        let log = self.gate.log();
        assert!(pushes(&log, GLOBEX, 0).all(|line| line.status == 204));
        println!("   {} pushes, each answered 204", pushes(&log, GLOBEX, 0).count());
    }

    fn end(self, credentials: &[&Credential]) {
        let bad = self.stores.seen().into_iter().filter(|request| request["status"] == 500).count();
        assert_eq!(bad, 0, "requests that the back end could not assign");
        let writings = self.gate.writings();
        assert!(!writings.contains(gate::PASSWORD), "the operator's password in what the gateway wrote");
        for credential in credentials {
            let signature = credential.token.rsplit('.').next().expect("a part");
            assert!(!writings.contains(signature), "a token in what the gateway wrote");
        }
        assert!(self.gate.stop(), "a stop asked for is a good end");
        println!("7. SIGTERM under load: the gateway ends with 0");
    }

    /// The counter as a tenant's store has it, once it has come as far as `number`.
    async fn arrived(&self, tenant: &str, way: &str, token: &str, number: u64) -> Vec<Count> {
        until(&format!("{tenant}'s sample {number} by {way}"), async || {
            let counts = self.caller.counts(tenant, way, token).await;
            counts.last().is_some_and(|last| last.number >= number).then_some(counts)
        })
        .await
    }
}

impl Credential {
    fn make(gate: &Gate, tenant: &str, kind: &str, file: &str) -> Credential {
        let (key, token) = gate.credential(tenant, kind, file);
        Credential { key, token }
    }
}

/// A tenant's pushes that began at a time or after it.
fn pushes<'a>(log: &'a [Line], tenant: &'a str, since: u64) -> impl Iterator<Item = &'a Line> {
    log.iter().filter(move |line| line.is_push(tenant) && line.began >= since)
}

/// The first and the last number of samples of which none is lost. An agent sends nothing older than
/// its queue, so that its very first scrapes may be missing.
fn gapless(counts: &[Count]) -> String {
    let (first, last) = (counts[0].number, counts[counts.len() - 1].number);
    assert!(first <= 4 && gaps(counts).is_empty(), "samples are lost: {counts:?}");
    let missed: u64 = counts.iter().map(|count| count.missed).sum();
    let given_up = if missed == 0 { String::new() } else { format!(" ({missed} scrapes given up)") };
    format!("{first}..{last} without a gap{given_up}")
}

/// The samples before and after each gap.
fn gaps(counts: &[Count]) -> Vec<(Count, Count)> {
    let pairs = counts.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(before, after)| before.lost(*after) > 0).collect()
}
