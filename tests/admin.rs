//! The admin port as its callers see it, over real sockets: tenants, keys, statuses, entity tags,
//! logins, and that a write is live when it is answered.

#[path = "support/control.rs"]
mod support;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData};
use reqwest::Method;
use serde_json::{Value, json};
use support::{METRICS, PASSWORD, Port, USER, checker, control, logged};
use tenantry::auth::password;
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::control::{Control, Fault, Name, NewTenant, Seen, TenantChange};
use tenantry::model::{OrgId, Secret, TenantId, Timestamp, User};
use tenantry::snapshot::{Published, Routes, Snapshot};
use tenantry::store::{Change, Commits, Record, RecordId, Store};

fn p256() -> String {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").public_key_pem()
}

fn ed25519_jwk() -> Value {
    let pair = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.der_bytes())})
}

fn org_id(answer: &support::Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["org_id"].as_str().expect("a text").to_owned()
}

/// Each operation of the document: method, path with ids filled in, and whether it is public.
fn operations(document: &Value) -> Vec<(Method, String, bool)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let method = method.to_uppercase().parse().expect("a method");
            operations.push((
                method,
                path.replace("{id}", "acme"),
                operation.get("security") == Some(&json!([{}])),
            ));
        }
    }
    operations
}

#[tokio::test]
async fn everything_but_health_and_the_document_needs_credentials() {
    let port = Port::start().await;
    let operations = operations(port.document());
    let public: BTreeSet<_> =
        operations.iter().filter(|(_, _, public)| *public).map(|(_, path, _)| path.as_str()).collect();
    let expected = [
        "/-/healthy",
        "/-/ready",
        "/api/v1/auths",
        "/api/v1/invitation/create/{ticket}",
        "/api/v1/openapi.json",
        "/api/v1/setup",
        "/api/v1/validate-password",
        "/login",
        "/metrics",
    ];
    assert_eq!(public, BTreeSet::from(expected));
    for (method, path, public) in &operations {
        // The body is malformed: who is not known is not told so.
        let anonymous = port.anonymous(method.clone(), path).header("content-type", "text/plain").body("{");
        let answer = port.send(anonymous).await;
        if *public {
            let read = *method == Method::GET;
            assert!(if read { answer.status == 200 } else { answer.status != 401 }, "{method} {path}");
            continue;
        }
        answer.refused(401);
        assert!(answer.header("www-authenticate").starts_with("Basic realm=\"tenantry\""));
    }
    for authorization in ["Bearer abc", "Basic", "Basic !!!", "Basic cm9vdA==", "Digest x", ""] {
        let request = port.anonymous(Method::GET, "/api/v1/tenants").header("authorization", authorization);
        port.send(request).await.refused(401);
    }
}

