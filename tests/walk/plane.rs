//! Every line of the data plane's catalog, for every role and by both kinds of token: what a role does
//! not have reaches no back end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::catalog::{self, Route};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::model::{Api, Grants, ManagedRole};

use crate::support::gateway::{self, Running, token};
use crate::support::upstream::Upstream;

const APIS: [(Api, &str); 4] = [
    (Api::Cortex, "cortex"),
    (Api::Loki, "loki"),
    (Api::Prometheus, "prometheus"),
    (Api::ReadWrite, "read-write"),
];
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Somebody with a token, and what it lets them do with acme's data; none to whom acme is foreign.
struct Caller {
    name: String,
    token: String,
    grants: Option<Grants>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_catalog_is_open_to_the_roles_that_have_it() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = reached.clone();
    let upstream = Upstream::start(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()
    });
    let upstream = upstream.await;
    let running = gateway::start(&yaml(&upstream)).await;
    let callers = callers(&running).await;
    let (mut lines, mut forwarded, mut refused) = (0, 0, 0);
    for (api, service) in APIS {
        for line in catalog::routes(api) {
            lines += 1;
            for method in METHODS.iter().filter(|method| line.methods.contains(method)) {
                for caller in &callers {
                    let before = reached.load(Ordering::SeqCst);
                    let status = ask(&running, service, line, method, &caller.token).await;
                    let come = reached.load(Ordering::SeqCst) - before;
                    let what = format!("{method} {} of {service} for {}", line.path, caller.name);
                    match caller.grants.map(|grants| grants.allows(line.permission)) {
                        Some(true) => assert_eq!((status, come), (200, 1), "{what}"),
                        Some(false) => assert_eq!((status, come), (403, 0), "{what}"),
                        None => assert!(matches!(status, 401 | 403) && come == 0, "{what}: {status}"),
                    }
                    forwarded += come;
                    refused += 1 - come;
                }
            }
        }
    }
    println!(
        "{lines} lines of the catalog, {} callers: {forwarded} forwarded, {refused} refused",
        callers.len()
    );
    assert_eq!(reached.load(Ordering::SeqCst), forwarded, "nothing came late");
    running.stop().await;
}

fn yaml(upstream: &Upstream) -> String {
    let services = APIS.map(|(_, name)| {
        format!(
            "  {name}: {{match: [{{path: '/{name}/{{tenant}}'}}], upstream: ['http://{}'], api: {name}}}\n",
            upstream.address
        )
    });
    format!(
        "listeners: [{{name: plain, address: '127.0.0.1:0'}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
         store: {{path: store}}\ntelemetry: {{access_log: {{output: 'off'}}}}\nservices:\n{}",
        services.concat()
    )
}

async fn ask(running: &Running, service: &str, line: &Route, method: &Method, token: &str) -> u16 {
    let path = line.path.replace("**", "x/y").replace('*', "x");
    let url = format!("http://{}/{service}/acme{path}", running.proxy);
    let request = running.http.request(method.clone(), url).bearer_auth(token);
    request.send().await.expect("an answer").status().as_u16()
}

/// The managed roles, no role, and another tenant's Admin: by an API token, and by a trusted key.
async fn callers(running: &Running) -> Vec<Caller> {
    for tenant in ["acme", "beta"] {
        running.create_tenant(tenant).await;
    }
    let mut all = Vec::new();
    for role in ManagedRole::ALL {
        let grants = Some(role.rights().data);
        all.push(by_token(running, "acme", Some(role), grants).await);
        all.push(by_key(running, "acme", json!({"role": role.as_str()}), grants).await);
    }
    let nothing = Some(Grants::NONE);
    all.push(by_token(running, "acme", None, nothing).await);
    all.push(by_key(running, "acme", json!({"scopes_claim": "scope"}), nothing).await);
    all.push(by_token(running, "beta", Some(ManagedRole::Admin), None).await);
    all.push(by_key(running, "beta", json!({"role": "admin"}), None).await);
    all
}

async fn made(running: &Running, path: &str, body: Value) -> Value {
    let (status, body) = running.api(Method::POST, path, Some(body)).await;
    assert!(status.is_success(), "{path}: {status} {body}");
    body
}

async fn by_token(
    running: &Running,
    tenant: &str,
    role: Option<ManagedRole>,
    grants: Option<Grants>,
) -> Caller {
    let word = role.map_or("none", ManagedRole::as_str);
    let account = made(running, &format!("/{tenant}/service-accounts"), json!({ "name": word })).await;
    let id = account["id"].as_str().expect("an id");
    if let Some(role) = role {
        let role = format!("{}_{tenant}", role.as_str());
        let binding = json!({"type": "USER", "externalId": id, "roleId": role});
        made(running, &format!("/{tenant}/bindings"), binding).await;
    }
    let path = format!("/{tenant}/service-accounts/{id}/api-tokens");
    let token = made(running, &path, json!({"name": "walk"})).await;
    let token = token["fullToken"].as_str().expect("a token").to_owned();
    Caller { name: format!("{word} of {tenant} by API token"), token, grants }
}

async fn by_key(running: &Running, tenant: &str, terms: Value, grants: Option<Grants>) -> Caller {
    let signer = Signer::generate(KeypairKind::P256).expect("a key");
    let mut body = terms.clone();
    body["public_key"] = signer.public().pem().into();
    made(running, &format!("/{tenant}/keys"), body).await;
    Caller { name: format!("{terms} of {tenant} by JWT"), token: token(&signer, tenant), grants }
}
