//! What an explanation says, the data plane does: the same requests, put to both.

mod support;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;

use support::forge::good;
use support::gateway::{self, Running, now, token};
use support::upstream::Upstream;

struct Stage {
    running: Running,
    upstream: Upstream,
    /// Speaks for every tenant, and may do everything.
    signer: Signer,
}

/// A request, and what is expected of it.
struct Case {
    what: &'static str,
    method: Method,
    /// The host, and the path.
    at: (&'static str, &'static str),
    authorization: Option<String>,
    status: u16,
    /// The step at which it ends.
    ends: &'static str,
}

fn case(
    what: &'static str,
    at: (&'static str, &'static str),
    authorization: Option<String>,
    (status, ends): (u16, &'static str),
) -> Case {
    Case { what, method: Method::GET, at, authorization, status, ends }
}

impl Stage {
    async fn set() -> Stage {
        let upstream = Upstream::ok().await;
        let running = gateway::start(&gateway::yaml(upstream.address, "cortex", "", "")).await;
        let signer = running.with_tenants(&["acme", "beta", "idle"]).await;
        let suspended = Some(json!({"state": "SUSPENDED"}));
        assert_eq!(running.api(Method::PATCH, "/tenants/idle", suspended).await.0, StatusCode::OK);
        Stage { running, upstream, signer }
    }

    async fn made(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.running.api(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// A service account of acme with one role: its token, and the token's id.
    async fn machine(&self, role: &str) -> (String, String) {
        let account = self.made("/acme/service-accounts", json!({ "name": role })).await;
        let id = account["id"].as_str().expect("an id");
        let role = format!("{role}_acme");
        self.made("/acme/bindings", json!({"type": "USER", "externalId": id, "roleId": role})).await;
        let tokens = format!("/acme/service-accounts/{id}/api-tokens");
        let token = self.made(&tokens, json!({"name": "explain"})).await;
        let text = |field: &str| token[field].as_str().expect("a text").to_owned();
        (text("fullToken"), format!("{tokens}/{}", text("id")))
    }

    /// What the data plane answers, and how many requests came to the back end by it.
    async fn real(&self, case: &Case) -> (u16, usize) {
        let before = self.upstream.seen().len();
        let url = format!("http://{}{}", self.running.proxy, case.at.1);
        let mut request = self.running.http.request(case.method.clone(), url).header("host", case.at.0);
        if let Some(value) = &case.authorization {
            request = request.header("authorization", value);
        }
        let status = request.send().await.expect("an answer").status().as_u16();
        (status, self.upstream.seen().len() - before)
    }

    async fn told(&self, case: &Case) -> Value {
        let url = format!("http://{}{}", case.at.0, case.at.1);
        let mut question = json!({"url": url, "method": case.method.as_str()});
        if let Some(value) = &case.authorization {
            question["authorization"] = value.as_str().into();
        }
        self.made("/explain", question).await
    }

    /// Both agree, and so does the line of the access log.
    async fn check(&self, nth: usize, case: &Case) {
        let Case { what, status, ends, .. } = case;
        let (real, come) = self.real(case).await;
        let told = self.told(case).await;
        let allowed = *status == 200;
        assert_eq!((real, come), (*status, usize::from(allowed)), "{what}: {told}");
        assert_eq!(told["allowed"], allowed, "{what}: {told}");
        let says = told.get("status").map_or(json!(200), Value::clone);
        assert_eq!(says, real, "{what}: {told}");
        assert_eq!(told.get("reason").is_some(), !allowed, "{what}: {told}");
        let last = told["steps"].as_array().and_then(|steps| steps.last()).expect("a step");
        assert_eq!((&last["step"], &last["passed"]), (&json!(ends), &json!(allowed)), "{what}: {told}");
        if let Some(reason) = told.get("reason") {
            let log = self.running.log(nth).await;
            assert_eq!(log[nth - 1]["reason"], *reason, "{what}: {told}");
        }
    }
}

const ACME: &str = "acme.example.com";
const QUERY: &str = "/api/v1/query";
const PUSH: &str = "/api/v1/push";

async fn cases(stage: &Stage) -> Vec<Case> {
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let all = |tenant: &str| bearer(&token(&stage.signer, tenant));
    let (viewer, _) = stage.machine("viewer").await;
    let (revoked, path) = stage.machine("editor").await;
    assert_eq!(stage.running.api(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    let mut expired = good("acme");
    expired["exp"] = (now() - 60).into();
    let expired = stage.signer.sign(&expired).expect("a token");
    let stranger = Signer::generate(KeypairKind::P256).expect("a key");
    let push = |case: Case| Case { method: Method::POST, ..case };
    vec![
        case("allowed by a key", (ACME, QUERY), all("acme"), (200, "upstream")),
        case("allowed by a role", (ACME, QUERY), bearer(&viewer), (200, "upstream")),
        case("allowed by its path", ("any.host", "/t/acme/api/v1/query"), all("acme"), (200, "upstream")),
        case("an unknown host", ("www.elsewhere.test", QUERY), all("acme"), (404, "target")),
        case("an unlisted path", (ACME, "/config"), all("acme"), (404, "target")),
        case("a wrong method", (ACME, PUSH), all("acme"), (405, "target")),
        case("no credential", (ACME, QUERY), None, (401, "credential")),
        case("no scheme of ours", (ACME, QUERY), Some("Digest a=b".to_owned()), (401, "credential")),
        case("two credentials", (ACME, QUERY), Some("Bearer a, Bearer b".to_owned()), (400, "credential")),
        case("an empty credential", (ACME, QUERY), Some(String::new()), (401, "credential")),
        case("an expired token", (ACME, QUERY), bearer(&expired), (401, "identity")),
        case("an unknown key", (ACME, QUERY), bearer(&token(&stranger, "acme")), (401, "identity")),
        case("a revoked API token", (ACME, QUERY), bearer(&revoked), (401, "identity")),
        case("another tenant's token", (ACME, QUERY), all("beta"), (401, "identity")),
        case("another tenant", ("beta.example.com", QUERY), bearer(&viewer), (401, "identity")),
        case("no such tenant", ("nosuch.example.com", QUERY), all("nosuch"), (404, "permission")),
        push(case("a missing permission", (ACME, PUSH), bearer(&viewer), (403, "permission"))),
        case("a suspended tenant", ("idle.example.com", QUERY), all("idle"), (503, "permission")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_is_what_the_data_plane_does() {
    let stage = Stage::set().await;
    let cases = cases(&stage).await;
    for (nth, case) in (1..).zip(&cases) {
        stage.check(nth, case).await;
    }
    let refused = cases.iter().filter(|case| case.status != 200).count();
    println!("{refused} refusals and {} allowed requests, explained as they went", cases.len() - refused);
    stage.running.stop().await;
}