#[tokio::test]
async fn the_document_is_whole() {
    let port = Port::start().await;
    let document = port.document();
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().expect("a pointer");
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name), "{method} {path}: {name} is another operation's name");
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 8), "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
            }
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let problem = response["content"].get("application/problem+json").is_some();
                assert_eq!(
                    problem,
                    status >= &"400".to_owned() && path != "/-/ready",
                    "{method} {path} {status}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_tenant_lives() {
    let port = Port::start().await;
    let made = port.post("/api/v1/tenants", &json!({"id": "acme"})).await;
    assert_eq!(made.status, 200);
    assert_eq!(made.header("location"), "/api/v1/tenants/acme");
    let tenant = made.json();
    let fields: Vec<_> = tenant.as_object().expect("an object").keys().map(String::as_str).collect();
    let all = ["created_at", "deleted", "description", "id", "labels", "name", "options", "org_id", "state"];
    assert_eq!(fields, [all.as_slice(), &["updated_at"]].concat());
    assert_eq!(tenant["name"], "acme");
    assert_eq!(tenant["deleted"], false);
    assert_eq!(tenant["created_at"], tenant["updated_at"]);
    assert!(tenant["created_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    assert!(port.published.load().tenants.get("acme").is_some(), "live when answered");

    let shown = port.get("/api/v1/tenants/acme").await;
    assert_eq!((shown.json(), shown.etag()), (tenant, made.etag()));

    let put = port.put("/api/v1/tenants/acme", &json!({"name": "Acme", "description": "a\nb"})).await;
    assert_eq!(put.status, 200);
    assert_ne!(put.etag(), made.etag());
    let patched = port.patch("/api/v1/tenants/acme", &json!({"description": "c"})).await;
    assert_eq!((&patched.json()["name"], &patched.json()["description"]), (&json!("Acme"), &json!("c")));
    let patched = port.patch("/api/v1/tenants/acme", &json!({"name": null})).await;
    assert_eq!((&patched.json()["name"], &patched.json()["description"]), (&json!("acme"), &json!("c")));
    // What was read can be written back.
    let again = port.put("/api/v1/tenants/acme", &patched.json()).await;
    assert_eq!(again.json()["description"], "c");
    let emptied = port.put("/api/v1/tenants/acme", &json!({})).await;
    assert_eq!(emptied.json()["description"], "");

    assert_eq!(port.delete("/api/v1/tenants/acme").await.status, 204);
    assert!(port.published.load().tenants.get("acme").is_none(), "gone when answered");
    let message = port.get("/api/v1/tenants/acme").await.refused(404);
    assert_eq!(message, "tenant \"acme\" does not exist");
    port.delete("/api/v1/tenants/acme").await.refused(404);
    port.put("/api/v1/tenants/acme", &json!({})).await.refused(404);
    port.patch("/api/v1/tenants/acme", &json!({})).await.refused(404);
    port.get("/api/v1/tenants/ACME%00").await.refused(404);
}

#[tokio::test]
async fn no_org_id_is_used_twice() {
    let port = Port::start().await;
    let make = async |id: &str| org_id(&port.post("/api/v1/tenants", &json!({ "id": id })).await);
    let delete = async |id: &str| assert_eq!(port.delete(&format!("/api/v1/tenants/{id}")).await.status, 204);
    assert_eq!(make("acme").await, "acme");
    delete("acme").await;
    assert_eq!(make("acme").await, "acme-2");
    // The id acme-2 is free, the org id is not.
    assert_eq!(make("acme-2").await, "acme-2-2");
    delete("acme").await;
    assert_eq!(make("acme").await, "acme-3");
    delete("acme-2").await;
    assert_eq!(make("acme-2").await, "acme-2-3");
    let tomb = port.store.get(&RecordId::Org(OrgId::nth(&id("acme"), 2)));
    let Ok(Some(tomb)) = tomb else { panic!("a tombstone") };
    assert!(matches!(tomb.value, Record::Org(org) if org.deleted_at.is_some() && org.tenant == id("acme")));
}

fn id(text: &str) -> TenantId {
    TenantId::parse(text).expect("an id")
}

#[tokio::test]
async fn names_break_rules_that_are_named() {
    let port = Port::start().await;
    for (name, rule) in [
        (json!("www"), "\"www\" is reserved"),
        (json!("admin"), "\"admin\" is reserved"),
        (json!("Acme"), "character 1 is 'A'"),
        (json!("a|b"), "character 2 is '|'"),
        (json!("-a"), "begins with a letter or a digit"),
        (json!("a-"), "ends with a letter or a digit"),
        (json!("xn--a"), "internationalised"),
        (json!(""), "must not be empty"),
        (json!("a".repeat(64)), "at most 63"),
        (json!(null), "is missing"),
        (json!(5), "invalid type: integer `5`, expected a string"),
    ] {
        let message = port.post("/api/v1/tenants", &json!({ "id": name })).await.flaws(&["id"]);
        assert!(message.contains(rule), "{message}");
    }
    let body =
        json!({"id": "a b", "name": "x".repeat(256), "description": "\u{0}", "deleted": true, "nmae": 1});
    let all = ["nmae", "deleted", "id", "name", "description"];
    port.post("/api/v1/tenants", &body).await.flaws(&all);
    let longest = json!({"id": "a".repeat(63), "name": "ü".repeat(255), "description": "ü".repeat(4096)});
    assert_eq!(port.post("/api/v1/tenants", &longest).await.status, 200);
    let message = port.post("/api/v1/tenants", &json!({"id": "a".repeat(63)})).await.refused(409);
    assert!(message.contains("exists already"), "{message}");
}

#[tokio::test]
async fn kestras_fields_are_accepted_and_ours_only_where_they_were_read() {
    let port = Port::start().await;
    let kestra = json!({
        "id": "stage", "name": "staging", "deleted": false, "storageType": "s3", "storageConfiguration": {"bucket": "b"},
        "storageIsolation": {"enabled": true, "deniedServices": ["WEBSERVER"]}, "secretType": "vault",
        "secretReadOnly": false, "secretConfiguration": {}, "secretIsolation": {}, "requireExistingNamespace": true,
        "outputsInInternalStorage": false, "workerGroup": {"key": "gpu"}, "defaultWorkerSelector": null,
        "concurrency": {"limit": 10}, "quotas": [], "appCatalogConfig": {}, "settings": {},
        "sdkDefaultAuthentication": {"password": "x"},
    });
    let made = port.post("/api/v1/tenants", &kestra).await;
    assert_eq!((made.status.as_u16(), &made.json()["name"]), (200, &json!("staging")));
    assert_eq!(port.put("/api/v1/tenants/stage", &kestra).await.status, 200);
    port.post("/api/v1/tenants", &json!({"id": "b", "org_id": "stage"})).await.flaws(&["org_id"]);
    port.put("/api/v1/tenants/stage", &json!({"id": "other"})).await.flaws(&["id"]);
    port.patch("/api/v1/tenants/stage", &json!({"id": "other"})).await.flaws(&["id"]);
    port.patch("/api/v1/tenants/stage", &json!({"deleted": true})).await.flaws(&["deleted"]);
    port.patch("/api/v1/tenants/stage", &json!({"name": ""})).await.flaws(&["name"]);
}

#[tokio::test]
async fn lists_are_cut_searched_and_sorted() {
    let port = Port::start().await;
    for nth in 0..12 {
        let body =
            json!({"id": format!("t{nth:02}"), "name": if nth % 2 == 0 { "Even ÄPFEL" } else { "odd" }});
        assert_eq!(port.post("/api/v1/tenants", &body).await.status, 200);
    }
    let list = async |path: &str| {
        let answer = port.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let json = answer.json();
        let results = json["results"].as_array().expect("results");
        let ids: Vec<_> = results.iter().map(|t| t["id"].as_str().expect("an id").to_owned()).collect();
        (ids, json["total"].as_u64().expect("a number"))
    };
    let (first, total) = list("/api/v1/tenants").await;
    assert_eq!((first.len(), first[0].as_str(), total), (10, "t00", 12));
    assert_eq!(list("/api/v1/tenants/search?page=2").await.0, ["t10", "t11"]);
    assert_eq!(list("/api/v1/tenants?page=3").await, (vec![], 12));
    assert_eq!(list("/api/v1/tenants?size=2&sort=id:desc").await, (vec!["t11".into(), "t10".into()], 12));
    let (even, total) = list("/api/v1/tenants/search?q=%C3%A4pfel&size=2&page=2").await;
    assert_eq!((even, total), (vec!["t04".to_owned(), "t06".to_owned()], 6));
    assert_eq!(list("/api/v1/tenants?q=T1").await.0, ["t10", "t11"]);
    let query = "/api/v1/tenants?page=0&size=1001&sort=name:up&colour=red";
    port.get(query).await.flaws(&["page", "size", "sort", "colour"]);
    let by_name = "/api/v1/tenants?sort=name:desc&sort=id:desc&size=2&page=4";
    assert_eq!(list(by_name).await, (vec!["t00".to_owned(), "t02".to_owned()], 12));
    let filtered = "/api/v1/tenants?filters[name][STARTS_WITH]=even&filters[id][NOT_IN]=t00,t04";
    assert_eq!(list(filtered).await.0, ["t02", "t06", "t08", "t10"]);
    assert_eq!(list("/api/v1/tenants/search?filters[q][EQUALS]=t11").await.1, 1);
    let unknown = "/api/v1/tenants?sort=colour&filters[shape][EQUALS]=x&filters[id][EQUALS]=t00";
    let message = port.get(unknown).await.flaws(&["sort", "filters[shape]"]);
    assert!(message.contains("one of id, name"), "{message}");
    let message = port.get("/api/v1/tenants?filters[id][REGEX]=x").await.flaws(&["filters[id][REGEX]"]);
    assert!(message.contains("STARTS_WITH"), "{message}");
}

#[tokio::test]
async fn one_of_two_writes_with_the_same_tag_wins() {
    let port = Port::start().await;
    let mut tag = port.post("/api/v1/tenants", &json!({"id": "acme"})).await.etag().to_owned();
    for _ in 0..10 {
        let write = |name: &str| {
            let body = json!({ "name": name });
            port.send(port.admin(Method::PUT, "/api/v1/tenants/acme").header("if-match", &tag).json(&body))
        };
        let (one, two) = tokio::join!(write("one"), write("two"));
        let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
        assert_eq!(won.status, 200, "{}", won.text);
        lost.refused(412);
        assert_eq!(port.get("/api/v1/tenants/acme").await.json()["name"], won.json()["name"]);
        tag = won.etag().to_owned();
    }
    let with = async |method: Method, tag: &str| {
        let request = port.admin(method, "/api/v1/tenants/acme").header("if-match", tag);
        port.send(request.json(&json!({}))).await
    };
    for stale in ["\"1\"", "W/\"1\"", "\"abc\""] {
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            with(method, stale).await.refused(412);
        }
    }
    with(Method::PUT, "42").await.refused(400);
    assert_eq!(with(Method::PUT, "*").await.status, 200);
    let tag = port.get("/api/v1/tenants/acme").await.etag().to_owned();
    assert_eq!(with(Method::DELETE, &format!("\"0\", {tag}")).await.status, 204);
    with(Method::PUT, "*").await.refused(404);
}

#[tokio::test]
async fn two_nodes_write_one_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let (one, store, published) = control(&dir);
    let two = Arc::new(Control::new(store.clone(), published, checker()).expect("the audit log"));
    let secret = || Secret::new(PASSWORD.to_owned());
    one.first_admin(None, Some(secret()), Timestamp::now()).await.expect("an admin");
    let (here, now) = (IpAddr::V4(Ipv4Addr::LOCALHOST), Timestamp::now());
    let authority = one.authenticate("admin", secret(), here, Instant::now()).await.expect("an admin");
    let new = NewTenant { id: id("acme"), admin: None, rest: TenantChange::default() };
    let made = one.create_tenant(&authority, new, now).await.expect("a tenant").version;
    let write = |control: Arc<Control>, name: String| {
        let name = Name::parse(name).expect("a name");
        let change = TenantChange { name: Some(Some(name)), ..TenantChange::default() };
        let authority = &authority;
        async move { control.change_tenant(authority, id("acme"), change, Seen::Any, now).await }
    };
    for nth in 0..50 {
        let (a, b) =
            tokio::join!(write(one.clone(), format!("a{nth}")), write(two.clone(), format!("b{nth}")));
        assert_ne!(a.expect("a").version, b.expect("b").version);
    }
    let end = one.tenant(&authority, id("acme")).await.expect("a tenant").version;
    assert_eq!(end, made + 100, "no write is lost, none is made twice");
}

