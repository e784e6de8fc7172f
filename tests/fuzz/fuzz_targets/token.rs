//! Tokens: no bytes but a trusted key's own make a caller known, and none make a panic.

#![no_main]

#[path = "../../../benches/support/token.rs"]
mod token;
#[path = "../../../benches/support/world.rs"]
mod world;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use tenantry::auth::{Cache, Reading, authenticate, verify};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::model::{KeyId, TrustedKey};
use tenantry::snapshot::Snapshot;

use world::NOW;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let signer = Signer::generate(KeypairKind::Ed25519).expect("randomness");
    signer.with_key_id(KeyId::parse("key"))
});
static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let key = world::trusted(&SIGNER, "key");
    world::snapshot(1, vec![TrustedKey { fallback: true, require_exp: false, ..key }])
});
static GOOD: LazyLock<String> = LazyLock::new(|| token::token(&SIGNER, 0, NOW, 3600));

fn never(credential: &[u8]) {
    let mut cache = Cache::new(8).expect("randomness");
    let known = authenticate(&SNAPSHOT, &mut cache, credential, "t-0", IpAddr::V4(Ipv4Addr::LOCALHOST), NOW);
    assert!(!matches!(known, Ok(Reading::Known(_))), "{} is believed", credential.escape_ascii());
}

/// A token of these parts, whose signature is as long as a real one.
fn made(header: &[u8], payload: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.{}", part(header), part(payload), part(&[7; 64]))
}

fuzz_target!(|input: (&[u8], &[u8], u16, u8)| {
    let (one, other, place, byte) = input;
    assert!(verify(&SNAPSHOT, &GOOD, Some("t-0"), NOW).is_ok(), "the good token is good");
    never(one);
    never(&[b"Bearer ", one].concat());
    never(format!("Bearer {}", made(one, other)).as_bytes());
    never(format!("Bearer {}", made(br#"{"alg":"EdDSA","kid":"key"}"#, other)).as_bytes());
    never(format!("Bearer {}", made(one, br#"{"sub":"tenant-t-0"}"#)).as_bytes());

    let mut forged = GOOD.clone().into_bytes();
    let place = usize::from(place) % forged.len();
    if forged[place] != byte {
        forged[place] = byte;
        never(&[b"Bearer ", forged.as_slice()].concat());
    }
});
