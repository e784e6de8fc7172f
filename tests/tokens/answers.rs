//! What callers without a good credential are told: the same, whatever was wrong and whoever exists.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::json;
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::token::opstrace_token;
use tenantry::model::Timestamp;

use crate::support::door::{Door, timeless};
use crate::support::forge::{Forge, good, part};
use crate::support::gateway::now;
use crate::support::raw::status;

/// A faulty token of every kind, for a tenant.
fn faulty(forge: &Forge, tenant: &str) -> Vec<(&'static str, String)> {
    let good = good(tenant);
    let but = |name: &str, value: serde_json::Value| {
        let mut payload = good.clone();
        payload[name] = value;
        forge.claims(&payload.to_string())
    };
    let unknown = Forge::new(KeypairKind::P256);
    vec![
        ("malformed", "abc".to_owned()),
        ("too long", "a".repeat(17_000)),
        (
            "extension",
            forge.token(
                &json!({ "alg": "ES256", "kid": forge.kid(), "crit": ["x"] }).to_string(),
                &good.to_string(),
            ),
        ),
        ("no kid", forge.token(r#"{"alg":"ES256"}"#, &good.to_string())),
        ("unknown key", unknown.claims(&good.to_string())),
        (
            "algorithm",
            forge.token(&json!({ "alg": "HS256", "kid": forge.kid() }).to_string(), &good.to_string()),
        ),
        ("expired", but("exp", (now() - 60).into())),
        ("no exp", forge.claims(&json!({ "sub": good["sub"] }).to_string())),
        ("not yet", but("nbf", (now() + 600).into())),
        ("no tenant", but("sub", "nobody".into())),
        ("other tenant", but("sub", "tenant-someone-else".into())),
        ("signature", unknown.token(&forge.header().to_string(), &good.to_string())),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_tokens_sound_alike() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    let bound = Forge::new(KeypairKind::P256);
    door.trust(&bound, json!({ "issuer": "i", "audience": "a", "tenants": [] })).await;
    let of = |iss: &str, aud: &str| {
        let mut payload = good("acme");
        (payload["iss"], payload["aud"]) = (iss.into(), aud.into());
        bound.claims(&payload.to_string())
    };
    let mut tokens = faulty(&forge, "acme");
    tokens.extend([("issuer", of("x", "a")), ("audience", of("i", "x")), ("key scope", of("i", "a"))]);
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let mut values: Vec<(&str, String)> =
        tokens.iter().map(|(what, token)| (*what, format!("Bearer {token}"))).collect();
    values.extend(
        tokens
            .iter()
            .filter(|(_, token)| token.len() < 10_000)
            .map(|(what, token)| (*what, basic(&format!("u:{token}")))),
    );
    let token = forge.claims(&good("acme").to_string());
    values.extend([
        ("scheme alone", "Bearer".to_owned()),
        ("another scheme", format!("Digest {token}")),
        ("no scheme", token.clone()),
        ("the scheme glued on", format!("Bearer{token}")),
        ("the scheme behind something", format!("xBearer {token}")),
        ("Token", format!("Token {token}")),
        ("Basic, no base64", "Basic !!!".to_owned()),
        ("Basic, no colon", basic("abc")),
        ("Basic, no password", basic("user:")),
        ("Basic, the token as user", basic(&format!("{token}:"))),
        ("Basic, a bearer in it", basic(&format!("u:Bearer {token}"))),
    ]);
    let mut answers = Vec::new();
    for (what, value) in &values {
        let line = format!("Authorization: {value}\r\n");
        answers.push((what, timeless(&door.ask("GET /t/acme/x", "a", &line).await)));
    }
    let (_, first) = &answers[0];
    assert_eq!(status(first), 401);
    let (head, body) = first.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body, "bad authentication token\n");
    let head = head.to_lowercase();
    assert!(head.contains("\r\nwww-authenticate: bearer error=\"invalid_token\""), "{head}");
    assert!(head.contains("\r\ncontent-type: text/plain; charset=utf-8"), "{head}");
    // Those who came with Basic are offered that as well.
    let offer = "\r\nwww-authenticate: Basic realm=\"tenantry\", charset=\"UTF-8\"";
    for ((what, value), (_, answer)) in values.iter().zip(&answers) {
        assert_eq!(answer.replacen(offer, "", 1), *first, "{what}");
        assert_eq!(answer.contains(offer), value.starts_with("Basic "), "{what}");
    }
    assert!(door.upstream.seen().is_empty());
    // The log knows better.
    let lines = door.running.log(answers.len()).await;
    let reasons: std::collections::BTreeSet<_> =
        lines.iter().map(|line| line["reason"].to_string()).collect();
    assert_eq!(reasons.len(), 17, "{reasons:?}");
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_credential_is_told_so() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    for line in ["", "Authorization:\r\n", "Authorization:   \r\n", "Proxy-Authorization: Bearer x\r\n"] {
        let answer = door.ask("GET /t/acme/x", "a", line).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!((status(head), body), (401, "Authorization header missing\n"), "{line:?}");
        assert!(head.to_lowercase().contains("\r\nwww-authenticate: bearer\r\n"), "{line:?}: {head}");
    }
    // Nor does a credential count anywhere else.
    let token = forge.claims(&good("acme").to_string());
    for query in [format!("?access_token={token}"), format!("?api_key={token}"), format!("?token={token}")] {
        let cookie = format!("Cookie: token={token}\r\n");
        let answer = door.ask(&format!("GET /t/acme/x{query}"), "a", &cookie).await;
        assert_eq!(status(&answer), 401, "{query}");
    }
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_are_one_too_many() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    let good = format!("Bearer {}", forge.claims(&good("acme").to_string()));
    for lines in [
        format!("Authorization: {good}\r\nAuthorization: {good}\r\n"),
        format!("Authorization: {good}\r\nauthorization: Bearer x\r\n"),
        format!("Authorization: Bearer x\r\nAUTHORIZATION: {good}\r\n"),
        format!("Authorization: Basic eDp4\r\nAuthorization: {good}\r\n"),
        format!("Authorization:\r\nAuthorization: {good}\r\n"),
        format!("Authorization: {good}\r\nAuthorization:\r\n"),
        format!("Authorization: {good}, {good}\r\n"),
        format!("Authorization: {good},\r\n"),
        format!("Authorization: ,{good}\r\n"),
        format!("Authorization: Basic eDp4, {good}\r\n"),
        format!("Authorization: {good}, Basic eDp4\r\n"),
    ] {
        assert_eq!(status(&door.ask("GET /t/acme/x", "a", &lines).await), 400, "{lines:.60}");
        let request = lines.lines().filter_map(|line| line.split_once(':'));
        let request = request.fold(http::Request::get("http://a/t/acme/x"), |request, (name, value)| {
            request.header(name.to_lowercase(), value.trim())
        });
        let request = request.version(http::Version::HTTP_2).body(()).expect("a request");
        let answer = crate::support::h2::send(door.address(), request).await.expect("an answer");
        assert_eq!(answer.status, 400, "h2, {lines:.60}");
    }
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_tell_which_tenants_exist() {
    let forge = Forge::new(KeypairKind::P256);
    // As long as each other, and as the one that was deleted.
    let (there, never, gone) = ("tenant-a", "tenant-b", "tenant-c");
    for api in ["read-write", "cortex", "loki"] {
        let door = Door::open(api).await;
        for tenant in [there, gone] {
            door.running.create_tenant(tenant).await;
        }
        door.trust(&forge, json!({})).await;
        door.api(reqwest::Method::DELETE, &format!("/tenants/{gone}"), None).await;
        let mut credentials = vec![String::new(), "Authorization: \r\n".to_owned()];
        // One's own for none of the three, and every faulty one for each of them.
        let own = forge.claims(&good("tenant-d").to_string());
        credentials.push(format!("Authorization: Bearer {own}\r\n"));
        for claimed in [there, never, gone] {
            let tokens = faulty(&forge, claimed).into_iter().filter(|(what, _)| *what != "other tenant");
            credentials.extend(tokens.map(|(_, token)| format!("Authorization: Bearer {token}\r\n")));
        }
        for credential in credentials {
            for (method, path) in
                [("GET", "/x"), ("HEAD", ""), ("POST", "/api/v1/push"), ("OPTIONS", "/loki/api/v1/labels")]
            {
                let ask = async |tenant: &str, by_host: bool| {
                    let (host, prefix) = match by_host {
                        true => (format!("{tenant}.example.com"), "/".to_owned()),
                        false => ("a".to_owned(), format!("/t/{tenant}")),
                    };
                    let path = format!("{}{path}", prefix.trim_end_matches('/'));
                    let path = if path.is_empty() { "/" } else { &path };
                    timeless(&door.ask(&format!("{method} {path}"), &host, &credential).await)
                };
                for by_host in [true, false] {
                    let answer = ask(there, by_host).await;
                    assert!(matches!(status(&answer), 401 | 404 | 405), "{answer}");
                    for other in [never, gone] {
                        assert_eq!(
                            ask(other, by_host).await,
                            answer,
                            "{api} {method} {path} {credential:.80}"
                        );
                    }
                }
            }
        }
        assert!(door.upstream.seen().is_empty());
        door.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opstraces_tokens_work_unchanged() {
    let forge = Forge::new(KeypairKind::Rsa2048);
    let door = Door::with(&forge, &["acme"]).await;
    let file = door.running.dir.path().join("keypair.pem");
    std::fs::write(&file, forge.pem()).expect("written");
    let token = opstrace_token("instance", "acme", &file, Timestamp::now()).expect("a token");
    assert!(token.starts_with(&part(format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{}"}}"#, forge.kid()))));
    door.admits("acme", &token, "bearer").await;
    let any = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for value in [
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("Bearer  {token}"),
        any(&format!("user:{token}")),
        any(&format!(":{token}")),
        any(&format!("any user at all:{token}")),
        format!("basic {}", STANDARD_NO_PAD.encode(format!("u:{token}"))),
    ] {
        let answer = door.get("acme", Some(&value)).await;
        assert_eq!(answer.status, 200, "{value:.20}");
        assert!(door.upstream.last().header("authorization").is_empty());
    }
    for value in [any(&format!("{token}:x")), any(&format!("u:{token} ")), any(&token)] {
        door.get("acme", Some(&value)).await.is_bad_token(&value);
    }
    let other = opstrace_token("instance", "globex", &file, Timestamp::now()).expect("a token");
    door.refuses("acme", &other, "another tenant's").await;
    // The first generation had no kid.
    let first = forge.token(r#"{"alg":"RS256","typ":"JWT"}"#, &good("acme").to_string());
    door.refuses("acme", &first, "first generation, no fallback").await;
    let path = format!("/keys/{}", forge.kid());
    door.api(reqwest::Method::PUT, &path, Some(json!({ "fallback": true }))).await;
    door.admits("acme", &first, "first generation").await;
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_of_a_key_bound_what_its_tokens_do() {
    let (reader, writer) = (Forge::new(KeypairKind::Ed25519), Forge::new(KeypairKind::Ed25519));
    let door = Door::open("read-write").await;
    door.running.create_tenant("acme").await;
    door.trust(&reader, json!({ "grants": ["data:read"] })).await;
    door.trust(&writer, json!({ "grants": ["data:write"] })).await;
    for (forge, method, expected) in [
        (&reader, "GET", 200),
        (&reader, "HEAD", 200),
        (&reader, "POST", 403),
        (&reader, "DELETE", 403),
        (&reader, "OPTIONS", 403),
        (&writer, "GET", 403),
        (&writer, "PUT", 200),
    ] {
        let token = forge.claims(&good("acme").to_string());
        let lines = format!("Authorization: Bearer {token}\r\nX-HTTP-Method-Override: GET\r\n");
        let answer = door.ask(&format!("{method} /t/acme/x"), "a", &lines).await;
        assert_eq!(status(&answer), expected, "{method}");
        let told = answer.to_lowercase().contains("www-authenticate: bearer error=\"insufficient_scope\"");
        assert_eq!(told, expected == 403, "{answer}");
    }
    assert_eq!(door.upstream.seen().len(), 3);
    door.running.stop().await;
}