#[tokio::test]
async fn a_write_is_answered_when_it_is_live() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Arc::new(Store::open(dir.path()).expect("a store"));
    let (_, mut commits) = store.follow(&[], drop).expect("the commits");
    let published = Published::new(Snapshot::new(Routes::new(&[]).into(), 0, []));
    let control = Control::new(store, published.clone(), checker()).expect("the audit log");
    let secret = || Secret::new(PASSWORD.to_owned());
    let publish = async |commits: &mut Commits| {
        let committed = commits.recv().await.expect("the commit");
        published.update(|snapshot| snapshot.after(committed.revision, &committed.changes));
    };
    let first = control.first_admin(None, Some(secret()), Timestamp::now());
    tokio::join!(first, publish(&mut commits)).0.expect("an admin");
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let authority = control.authenticate("admin", secret(), here, Instant::now()).await.expect("an admin");
    let new = NewTenant { id: id("acme"), admin: None, rest: TenantChange::default() };
    let mut write = pin!(control.create_tenant(&authority, new, Timestamp::now()));
    // Nothing is published meanwhile, so that this could only end too early.
    let early = tokio::time::timeout(Duration::from_millis(500), &mut write).await;
    assert!(early.is_err(), "answered before it is live");
    while published.load().tenants.get("acme").is_none() {
        publish(&mut commits).await;
    }
    assert_eq!(write.await.expect("a tenant").version, published.load().revision);
}

