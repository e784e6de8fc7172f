//! Tokens that nobody trusted has signed as they stand: confused algorithms, impossible signatures,
//! headers that bring or point to keys of their own.

use std::io::ErrorKind;
use std::net::TcpListener;

use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::{DecodePublicKey as _, LineEnding};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use tenantry::cli::keypair::KeypairKind;
use tenantry::model::KeyKind;

use crate::support::door::Door;
use crate::support::forge::{Forge, good, hs, jwk, message, part};
use crate::support::raw;

/// Everything that a public key could be mistaken for a secret as.
fn secrets(forge: &Forge) -> Vec<Vec<u8>> {
    let public = forge.public();
    let pem = public.pem();
    let mut all = vec![
        pem.clone().into_bytes(),
        format!("{pem}\n").into_bytes(),
        pem.replace('\n', "\r\n").into_bytes(),
        pem.lines().filter(|line| !line.starts_with('-')).collect::<String>().into_bytes(),
        public.der().to_vec(),
        part(public.der()).into_bytes(),
        jwk(public).to_string().into_bytes(),
        forge.kid().into_bytes(),
        Vec::new(),
        vec![0; 32],
    ];
    if let KeyKind::Rsa { .. } = public.kind() {
        let key = rsa::RsaPublicKey::from_public_key_der(public.der()).expect("an RSA key");
        all.push(key.n().to_bytes_be());
        all.push(key.n().to_string().into_bytes());
        all.push(key.to_pkcs1_der().expect("DER").as_bytes().to_vec());
        all.push(key.to_pkcs1_pem(LineEnding::LF).expect("PEM").into_bytes());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hmac_with_the_public_key_as_its_secret_is_refused() {
    for kind in [KeypairKind::Rsa2048, KeypairKind::P256, KeypairKind::Ed25519] {
        let forge = Forge::new(kind);
        let door = Door::with(&forge, &["acme"]).await;
        for hmac in ["HS256", "HS384", "HS512"] {
            for (nth, secret) in secrets(&forge).iter().enumerate() {
                for alg in [hmac, forge.alg()] {
                    let mut header = forge.header();
                    header["alg"] = alg.into();
                    let message = message(&header.to_string(), &good("acme").to_string());
                    let token = format!("{message}.{}", part(hs(hmac, secret, &message)));
                    door.refuses("acme", &token, &format!("{hmac} as {alg} with secret {nth}")).await;
                }
            }
        }
        door.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_algorithm_is_the_keys_and_never_the_tokens() {
    let forge = Forge::new(KeypairKind::Rsa2048);
    let door = Door::with(&forge, &["acme"]).await;
    let odd = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        " ",
        "null",
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\u{0}",
        "RS384",
        "PS256",
        "ES256",
        "EdDSA",
        "HS256",
        "ES512",
        "ES256K",
        "dir",
        "RSA-OAEP",
        "A128KW",
    ];
    let algs = odd.map(Value::from).into_iter().chain([
        Value::Null,
        json!(256),
        json!(true),
        json!(["RS256"]),
        json!({ "alg": "RS256" }),
    ]);
    let mut headers: Vec<(String, String)> = algs
        .map(|alg| (alg.to_string(), json!({ "alg": alg, "typ": "JWT", "kid": forge.kid() }).to_string()))
        .collect();
    headers.push(("missing".to_owned(), json!({ "typ": "JWT", "kid": forge.kid() }).to_string()));
    let payload = good("acme").to_string();
    for (alg, header) in headers {
        let message = message(&header, &payload);
        // Also signed as the key would have it: the header alone is at fault then.
        let signature = part(forge.signature("RS256", &message));
        for signature in ["", "AA", "none", &signature] {
            door.refuses("acme", &format!("{message}.{signature}"), &format!("alg {alg}")).await;
        }
        door.refuses("acme", &message, &format!("alg {alg}, two parts")).await;
    }
    // A true signature of the same key by another algorithm is none of ours either.
    for alg in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let header = json!({ "alg": alg, "typ": "JWT", "kid": forge.kid() }).to_string();
        let message = message(&header, &payload);
        let token = format!("{message}.{}", part(forge.signature(alg, &message)));
        door.refuses("acme", &token, alg).await;
    }
    door.admits("acme", &forge.claims(&payload), "the key's own").await;
    door.running.stop().await;
}

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// SEQUENCE of two INTEGERs.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("a short form");
    let integer = |value: &[u8]| {
        let positive = if value[0] >= 0x80 { [&[0], value].concat() } else { value.to_vec() };
        [vec![2, length(&positive)], positive].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [vec![0x30, length(&both)], both].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_ecdsa_signatures_are_refused() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    let message = message(&forge.header().to_string(), &good("acme").to_string());
    let true_one = forge.signature("ES256", &message);
    let (r, s) = true_one.split_at(32);
    let (zero, mut above) = ([0; 32], N);
    above[31] += 1;
    let mut bad: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in [("0", &zero), ("n", &N), ("n+1", &above), ("ff", &[0xff; 32])] {
        bad.push((format!("r = {name}"), [value, s].concat()));
        bad.push((format!("s = {name}"), [r, value].concat()));
        bad.push((format!("r = s = {name}"), [*value, *value].concat()));
    }
    bad.push(("DER".into(), der(r, s)));
    bad.push(("DER of zeros".into(), der(&[0], &[0])));
    bad.push(("63 bytes".into(), true_one[..63].to_vec()));
    bad.push(("63 bytes at the end".into(), true_one[1..].to_vec()));
    bad.push(("65 bytes".into(), [&true_one, &[0][..]].concat()));
    bad.push(("65 bytes, zero first".into(), [&[0], &true_one[..]].concat()));
    bad.push(("twice".into(), true_one.repeat(2)));
    bad.push(("s before r".into(), [s, r].concat()));
    bad.push(("of ES384's length".into(), [&[0; 16], r, &[0; 16], s].concat()));
    for (what, signature) in bad {
        door.refuses("acme", &format!("{message}.{}", part(signature)), &what).await;
    }
    door.admits("acme", &format!("{message}.{}", part(&true_one)), "the true one").await;
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_any_length_are_refused() {
    for kind in [KeypairKind::Rsa2048, KeypairKind::P256, KeypairKind::P384, KeypairKind::Ed25519] {
        let forge = Forge::new(kind);
        let door = Door::with(&forge, &["acme"]).await;
        let message = message(&forge.header().to_string(), &good("acme").to_string());
        for length in [
            0, 1, 2, 31, 32, 33, 47, 48, 63, 64, 65, 95, 96, 97, 127, 128, 132, 255, 256, 257, 384, 511, 512,
            513, 1024, 4096, 8192, 12_000, 16_384, 32_768, 40_000,
        ] {
            let token = format!("{message}.{}", part(vec![0xa5; length]));
            door.refuses("acme", &token, &format!("{kind:?}, {length} bytes")).await;
        }
        // Heads that are too long are refused as such.
        for length in [48 * 1024, 64 * 1024] {
            let token = format!("{message}.{}", part(vec![0xa5; length]));
            let request =
                format!("GET /t/acme/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
            let status = raw::status(&door.raw(&request).await);
            assert!(matches!(status, 400 | 431), "{length} bytes: {status}");
        }
        assert!(door.upstream.seen().is_empty());
        door.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_brings_no_key_and_makes_nobody_fetch_one() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    silent.set_nonblocking(true).expect("a socket");
    let url = format!("http://{}/keys", silent.local_addr().expect("an address"));
    let (trusted, stranger) = (Forge::new(KeypairKind::P256), Forge::new(KeypairKind::P256));
    let door = Door::with(&trusted, &["acme"]).await;
    let mut payload = good("acme");
    payload["iss"] = url.as_str().into();
    payload["jku"] = url.as_str().into();
    let payload = payload.to_string();
    let mut own = jwk(stranger.public());
    own["kid"] = trusted.kid().into();
    let own = json!({ "jwk": own, "jku": url, "x5u": url, "x5c": [part(stranger.public().der())] });
    let members = own.as_object().expect("an object");
    let all: Vec<&String> = members.keys().collect();
    for names in all.iter().map(|name| vec![*name]).chain([all.clone()]) {
        for kid in [Some(trusted.kid()), Some(stranger.kid()), Some(url.clone()), None] {
            let mut header = json!({ "alg": "ES256" });
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            for name in &names {
                header[name.as_str()] = members[*name].clone();
            }
            door.refuses("acme", &stranger.token(&header.to_string(), &payload), &header.to_string()).await;
        }
        // Beside a true signature they mean nothing.
        let mut header = trusted.header();
        for name in &names {
            header[name.as_str()] = members[*name].clone();
        }
        door.admits("acme", &trusted.token(&header.to_string(), &payload), &header.to_string()).await;
    }
    door.running.stop().await;
    let asked = silent.accept().map(|(_, peer)| peer).map_err(|error| error.kind());
    assert_eq!(asked, Err(ErrorKind::WouldBlock), "a token made the gateway connect");
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_that_are_not_understood_are_refused() {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme"]).await;
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["http://example.com/unknown"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("crit", Value::Null),
        ("b64", json!(false)),
        ("b64", json!(true)),
    ] {
        let mut header = forge.header();
        header[name] = value;
        let token = forge.token(&header.to_string(), &good("acme").to_string());
        door.refuses("acme", &token, &header.to_string()).await;
    }
    // RFC 7797: an unencoded payload under `b64: false`.
    let header = json!({ "alg": "EdDSA", "kid": forge.kid(), "b64": false, "crit": ["b64"] }).to_string();
    let payload = good("acme").to_string().replace('.', "");
    let message = format!("{}.{payload}", part(&header));
    let token = format!("{message}.{}", part(forge.signature("EdDSA", &message)));
    // Its JSON has commas, and a value with a comma could be two.
    assert_eq!(door.bearer("acme", &token).await.status, 400);
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kid_that_is_no_trusted_keys_is_refused() {
    let forge = Forge::new(KeypairKind::P256);
    let door = Door::with(&forge, &["acme"]).await;
    let kid = forge.kid();
    let payload = good("acme").to_string();
    let texts = [
        String::new(),
        "../../../dev/null".to_owned(),
        "/proc/self/environ".to_owned(),
        "' or 1=1 --".to_owned(),
        "x'; DROP TABLE keys; --".to_owned(),
        "| sleep 5".to_owned(),
        "${jndi:ldap://127.0.0.1/a}".to_owned(),
        format!("{kid}\n"),
        format!("{kid}\u{0}"),
        format!(" {kid}"),
        format!("{kid}/"),
        kid.to_uppercase(),
        kid[..39].to_owned(),
        "k".repeat(257),
        "k".repeat(10_000),
        "\u{202e}kid".to_owned(),
    ];
    let others = [Value::Null, json!(7), json!([kid]), json!({ "kid": kid }), json!(true), json!(1e300)];
    for value in texts.into_iter().map(Value::from).chain(others) {
        let header = json!({ "alg": "ES256", "kid": value }).to_string();
        let what: String = header.chars().take(80).collect();
        door.refuses("acme", &forge.token(&header, &payload), &what).await;
        // As if the id led to an empty file.
        let header = json!({ "alg": "HS256", "kid": value }).to_string();
        let message = message(&header, &payload);
        door.refuses("acme", &format!("{message}.{}", part(hs("HS256", b"", &message))), &what).await;
    }
    for members in [
        format!(r#""kid":"{kid}","kid":"{kid}""#),
        format!(r#""kid":"other","kid":"{kid}""#),
        format!(r#""kid":"{kid}","kid":"other""#),
        format!(r#""kid":"{kid}","\u006bid":"other""#),
        format!(r#""\u006bid":"{kid}","kid":"other""#),
        format!(r#""KID":"{kid}""#),
    ] {
        let header = format!(r#"{{"alg":"ES256",{members}}}"#);
        door.refuses("acme", &forge.token(&header, &payload), &header).await;
    }
    // JSON may be written in another way.
    let header = format!(r#"{{ "alg" : "ES256" , "\u006bid" : "{kid}" }}"#);
    door.admits("acme", &forge.token(&header, &payload), &header).await;
    let header = json!({ "alg": "ES256", "kid": "k".repeat(1 << 20) }).to_string();
    let request = format!(
        "GET /t/acme/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
        forge.token(&header, &payload)
    );
    let status = raw::status(&door.raw(&request).await);
    assert!(matches!(status, 400 | 431), "1 MiB of kid: {status}");
    assert_eq!(door.upstream.seen().len(), 1);
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_what_another_key_signed_to_no_avail() {
    let (one, two) = (Forge::new(KeypairKind::Ed25519), Forge::new(KeypairKind::Ed25519));
    let door = Door::with(&one, &["acme"]).await;
    door.trust(&two, json!({})).await;
    let payload = good("acme").to_string();
    let crossed = two.token(&one.header().to_string(), &payload);
    door.refuses("acme", &crossed, "another trusted key's signature").await;
    let honest = one.claims(&payload);
    door.admits("acme", &honest, "its own").await;
    // Not one bit of a believed token can change.
    let (message, _) = honest.rsplit_once('.').expect("three parts");
    let mut signature = one.signature("EdDSA", message);
    for byte in [0, 31, 32, 63] {
        signature[byte] ^= 1;
        door.refuses("acme", &format!("{message}.{}", part(&signature)), "a bit of the signature").await;
        signature[byte] ^= 1;
    }
    let (header, _) = message.split_once('.').expect("two parts");
    let signature = part(&signature);
    let other = part(good("globex").to_string());
    door.refuses("globex", &format!("{header}.{other}.{signature}"), "another payload").await;
    let spaced = part(format!("{} ", one.header()));
    let payload = part(&payload);
    door.refuses("acme", &format!("{spaced}.{payload}.{signature}"), "another header").await;
    door.running.stop().await;
}
