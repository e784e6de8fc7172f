//! Truly signed tokens: what their claims must say, and how strictly they are read.

use serde_json::{Value, json};
use tenantry::cli::keypair::KeypairKind;
use tenantry::model::{Algorithm, KeyId};

use crate::support::door::Door;
use crate::support::forge::{Forge, good, jwk, part};
use crate::support::gateway::now;
use crate::support::raw;

/// A good token's payload with one member written as it is given.
fn with(name: &str, value: &str) -> String {
    let mut payload = good("acme");
    payload.as_object_mut().expect("an object").remove(name);
    let rest = payload.to_string();
    format!(r#"{},"{name}":{value}}}"#, rest.trim_end_matches('}'))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_is_accepted_with_every_form_of_its_key() {
    let door = Door::open("read-write").await;
    door.running.create_tenant("acme").await;
    let mut seen = 0;
    for kind in [KeypairKind::Rsa2048, KeypairKind::P256, KeypairKind::P384, KeypairKind::Ed25519] {
        let forge = Forge::new(kind);
        let mut forms = vec![
            ("SPKI", json!(forge.public().pem())),
            ("SPKI with CRLF", json!(format!("\r\n{}\r\n", forge.public().pem().replace('\n', "\r\n")))),
            ("PKCS#8", json!(forge.pem())),
            ("JWK", jwk(forge.public())),
            ("JWK as a text", json!(jwk(forge.public()).to_string())),
        ];
        if kind == KeypairKind::Rsa2048 {
            use rsa::pkcs1::EncodeRsaPublicKey as _;
            use rsa::pkcs8::{DecodePublicKey as _, LineEnding};
            let key = rsa::RsaPublicKey::from_public_key_der(forge.public().der()).expect("an RSA key");
            forms.push(("PKCS#1", json!(key.to_pkcs1_pem(LineEnding::LF).expect("PEM"))));
        }
        for algorithm in Algorithm::ALL.into_iter().filter(|alg| alg.fits(forge.public().kind())) {
            for (form, material) in &forms {
                seen += 1;
                let id = format!("key-{seen}");
                let body = json!({ "id": id, "public_key": material, "algorithm": algorithm.as_str() });
                door.api(reqwest::Method::POST, "/keys", Some(body)).await;
                let signer = forge.signer().with_algorithm(algorithm).expect("it fits");
                let signer = signer.with_key_id(KeyId::parse(&id));
                let token = signer.sign(&good("acme")).expect("a token");
                door.admits("acme", &token, &format!("{algorithm} with {form}")).await;
            }
        }
    }
    assert_eq!(seen, 6 * 6 + 3 * 5);
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_of_wrong_types_are_refused_and_never_taken_for_missing() {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme"]).await;
    let lax = Forge::new(KeypairKind::Ed25519);
    door.trust(&lax, json!({ "require_exp": false })).await;
    let (past, ahead) = (now() - 60, now() + 3600);
    for name in ["exp", "nbf", "iat"] {
        // What would be right as a number.
        let right = if name == "exp" { ahead } else { past };
        for value in [
            format!(r#""{right}""#),
            r#""""#.to_owned(),
            "true".to_owned(),
            "false".to_owned(),
            "null".to_owned(),
            format!("[{right}]"),
            "[]".to_owned(),
            "{}".to_owned(),
            format!(r#"{{"value":{right}}}"#),
            "-1".to_owned(),
            "-0.5".to_owned(),
            "1e400".to_owned(),
            "1e300".to_owned(),
            "18446744073709551616".to_owned(),
            format!("1{}", "0".repeat(5000)),
            "1e-9999999999".to_owned() + "x",
            "NaN".to_owned(),
            "Infinity".to_owned(),
            format!("0{right}"),
            format!("+{right}"),
        ] {
            for forge in [&forge, &lax] {
                let what: String = format!("{name}: {value}").chars().take(60).collect();
                door.refuses("acme", &forge.claims(&with(name, &value)), &what).await;
            }
        }
        // RFC 7519 §2: a NumericDate may have a fraction.
        for value in [format!("{right}"), format!("{right}.5"), format!("{right}e0")] {
            door.admits("acme", &forge.claims(&with(name, &value)), &format!("{name}: {value}")).await;
        }
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_judged_to_the_second_and_with_the_keys_leeway_only() {
    let strict = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&strict, &["acme"]).await;
    let lenient = Forge::new(KeypairKind::Ed25519);
    door.trust(&lenient, json!({ "leeway": 60 })).await;
    let payload = |name: &str, value: u64| with(name, &value.to_string());
    let far = 253_402_300_799;
    // No token here changes sides within 20 s, except those that are past already.
    for (name, at, as_strict, as_lenient) in [
        ("exp", now() - 3600, false, false),
        ("exp", now() - 61, false, false),
        ("exp", now() - 60, false, false),
        ("exp", now() - 30, false, true),
        ("exp", now(), false, true),
        ("exp", now() + 30, true, true),
        ("exp", far, true, true),
        ("exp", far + 1, true, true),
        ("exp", u64::MAX, true, true),
        ("exp", 0, false, false),
        ("nbf", 0, true, true),
        ("nbf", now(), true, true),
        ("nbf", now() + 30, false, true),
        ("nbf", now() + 120, false, false),
        ("nbf", u64::MAX, false, false),
        ("iat", 0, true, true),
        ("iat", now(), true, true),
        ("iat", now() + 30, false, true),
        ("iat", now() + 120, false, false),
        ("iat", far, false, false),
    ] {
        for (forge, admitted, whose) in [(&strict, as_strict, "strict"), (&lenient, as_lenient, "lenient")] {
            let token = forge.claims(&payload(name, at));
            let what = format!("{whose}: {name} {at} at {}", now());
            match admitted {
                true => door.admits("acme", &token, &what).await,
                false => door.refuses("acme", &token, &what).await,
            }
        }
    }
    let too_much = json!({ "public_key": Forge::new(KeypairKind::Ed25519).public().pem(), "leeway": 61 });
    let (status, _) = door.running.api(reqwest::Method::POST, "/keys", Some(too_much)).await;
    assert_eq!(status, 422, "leeway has a bound");
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_exp_is_for_keys_that_allow_it() {
    let strict = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&strict, &["acme"]).await;
    let lax = Forge::new(KeypairKind::Ed25519);
    door.trust(&lax, json!({ "require_exp": false })).await;
    let endless = json!({ "sub": "tenant-acme" }).to_string();
    door.refuses("acme", &strict.claims(&endless), "no exp").await;
    door.admits("acme", &lax.claims(&endless), "no exp, allowed").await;
    door.refuses("acme", &lax.claims(&with("exp", &(now() - 1).to_string())), "expired is expired").await;
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_and_audience_are_exact_where_the_key_wants_them() {
    let one = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&one, &["acme"]).await;
    // Nobody asked: they may say anything that has their type.
    for (name, value) in [("aud", r#""any""#), ("aud", "[]"), ("aud", r#"["a","b"]"#), ("iss", r#""any""#)] {
        door.admits("acme", &one.claims(&with(name, value)), &format!("{name} {value}")).await;
    }
    for (name, value) in
        [("aud", "7"), ("aud", "null"), ("aud", r#"["a",7]"#), ("iss", r#"["a"]"#), ("iss", "1")]
    {
        door.refuses("acme", &one.claims(&with(name, value)), &format!("{name} {value}")).await;
    }
    let (a, b) = (Forge::new(KeypairKind::Ed25519), Forge::new(KeypairKind::Ed25519));
    door.trust(&a, json!({ "issuer": "https://a.example", "audience": "of-a" })).await;
    door.trust(&b, json!({ "issuer": "https://b.example", "audience": "of-b" })).await;
    let payload = |iss: Value, aud: Value| {
        let mut payload = good("acme");
        for (name, value) in [("iss", iss), ("aud", aud)] {
            if !value.is_null() {
                payload[name] = value;
            }
        }
        payload.to_string()
    };
    let iss = || json!("https://a.example");
    for aud in [json!("of-a"), json!(["of-a"]), json!(["x", "of-a", "of-b"]), json!(["of-a", "of-a"])] {
        door.admits("acme", &a.claims(&payload(iss(), aud.clone())), &aud.to_string()).await;
    }
    for aud in [
        Value::Null,
        json!([]),
        json!(""),
        json!([""]),
        json!("of-b"),
        json!("of-a "),
        json!("OF-A"),
        json!("of-a,of-b"),
        json!("of"),
        json!("of-ab"),
        json!(["of-b", "x"]),
        json!([["of-a"]]),
        json!({ "of-a": true }),
    ] {
        door.refuses("acme", &a.claims(&payload(iss(), aud.clone())), &aud.to_string()).await;
    }
    for bad in [
        Value::Null,
        json!(""),
        json!("https://b.example"),
        json!("https://a.example/"),
        json!("https://A.example"),
        json!(["https://a.example"]),
        json!(["https://evil.example", "https://a.example"]),
    ] {
        door.refuses("acme", &a.claims(&payload(bad.clone(), json!("of-a"))), &bad.to_string()).await;
    }
    // A's token with B's audience, B's key with A's words.
    door.refuses("acme", &a.claims(&payload(iss(), json!("of-b"))), "b's audience").await;
    door.refuses("acme", &b.claims(&payload(iss(), json!("of-a"))), "b as a").await;
    door.refuses("acme", &b.claims(&payload(iss(), json!("of-b"))), "b, issued by a").await;
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_speaks_for_its_tenants_only() {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::open("read-write").await;
    for tenant in ["acme", "acme2", "globex"] {
        door.running.create_tenant(tenant).await;
    }
    let id = door.trust(&forge, json!({ "tenants": ["acme"] })).await;
    let token = |tenant: &str| forge.claims(&good(tenant).to_string());
    door.admits("acme", &token("acme"), "in the list").await;
    for other in ["acme2", "globex", "nobody"] {
        door.refuses(other, &token(other), other).await;
    }
    let change = json!({ "tenants": ["globex"] });
    door.api(reqwest::Method::PUT, &format!("/keys/{id}"), Some(change)).await;
    door.refuses("acme", &token("acme"), "no longer").await;
    door.admits("globex", &token("globex"), "now").await;
    let nobody = json!({ "tenants": [] });
    door.api(reqwest::Method::PUT, &format!("/keys/{id}"), Some(nobody)).await;
    door.refuses("globex", &token("globex"), "for nobody").await;
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_stands_where_the_key_says() {
    let door = Door::open("read-write").await;
    door.running.create_tenant("acme").await;
    let (bare, prefixed) = (Forge::new(KeypairKind::Ed25519), Forge::new(KeypairKind::Ed25519));
    door.trust(&bare, json!({ "claim": { "name": "https://example.com/org" } })).await;
    door.trust(&prefixed, json!({ "claim": { "name": "org", "prefix": "o/" } })).await;
    let payload = |name: &str, value: Value| {
        let mut payload = json!({ "exp": now() + 3600 });
        payload[name] = value;
        payload.to_string()
    };
    let org = "https://example.com/org";
    door.admits("acme", &bare.claims(&payload(org, json!("acme"))), "bare").await;
    door.admits("acme", &prefixed.claims(&payload("org", json!("o/acme"))), "prefixed").await;
    door.refuses("acme", &bare.claims(&payload("sub", json!("tenant-acme"))), "sub is not asked").await;
    door.refuses("acme", &bare.claims(&payload(org, json!("tenant-acme"))), "no prefix").await;
    for bad in
        [json!(null), json!(["acme"]), json!({ "acme": 1 }), json!(1), json!(""), json!("o/"), json!("acme")]
    {
        door.refuses("acme", &prefixed.claims(&payload("org", bad.clone())), &bad.to_string()).await;
    }
    for bad in ["o/o/acme", "O/acme", " o/acme", "o/acme ", "o/ acme", "xo/acme"] {
        door.refuses("acme", &prefixed.claims(&payload("org", json!(bad))), bad).await;
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_no_tenants_name_never_becomes_one() {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme", "globex"]).await;
    for name in [
        "",
        ".",
        "..",
        "*",
        ".*",
        "a*",
        "acme|globex",
        "acme:k=v",
        "acme,",
        "acme,globex",
        " acme",
        "acme ",
        "Acme",
        "ACME",
        "acmé",
        "acme\u{0}",
        "acme\r\nX-Evil: 1",
        "acme\nglobex",
        "acme\u{200b}",
        "аcme",
        "acme/../globex",
        "acme%7Cglobex",
        "acme%2f",
        "xn--acme",
        "www",
        "fake",
        "-acme",
        "acme-",
    ] {
        let mut payload = good("acme");
        payload["sub"] = format!("tenant-{name}").into();
        let token = forge.claims(&payload.to_string());
        door.refuses("acme", &token, &format!("{name:?} at acme")).await;
        // Also where the URL says the same, as far as a URL can.
        let sayable =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-*|:,%".contains(&b));
        if sayable {
            let bearer = format!("Authorization: Bearer {token}\r\n");
            let status = raw::status(&door.ask(&format!("GET /t/{name}/x"), "a", &bearer).await);
            assert!(matches!(status, 400 | 401), "{name:?}: {status}");
        }
    }
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fallback_key_is_tried_for_tokens_without_kid_only() {
    let (old, new) = (Forge::new(KeypairKind::Rsa2048), Forge::new(KeypairKind::Rsa2048));
    let door = Door::with(&new, &["acme"]).await;
    let payload = good("acme").to_string();
    let bare = r#"{"alg":"RS256","typ":"JWT"}"#;
    door.refuses("acme", &old.token(bare, &payload), "no fallback").await;
    let id = door.trust(&old, json!({ "fallback": true })).await;
    door.admits("acme", &old.token(bare, &payload), "the fallback's").await;
    door.refuses("acme", &new.token(bare, &payload), "another key's").await;
    for kid in ["", "unknown"] {
        let header = json!({ "alg": "RS256", "kid": kid }).to_string();
        door.refuses("acme", &old.token(&header, &payload), &format!("kid {kid:?}")).await;
    }
    door.refuses("acme", &old.token(r#"{"alg":"RS256","kid":null}"#, &payload), "kid null").await;
    let header = json!({ "alg": "HS256" }).to_string();
    door.refuses("acme", &old.token(&header, &payload), "another algorithm").await;
    door.api(reqwest::Method::PUT, &format!("/keys/{id}"), Some(json!({ "fallback": false }))).await;
    door.refuses("acme", &old.token(bare, &payload), "no fallback any more").await;
    door.admits("acme", &old.claims(&payload), "by its name").await;
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_three_parts_of_sound_json_is_refused() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    let (header, payload) = (forge.header().to_string(), good("acme").to_string());
    let honest = forge.claims(&payload);
    let parts: Vec<&str> = honest.split('.').collect();
    let [h, p, s] = parts[..] else { panic!("three parts") };
    let sub = r#""sub":"tenant-acme""#;
    let exp = now() + 3600;
    let deep = |n: usize| format!(r#"{{{sub},"exp":{exp},"x":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    let maps = format!(r#"{{{sub},"exp":{exp},"x":{}1{}}}"#, r#"{"a":"#.repeat(1000), "}".repeat(1000));
    let signed = |payload: &str| forge.claims(payload);
    let tokens = vec![
        ("no dot", "abc".to_owned()),
        ("two parts", format!("{h}.{p}")),
        ("four parts", format!("{h}.{p}.{s}.{s}")),
        ("JWE's five parts", format!("{h}.{p}.{s}.{p}.{s}")),
        ("dots", ".".repeat(15_000)),
        ("two dots", "..".to_owned()),
        ("no header", format!(".{p}.{s}")),
        ("no payload", format!("{h}..{s}")),
        ("no signature", format!("{h}.{p}.")),
        ("a dot before", format!(".{honest}")),
        ("a dot after", format!("{honest}.")),
        ("padding", format!("{h}.{p}.{s}==")),
        ("padded header", format!("{h}=.{p}.{s}")),
        ("a space within", format!("{h} .{p}.{s}")),
        ("a tab within", format!("{h}.{p}\t.{s}")),
        ("quotes around", format!("\"{honest}\"")),
        ("twice", format!("{honest} {honest}")),
        ("percent", format!("{h}%2E{p}.{s}")),
        ("plus and slash", format!("{h}.{p}.{}", "+/".repeat(43))),
        ("not base64", format!("{h}.{p}.!!!!")),
        ("one character", format!("{h}.{p}.A")),
        // The last character has two bits to spare: only one of four spellings is right.
        ("spare bits", spare_bits(&honest)),
        ("header no JSON", forge.token("alg=ES256", &payload)),
        ("header a list", forge.token(&format!("[{header}]"), &payload)),
        ("header a text", forge.token(&json!(header).to_string(), &payload)),
        ("header and more", forge.token(&format!("{header}{{}}"), &payload)),
        ("header behind a BOM", forge.token(&format!("\u{feff}{header}"), &payload)),
        ("header empty", forge.token("", &payload)),
        (
            "header deep",
            forge.token(
                &format!(
                    r#"{},"x":{}{}}}"#,
                    header.trim_end_matches('}'),
                    "[".repeat(4000),
                    "]".repeat(4000)
                ),
                &payload,
            ),
        ),
        ("payload empty", signed("")),
        ("payload a list", signed(&format!("[{payload}]"))),
        ("payload null", signed("null")),
        ("payload no UTF-8", forge_bytes(&forge, b"{\"sub\":\"tenant-acme\",\"x\":\"\xff\"}")),
        ("payload and more", signed(&format!("{payload} x"))),
        ("payload deep", signed(&deep(3000))),
        ("sub twice", signed(&format!(r#"{{{sub},{sub},"exp":{exp}}}"#))),
        ("sub twice, apart", signed(&format!(r#"{{"sub":"tenant-globex","exp":{exp},{sub}}}"#))),
        ("sub twice, escaped", signed(&format!(r#"{{{sub},"s\u0075b":"tenant-globex","exp":{exp}}}"#))),
        ("exp twice", signed(&format!(r#"{{{sub},"exp":1,"exp":{exp}}}"#))),
        ("unknown twice", signed(&format!(r#"{{{sub},"exp":{exp},"x":1,"x":1}}"#))),
        (
            "alg twice",
            forge.token(&format!(r#"{{"alg":"none","alg":"ES256","kid":"{}"}}"#, forge.kid()), &payload),
        ),
        ("huge exponent", signed(&format!(r#"{{{sub},"exp":{exp},"x":1e999999999}}"#))),
        ("comments", signed(&format!(r#"{{{sub},/**/"exp":{exp}}}"#))),
        ("no tenant", signed(&json!({ "exp": exp }).to_string())),
        ("a lone surrogate", signed(&format!(r#"{{"sub":"tenant-acme\ud800","exp":{exp}}}"#))),
    ];
    for (what, token) in tokens {
        if token.contains(',') {
            assert_eq!(door.bearer("acme", &token).await.status, 400, "{what}");
        } else {
            door.refuses("acme", &token, what).await;
        }
    }
    assert!(door.upstream.seen().is_empty());
    door.admits("acme", &honest, "the honest one").await;
    // Sound JSON that nobody reads may be as deep as a token is long.
    door.admits("acme", &signed(&maps), "a payload of maps in maps").await;
    let millions =
        format!("GET /t/acme/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", ".".repeat(1 << 20));
    let status = raw::status(&door.raw(&millions).await);
    assert!(matches!(status, 400 | 431), "1 MiB of dots: {status}");
    door.running.stop().await;
}

/// The token with the spare bits of its signature's last character set.
fn spare_bits(token: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let digit = DIGITS.iter().position(|d| *d == last.as_bytes()[0]).expect("base64url");
    assert_eq!(digit & 0b1111, 0, "64 bytes leave four bits to spare");
    format!("{rest}{}", char::from(DIGITS[digit | 1]))
}

fn forge_bytes(forge: &Forge, payload: &[u8]) -> String {
    let message = format!("{}.{}", part(forge.header().to_string()), part(payload));
    let signature = part(forge.signature(forge.alg(), &message));
    format!("{message}.{signature}")
}