#[tokio::test]
async fn bodies_are_bounded_and_their_faults_told() {
    let port = Port::start().await;
    let post = |kind: &'static str, body: String| {
        let request = port.admin(Method::POST, "/api/v1/tenants");
        port.send(request.header("content-type", kind).body(body))
    };
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
    {
        post(kind, r#"{"id":"a"}"#.into()).await.refused(415);
    }
    port.send(port.admin(Method::POST, "/api/v1/tenants").body(r#"{"id":"a"}"#)).await.refused(415);
    for malformed in ["", "{", r#"{"id":"a"} x"#, r#"{"id":}"#, "\u{0}"] {
        post("application/json", malformed.into()).await.refused(400);
    }
    post("application/json", format!("{{\"id\":{}", "[".repeat(100_000))).await.refused(400);
    post("application/json", format!("{{\"x\":{}", "[".repeat(100_000))).await.refused(400);
    post("application/json", "[]".into()).await.flaws(&["body"]);
    post("application/json", r#"{"id":"a","id":"b"}"#.into()).await.flaws(&["body"]);
    let labels = r#"{"id":"a","labels":{"x":"1","x":"2"}}"#;
    assert!(post("application/json", labels.into()).await.flaws(&["body"]).contains("two members"));
    let large = |bytes: usize| format!("{{\"id\":\"big\"{}}}", " ".repeat(bytes - 12));
    assert_eq!(post("Application/JSON; charset=utf-8", large(256 * 1024)).await.status, 200);
    post("application/json", large(256 * 1024 + 1)).await.refused(413);
}

#[tokio::test]
async fn paths_and_methods_that_are_none() {
    let port = Port::start().await;
    for path in ["/", "/api/v1", "/api/v1/nothing", "/api/v1/tenants/a/b", "/api/v1/tenants/", "/-/ready/x"] {
        port.get(path).await.refused(404);
        port.send(port.anonymous(Method::GET, path)).await.refused(404);
    }
    port.get("/api/v1/tenants/%FF").await.refused(404);
    let answer = port.send(port.admin(Method::POST, "/api/v1/tenants/acme")).await;
    answer.refused(405);
    let allowed: BTreeSet<_> = answer.header("allow").split(',').map(str::trim).collect();
    assert_eq!(allowed, BTreeSet::from(["GET", "HEAD", "PUT", "PATCH", "DELETE"]));
    port.send(port.admin(Method::OPTIONS, "/api/v1/tenants")).await.refused(405);
    let two = port.anonymous(Method::GET, "/api/v1/me");
    let two = two.header("authorization", "Basic cm9vdDp4").header("authorization", "Basic cm9vdDp4");
    port.send(two).await.refused(400);
}

#[tokio::test]
async fn me_health_and_request_ids() {
    let port = Port::start().await;
    let me = port.get("/api/v1/me").await.json();
    assert_eq!(me["id"].as_str().map(str::len), Some(22));
    assert_eq!((&me["superAdmin"], &me["profile"]["username"]), (&json!(true), &json!(USER)));
    let open = async |path: &str| port.send(port.anonymous(Method::GET, path)).await;
    assert_eq!(open("/-/healthy").await.text, "healthy\n");
    assert_eq!(open("/-/ready").await.text, "ready\n");
    assert_eq!(open("/metrics").await.text, METRICS);
    let with_id = async |id: &str| {
        let request = port.anonymous(Method::GET, "/-/healthy").header("x-request-id", id);
        port.send(request).await.header("x-request-id").to_owned()
    };
    assert_eq!(with_id("abc-1").await, "abc-1");
    for strange in ["a b", "", &"x".repeat(129)] {
        let id = with_id(strange).await;
        assert!(id.len() == 16 && id != strange, "{id:?}");
    }
    let address = port.address;
    port.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn a_key_is_trusted_and_no_longer() {
    let port = Port::start().await;
    let pem = p256();
    let added = port.post("/api/v1/keys", &json!({"public_key": format!("\n{pem}\n")})).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let key = added.json();
    let path = format!("/api/v1/keys/{}", key["fingerprint"].as_str().expect("a text"));
    assert_eq!(added.header("location"), path);
    let expected = json!({
        "id": key["fingerprint"], "fingerprint": key["fingerprint"], "algorithm": "ES256", "kind": "P-256",
        "public_key": pem.replace("\r\n", "\n").trim(), "tenants": "all",
        "claim": {"name": "sub", "prefix": "tenant-"}, "issuer": null, "audience": null, "require_exp": true,
        "leeway": 0, "fallback": false, "grants": ["*"], "description": "", "created_at": key["created_at"],
    });
    assert_eq!(key, expected);
    let kid = key["id"].as_str().expect("an id");
    assert!(port.published.load().keys.get(None, kid).is_some(), "live when answered");
    assert_eq!(port.get(&path).await.json(), key);
    assert_eq!(port.get("/api/v1/keys").await.json(), json!({"results": [key], "total": 1}));
    let again = port.post("/api/v1/keys", &json!({"public_key": pem})).await.refused(409);
    assert_eq!(again, "key already in key set");

    let mut changed = key.clone();
    changed["leeway"] = json!("30s");
    changed["grants"] = json!(["metrics:read", "logs:read"]);
    changed["issuer"] = json!("https://id.example.com");
    let put = port.put(&path, &changed).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(put.json()["leeway"], 30);
    assert_eq!(put.json()["grants"], json!(["metrics:read", "logs:read"]));
    assert_eq!(put.json()["created_at"], key["created_at"]);
    let stale = port.admin(Method::PUT, &path).header("if-match", added.etag()).json(&json!({}));
    port.send(stale).await.refused(412);
    let other = json!({"public_key": p256(), "algorithm": "RS256", "id": kid});
    port.put(&path, &other).await.flaws(&["public_key", "algorithm"]);
    port.put(&path, &json!({"id": "other"})).await.flaws(&["id"]);

    assert_eq!(port.delete(&path).await.status, 204);
    assert!(port.published.load().keys.get(None, kid).is_none(), "gone when answered");
    port.delete(&path).await.refused(404);
    port.get(&path).await.refused(404);
    port.put(&path, &json!({})).await.refused(404);
}

#[tokio::test]
async fn jwks_bring_their_id_and_algorithm() {
    let port = Port::start().await;
    let mut jwk = ed25519_jwk();
    let named = port.post("/api/v1/keys", &json!({"public_key": jwk, "kid": "mine/1?"})).await;
    assert_eq!((named.status.as_u16(), &named.json()["algorithm"]), (201, &json!("EdDSA")));
    assert_eq!(named.header("location"), "/api/v1/keys/mine%2F1%3F");
    assert_eq!(port.get(named.header("location")).await.json()["id"], "mine/1?");
    jwk["kid"] = json!("own");
    jwk["alg"] = json!("EdDSA");
    let own = port.post("/api/v1/keys", &json!({"public_key": jwk.to_string()})).await;
    assert_eq!((own.status.as_u16(), &own.json()["id"]), (201, &json!("own")));
    port.post("/api/v1/keys", &json!({"public_key": jwk, "algorithm": "ES256", "id": "x"}))
        .await
        .flaws(&["algorithm"]);
    jwk["kty"] = json!("oct");
    port.post("/api/v1/keys", &json!({"public_key": jwk})).await.flaws(&["public_key"]);
}

#[tokio::test]
async fn every_key_id_can_be_named_by_a_path() {
    let port = Port::start().await;
    for id in [".", ".."] {
        port.post("/api/v1/keys", &json!({"id": id, "public_key": p256(), "tenants": "all"}))
            .await
            .flaws(&["id"]);
    }
    let made =
        port.post("/api/v1/keys", &json!({"id": "../...", "public_key": p256(), "tenants": "all"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(port.get(made.header("location")).await.json()["id"], "../...");
}

#[tokio::test]
async fn key_conditions_break_rules_that_are_named() {
    let port = Port::start().await;
    let bad = json!({
        "public_key": "no key", "id": "a b", "algorithm": "HS256", "tenants": ["acme", "WWW"],
        "claim": {"name": ""}, "issuer": "", "leeway": 61, "grants": ["metrics:own"], "color": "red",
    });
    let all =
        ["color", "public_key", "id", "algorithm", "tenants[1]", "claim.name", "issuer", "leeway", "grants"];
    port.post("/api/v1/keys", &bad).await.flaws(&all);
    port.post("/api/v1/keys", &json!({})).await.flaws(&["public_key"]);
    for (field, value) in [
        ("tenants", json!("some")),
        ("tenants", json!(5)),
        ("leeway", json!("1500ms")),
        ("public_key", json!(1)),
    ] {
        let mut body = json!({ "public_key": p256() });
        body[field] = value;
        port.post("/api/v1/keys", &body).await.flaws(&[field]);
    }
    let missing = json!({"public_key": p256(), "tenants": ["acme", "zeta"]});
    let message = port.post("/api/v1/keys", &missing).await.flaws(&["tenants", "tenants"]);
    assert!(message.contains("tenant \"zeta\" does not exist"), "{message}");
}

#[tokio::test]
async fn at_most_one_key_is_the_fallback() {
    let port = Port::start().await;
    let add = async |id: &str, fallback: bool| {
        port.post("/api/v1/keys", &json!({"id": id, "public_key": p256(), "fallback": fallback})).await
    };
    assert_eq!(add("one", true).await.status, 201);
    assert!(add("two", true).await.refused(409).contains("\"one\" is the fallback"));
    assert_eq!(add("two", false).await.status, 201);
    port.put("/api/v1/keys/two", &json!({"fallback": true})).await.refused(409);
    assert_eq!(port.put("/api/v1/keys/one", &json!({"fallback": true})).await.status, 200, "it is itself");
    assert_eq!(port.put("/api/v1/keys/one", &json!({"fallback": false})).await.status, 200);
    let become_fallback = |id: &'static str| {
        let (path, body) = (format!("/api/v1/keys/{id}"), json!({"fallback": true}));
        let port = &port;
        async move { port.put(&path, &body).await.status.as_u16() }
    };
    let (one, two) = tokio::join!(become_fallback("one"), become_fallback("two"));
    assert_eq!(BTreeSet::from([one, two]), BTreeSet::from([200, 409]));
}

#[tokio::test]
async fn a_deleted_tenant_is_taken_out_of_keys() {
    let port = Port::start().await;
    for id in ["acme", "beta"] {
        assert_eq!(port.post("/api/v1/tenants", &json!({ "id": id })).await.status, 200);
    }
    let body = json!({"id": "k", "public_key": p256(), "tenants": ["beta", "acme"]});
    assert_eq!(port.post("/api/v1/keys", &body).await.json()["tenants"], json!(["acme", "beta"]));
    assert_eq!(port.delete("/api/v1/tenants/acme").await.status, 204);
    assert_eq!(port.post("/api/v1/tenants", &json!({"id": "acme"})).await.status, 200);
    assert_eq!(port.get("/api/v1/keys/k").await.json()["tenants"], json!(["beta"]));
    let snapshot = port.published.load();
    let key = snapshot.keys.get(None, "k").expect("the key");
    assert!(!key.record.tenants.covers("acme") && key.record.tenants.covers("beta"));
}

#[tokio::test]
async fn guessing_ends_in_a_lock_and_who_is_known_is_unharmed() {
    let port = Port::start().await;
    assert_eq!(port.get("/api/v1/me").await.status, 200);
    let guess =
        |user: &'static str| port.send(port.anonymous(Method::GET, "/api/v1/me").basic_auth(user, Some("x")));
    for nth in 0..10 {
        guess(if nth % 2 == 0 { USER } else { "nobody" }).await.refused(401);
    }
    for user in [USER, "nobody", "another"] {
        let refused = guess(user).await;
        refused.refused(429);
        let wait: u64 = refused.header("retry-after").parse().expect("a number");
        assert!((1700..=1800).contains(&wait), "{wait}");
    }
    assert_eq!(port.get("/api/v1/me").await.status, 200, "who is known is unharmed");
}

#[tokio::test]
async fn no_secret_is_logged_or_kept() {
    let port = Port::start().await;
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let private = pair.serialize_pem();
    let added = port.post("/api/v1/keys", &json!({"id": "logged", "public_key": private})).await;
    assert_eq!((added.status.as_u16(), added.text.contains("PRIVATE")), (201, false));
    let wrong = format!("{PASSWORD}-almost");
    port.send(port.anonymous(Method::GET, "/api/v1/me").basic_auth(USER, Some(&wrong))).await.refused(401);
    let logged = logged();
    assert!(logged.contains("deed=Create resource=\"keys\" id=\"logged\""), "writes are logged: {logged}");
    assert!(logged.contains("sign-in refused"), "refused sign-ins are logged");
    let secret_line = private.lines().nth(1).expect("a line");
    for secret in [PASSWORD, "$argon2", "PRIVATE", secret_line] {
        assert!(!logged.contains(secret), "the log has a secret");
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_old_one() {
    let port = Port::start().await;
    assert_eq!(port.get("/api/v1/me").await.status, 200);
    let password_hash = password::hash(&Secret::new("another".to_owned())).expect("a hash");
    let account = port.published.load().users.get(USER).expect("the user").clone();
    let id = RecordId::User(account.principal.id());
    let user = port.store.find::<User>(&id).expect("reads").expect("the user").value;
    let renewed = User { password_hash: Some(password_hash), ..user };
    port.commit(vec![Change::Put(renewed.into())]).await;
    port.get("/api/v1/me").await.refused(401);
    let renewed = port.anonymous(Method::GET, "/api/v1/me").basic_auth(USER, Some("another"));
    assert_eq!(port.send(renewed).await.status, 200);
    port.commit(vec![Change::Delete(id)]).await;
    let gone = port.anonymous(Method::GET, "/api/v1/me").basic_auth(USER, Some("another"));
    port.send(gone).await.refused(401);
}

#[tokio::test]
async fn hanging_up_does_not_save_a_guess_from_being_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let (control, ..) = control(&dir);
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let start = Instant::now();
    for _ in 0..2000 {
        let guess = control.authenticate("nobody", Secret::new("x".to_owned()), here, start);
        // An attempt that is dropped while it waits for its turn costs nothing and need not count.
        if let Ok(Err(Fault::TooMany { .. })) = tokio::time::timeout(Duration::from_millis(2), guess).await {
            return;
        }
    }
    panic!("guesses that hung up were not counted");
}

#[tokio::test]
async fn more_logins_than_can_wait_are_put_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let (control, ..) = control(&dir);
    let guesses = (0..100).map(|nth: u8| {
        let control = control.clone();
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, nth));
        async move {
            let password = Secret::new(format!("x{nth}"));
            control.authenticate("nobody", password, address, Instant::now()).await.err()
        }
    });
    let guesses: Vec<_> = guesses.map(tokio::spawn).collect();
    let mut busy = 0;
    for guess in guesses {
        match guess.await.expect("no panic") {
            Some(Fault::Busy) => busy += 1,
            Some(Fault::Unauthenticated) => {}
            _ => panic!("a guess was neither wrong nor put off"),
        }
    }
    assert!((1..=34).contains(&busy), "{busy}");
}

#[tokio::test]
async fn the_first_admin_is_made_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (control, ..) = control(&dir);
    let now = Timestamp::now();
    let short = control.first_admin(None, Some(Secret::new("short".to_owned())), now).await;
    assert!(matches!(short, Err(Fault::Invalid(flaws)) if flaws.0[0].field == "password"));
    let colon = control.first_admin(Some("a:b".to_owned()), None, now).await;
    assert!(matches!(colon, Err(Fault::Invalid(flaws)) if flaws.0[0].field == "user"));
    let Ok(Some((name, drawn))) = control.first_admin(None, None, now).await else { panic!("an admin") };
    assert_eq!((name.as_str(), drawn.reveal().len()), ("admin", 26));
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let authority =
        control.authenticate("admin", drawn, here, Instant::now()).await.expect("the drawn password");
    assert_eq!(authority.who(), "admin");
    assert!(matches!(control.first_admin(Some("second".to_owned()), None, now).await, Ok(None)));
}

#[tokio::test]
async fn a_tenants_token_may_ask_who_it_is_and_see_its_tenant() {
    let port = Port::start().await;
    let signer = Signer::generate(KeypairKind::P256).expect("a key");
    let key = json!({"public_key": signer.public().pem(), "grants": ["metrics:write"]});
    assert_eq!(port.post("/api/v1/keys", &key).await.status, 201);
    let exp = Timestamp::now().seconds() + 600;
    let token = signer.sign(&json!({"sub": "tenant-acme", "exp": exp})).expect("a token");
    let bearer = format!("Bearer {token}");
    let ask = |path: &str| port.anonymous(Method::GET, path).header("authorization", &bearer);
    port.send(ask("/api/v1/me")).await.refused(401);
    assert_eq!(port.post("/api/v1/tenants", &json!({"id": "acme"})).await.status, 200);
    let me = port.send(ask("/api/v1/me")).await.json();
    assert_eq!((&me["id"], &me["superAdmin"]), (&json!("acme"), &json!(false)));
    assert_eq!(me["token"]["grants"], json!(["metrics:write"]));
    assert_eq!(me["token"]["expires_at"], json!(Timestamp::from_seconds(exp).to_string()));
    assert_eq!(port.post("/api/v1/tenants", &json!({"id": "beta"})).await.status, 200);
    let own = port.send(ask("/api/v1/tenants")).await.json();
    assert_eq!((&own["total"], &own["results"][0]["id"]), (&json!(1), &json!("acme")));
    assert!(own["results"][0].get("options").is_none(), "where its back ends are is no business of this key");
    assert_eq!(port.send(ask("/api/v1/tenants/acme")).await.status, 200);
    port.send(ask("/api/v1/tenants/beta")).await.refused(404);
    port.send(ask("/api/v1/keys")).await.refused(403);
}

#[tokio::test]
async fn no_tenant_is_called_as_a_word_of_our_paths() {
    let port = Port::start().await;
    for path in port.document()["paths"].as_object().expect("paths").keys() {
        let rest = path.strip_prefix("/api/v1/").unwrap_or(path.trim_start_matches('/'));
        let mut words = rest.strip_prefix("tenants/").into_iter().chain([rest]);
        let word = |rest: &str| rest.split('/').next().expect("one at least").to_owned();
        let taken = words.find(|rest| !rest.starts_with('{') && TenantId::parse(&word(rest)).is_ok());
        assert_eq!(taken, None, "{path}");
    }
}
