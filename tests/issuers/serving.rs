//! Tokens of identity providers on the data plane: believed while the provider's keys say so, and
//! never more than the issuer's terms allow.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::model::{Algorithm, KeyId};

use crate::idp::{Idp, Reply};
use crate::scene::{ALLOWED, Scene, public};
use crate::support::forge::{Forge, hs, message, part};

fn signer(kind: KeypairKind) -> Signer {
    Signer::generate(kind).expect("a key")
}

fn p256() -> Signer {
    signer(KeypairKind::P256)
}

fn edited(mut value: Value, name: &str, to: Value) -> Value {
    value[name] = to;
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_discovered_issuer_are_believed_on_its_terms() {
    let scene = Scene::new(ALLOWED).await;
    let (p256, ed) = (p256(), signer(KeypairKind::Ed25519));
    let pss = Signer::read(Forge::new(KeypairKind::Rsa2048).pem()).expect("a key");
    let pss = pss.with_algorithm(Algorithm::PS256).expect("it fits");
    scene.publish_all(vec![public(&p256), public(&ed), edited(public(&pss), "alg", json!("PS256"))]);
    let made = scene.trust("/issuers", json!({ "audience": "gateway", "role": "viewer" })).await;
    assert_eq!(
        (&made["role"], &made["tenant"], &made["jwks_url"]),
        (&json!("viewer"), &json!(null), &json!(null))
    );
    let held = scene.held("/issuers/idp", 3).await;
    assert_eq!((&held["error"], &held["failures"], &held["skipped"]), (&json!(null), &json!(0), &json!([])));
    let good = |tenant: &str| edited(scene.claims(tenant), "aud", json!(["x", "gateway"]));
    for signer in [&p256, &ed, &pss] {
        for tenant in ["acme", "globex"] {
            let token = signer.sign(&good(tenant)).expect("a token");
            assert_eq!(scene.get(tenant, &token).await, 200, "{}", signer.algorithm());
            assert_eq!(scene.upstream.last().header("x-scope-orgid"), [tenant]);
            assert_eq!(scene.ask(Method::POST, tenant, &token).await, 403);
        }
    }
    let refused = async |claims: Value| {
        let token = p256.sign(&claims).expect("a token");
        assert_eq!(scene.get("acme", &token).await, 401, "{claims}");
    };
    refused(good("globex")).await;
    refused(scene.claims("acme")).await;
    refused(edited(good("acme"), "aud", json!("other"))).await;
    refused(edited(good("acme"), "exp", json!(1))).await;
    refused(edited(good("acme"), "iss", json!(format!("{}/", scene.issuer())))).await;
    refused(edited(good("acme"), "iss", json!(null))).await;
    refused(json!({ "sub": "tenant-acme", "aud": "gateway", "exp": good("acme")["exp"] })).await;
    let rs256 = pss.with_algorithm(Algorithm::RS256).expect("it fits");
    assert_eq!(
        scene.get("acme", &rs256.sign(&good("acme")).expect("a token")).await,
        401,
        "not its algorithm"
    );
    let nameless = p256.with_key_id(None).sign(&good("acme")).expect("a token");
    assert_eq!(scene.get("acme", &nameless).await, 401);
    assert_eq!(scene.api(Method::DELETE, "/issuers/idp", json!(null)).await.0, 204);
    assert_eq!(scene.get("acme", &ed.sign(&good("acme")).expect("a token")).await, 401);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_is_followed_and_withdrawn_keys_end_after_their_grace() {
    let scene = Scene::new(ALLOWED).await;
    let (old, new) = (p256(), p256());
    scene.publish(&[&old]);
    scene.trust("/issuers", json!({})).await;
    scene.held("/issuers/idp", 1).await;
    assert_eq!(scene.get("acme", &scene.token(&old, "acme")).await, 200);
    scene.publish(&[&new]);
    let (new, old) = (scene.token(&new, "acme"), scene.token(&old, "acme"));
    assert_eq!(scene.get("acme", &new).await, 401, "nobody knows it yet");
    // That very token has made the gateway look, as soon as it may.
    let held = scene.held("/issuers/idp", 2).await;
    let until = held["keys"].as_array().expect("keys").iter().filter(|key| !key["until"].is_null()).count();
    assert_eq!(until, 1, "{held}");
    let begun = Instant::now();
    assert_eq!((scene.get("acme", &new).await, scene.get("acme", &old).await), (200, 200));
    while scene.get("acme", &old).await == 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the grace never ends");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(1), "it had a grace of 3 s: {:?}", begun.elapsed());
    assert_eq!(scene.get("acme", &new).await, 200);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unknown_kids_make_one_fetch_an_interval() {
    const CALLERS: usize = 20;
    const EACH: usize = 500;
    let scene = Scene::new(ALLOWED).await;
    let good = p256();
    scene.publish(&[&good]);
    scene.trust("/issuers", json!({})).await;
    scene.held("/issuers/idp", 1).await;
    let (begun, before) = (Instant::now(), scene.fetches());
    let payload = part(scene.claims("acme").to_string());
    let calls = (0..CALLERS).map(|caller| {
        let (http, payload) = (scene.running.http.clone(), payload.clone());
        let url = format!("http://{}/t/acme/x", scene.running.proxy);
        tokio::spawn(async move {
            for nth in 0..EACH {
                let header = part(json!({ "alg": "ES256", "kid": format!("{caller}-{nth}") }).to_string());
                let token = format!("{header}.{payload}.{}", part([7; 64]));
                let answer = http.get(&url).bearer_auth(token).send().await.expect("an answer");
                assert_eq!(answer.status(), 401);
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("it ran");
    }
    // The shortest interval is a second; one fetch more may be under way.
    let made = scene.fetches() - before;
    let most = usize::try_from(begun.elapsed().as_secs()).expect("few") + 1;
    assert!(made <= most, "{made} fetches in {:?}", begun.elapsed());
    // And that it is not deaf: one comes.
    while scene.fetches() == before {
        assert!(begun.elapsed() < Duration::from_secs(60), "no fetch at all");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(scene.get("acme", &scene.token(&good, "acme")).await, 200);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_trusted_while_the_provider_is_away_and_after_a_restart() {
    let mut scene = Scene::new(ALLOWED).await;
    let key = p256();
    scene.publish(&[&key]);
    scene.trust("/issuers", json!({ "refresh": {"interval": 1, "min_interval": 1} })).await;
    let fetched = scene.held("/issuers/idp", 1).await["fetched_at"].clone();
    let token = scene.token(&key, "acme");
    scene.idp.put("/jwks", Reply::status("503 Service Unavailable"));
    let down = scene.once("/issuers/idp", |issuer| issuer["failures"] == 2).await;
    assert!(down["error"].as_str().is_some_and(|error| error.contains("/jwks: answered 503")), "{down}");
    // An answer that is no key set takes no key away either.
    for nonsense in ["{\"keys\": 7}", "<html>", "[]"] {
        scene.idp.put("/jwks", Reply::text(nonsense));
        scene.once("/issuers/idp", |issuer| issuer["error"].to_string().contains("a JWK set")).await;
        assert_eq!(scene.get("acme", &token).await, 200);
        scene.idp.put("/jwks", Reply::status("500 Oops"));
        scene.once("/issuers/idp", |issuer| issuer["error"].to_string().contains("500")).await;
    }
    // Gone altogether, and the gateway starts anew.
    scene.idp.put("/jwks", Reply::Raw(Vec::new()));
    scene.idp.put("/idp/.well-known/openid-configuration", Reply::Raw(Vec::new()));
    scene = scene.restart(ALLOWED).await;
    assert_eq!(scene.get("acme", &token).await, 200);
    let down = scene.once("/issuers/idp", |issuer| !issuer["error"].is_null()).await;
    assert!(down["fetched_at"].as_str() >= fetched.as_str() && down["keys"][0]["until"].is_null(), "{down}");
    assert_eq!(scene.get("acme", &scene.token(&key, "globex")).await, 401);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_private_keys_in_a_set_are_trusted_by_nobody() {
    let scene = Scene::new(ALLOWED).await;
    let (good, leaked, twin, other) = (p256(), p256(), p256(), p256());
    let secret = b"a secret that the whole world can read";
    let symmetric = json!({ "kty": "oct", "kid": "oct", "alg": "HS256", "k": part(secret) });
    let private = edited(public(&leaked), "d", json!("AAAA"));
    let twins = [&twin, &other].map(|signer| edited(public(signer), "kid", json!("twin")));
    let encryption = edited(edited(public(&other), "use", json!("enc")), "kid", json!("enc"));
    let nameless = edited(public(&other), "kid", json!(null));
    let all = [vec![public(&good), symmetric, private, encryption, nameless], twins.to_vec()].concat();
    scene.publish_all(all);
    scene.trust("/issuers", json!({})).await;
    let held = scene.held("/issuers/idp", 1).await;
    assert_eq!(held["skipped"].as_array().map(Vec::len), Some(6), "{held}");
    assert_eq!(scene.get("acme", &scene.token(&good, "acme")).await, 200);
    let named = |signer: Signer, kid: &str| {
        let signer = signer.with_key_id(KeyId::parse(kid));
        scene.token(&signer, "acme")
    };
    let claims = scene.claims("acme").to_string();
    let text = message(&json!({ "alg": "HS256", "kid": "oct" }).to_string(), &claims);
    let mac = format!("{text}.{}", part(hs("HS256", secret, &text)));
    let kid = leaked.key_id().expect("an id").to_string();
    for (what, token) in [
        ("a secret", mac),
        ("a private key", named(leaked, &kid)),
        ("one of two", named(twin, "twin")),
        ("for encryption", named(other, "enc")),
    ] {
        assert_eq!(scene.get("acme", &token).await, 401, "{what}");
    }
    scene.running.stop().await;
}

/// The error of an issuer that cannot be fetched.
async fn error(scene: &Scene, path: &str) -> String {
    let issuer = scene.once(path, |issuer| !issuer["error"].is_null()).await;
    assert_eq!((&issuer["keys"], &issuer["fetched_at"]), (&json!([]), &json!(null)));
    issuer["error"].as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_from_where_it_should_not_be() {
    let scene = Scene::new(ALLOWED).await;
    let (key, other) = (p256(), Idp::new().await);
    scene.publish(&[&key]);
    let moved = format!("302 Found\r\nlocation: {}", other.url("/jwks"));
    scene.idp.put("/moved", Reply::status(&moved));
    let trust = async |id: &str, more: Value| {
        scene.trust("/issuers", edited(edited(more, "id", json!(id)), "audience", json!("x"))).await;
        error(&scene, &format!("/issuers/{id}")).await
    };
    let jwks = |path: &str| json!({ "issuer": path, "jwks_url": scene.idp.url(path) });
    assert!(trust("moved", jwks("/moved")).await.contains("redirects are not followed"));
    let plain = format!("http://{}/jwks", scene.idp.address);
    assert!(trust("plain", json!({ "issuer": "p", "jwks_url": plain })).await.contains("use https://"));
    let stranger = json!({ "issuer": "s", "jwks_url": other.url("/jwks") });
    assert!(trust("stranger", stranger).await.contains("TLS failed"));
    for (id, host) in
        [("cloud", "169.254.169.254"), ("private", "10.0.0.1"), ("wrapped", "[::ffff:10.0.0.1]")]
    {
        let form = json!({ "issuer": id, "jwks_url": format!("https://{host}/jwks") });
        assert!(trust(id, form).await.contains("which is not dialled"), "{id}");
    }
    // A description must be the issuer's own, and its keys as well guarded as itself.
    let describe = |path: &str, issuer: &str, keys: &str| {
        let place = format!("{path}/.well-known/openid-configuration");
        scene.idp.put(&place, Reply::text(&json!({ "issuer": issuer, "jwks_uri": keys }).to_string()));
        json!({ "issuer": scene.idp.url(path) })
    };
    let form = describe("/liar", &scene.issuer(), &scene.idp.url("/jwks"));
    assert!(trust("liar", form).await.contains("another issuer's"));
    let form = describe("/open", &scene.idp.url("/open"), &plain);
    assert!(trust("open", form).await.contains("http://"));
    let form = describe("/file", &scene.idp.url("/file"), "file:///etc/passwd");
    assert!(trust("file", form).await.contains("https://"));
    assert_eq!(other.asked().len(), 0);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_is_not_dialled_unless_the_operator_says_so() {
    let scene = Scene::new("allow_http: true").await;
    scene.publish(&[&p256()]);
    scene.trust("/issuers", json!({})).await;
    assert!(error(&scene, "/issuers/idp").await.contains("(loopback)"));
    let plain = format!("http://{}/jwks", scene.idp.address);
    scene.trust("/acme/issuers", json!({ "jwks_url": plain })).await;
    let told = error(&scene, "/acme/issuers/idp").await;
    assert!(told.contains("cannot be reached at a public address") && !told.contains("(loopback)"), "{told}");
    assert_eq!(scene.idp.dialled(), 0);
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_issuer_speaks_for_that_tenant_alone() {
    let scene = Scene::new(ALLOWED).await;
    let key = p256();
    scene.publish(&[&key]);
    let shown = scene.trust("/acme/issuers", json!({ "role": "writer" })).await;
    assert_eq!((&shown["tenant"], &shown["role"]), (&json!("acme"), &json!("writer_acme")));
    scene.held("/acme/issuers/idp", 1).await;
    let (acme, globex) = (scene.token(&key, "acme"), scene.token(&key, "globex"));
    assert_eq!((scene.get("acme", &acme).await, scene.ask(Method::POST, "acme", &acme).await), (403, 200));
    assert_eq!((scene.get("globex", &globex).await, scene.get("acme", &globex).await), (401, 401));
    // The same provider for the instance: the tenant's own terms come first, for that tenant.
    scene.trust("/issuers", json!({ "tenants": ["globex"], "role": "viewer" })).await;
    scene.held("/issuers/idp", 1).await;
    assert_eq!(
        (scene.get("globex", &globex).await, scene.ask(Method::POST, "globex", &globex).await),
        (200, 403)
    );
    assert_eq!((scene.get("acme", &acme).await, scene.ask(Method::POST, "acme", &acme).await), (403, 200));
    assert_eq!(scene.api(Method::DELETE, "/acme/issuers/idp", json!(null)).await.0, 204);
    assert_eq!(scene.ask(Method::POST, "acme", &acme).await, 401, "the instance's is for globex");
    // A tenant takes its issuers along, and its name out of others'.
    scene.trust("/globex/issuers", json!({})).await;
    scene.held("/globex/issuers/idp", 1).await;
    assert_eq!(scene.api(Method::DELETE, "/tenants/globex", json!(null)).await.0, 204);
    scene.running.create_tenant("globex").await;
    assert_eq!(scene.get("globex", &globex).await, 401);
    assert_eq!(scene.api(Method::GET, "/globex/issuers", json!(null)).await.1["total"], 0);
    assert_eq!(scene.api(Method::GET, "/issuers/idp", json!(null)).await.1["tenants"], json!([]));
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_narrow_what_a_role_gives() {
    let scene = Scene::new(ALLOWED).await;
    let key = p256();
    scene.publish(&[&key]);
    scene.trust("/issuers", json!({ "scopes_claim": "scp" })).await;
    scene.held("/issuers/idp", 1).await;
    for (scopes, get, post) in [
        (json!("openid data:read"), 200, 403),
        (json!(["data:write", "offline_access"]), 403, 200),
        (json!("*"), 200, 200),
        (json!("TENANT:READ"), 403, 403),
        (json!(""), 403, 403),
        (json!(null), 401, 401),
        (json!(7), 401, 401),
    ] {
        let token = key.sign(&edited(scene.claims("acme"), "scp", scopes.clone())).expect("a token");
        let found = (scene.get("acme", &token).await, scene.ask(Method::POST, "acme", &token).await);
        assert_eq!(found, (get, post), "{scopes}");
    }
    assert_eq!(scene.get("acme", &scene.token(&key, "acme")).await, 403, "no claim, no rights");
    scene.running.stop().await;
}
