//! A token that is in no cache: checked in full, for each kind of key; and refused, for each reason
//! that is found before the signature is looked at.

#[path = "support/token.rs"]
mod token;
#[path = "support/world.rs"]
mod world;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tenantry::auth::{Failure, verify};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::model::{Algorithm, KeyId, Timestamp};

use token::token;
use world::{NOW, snapshot, trusted};

const KINDS: [(KeypairKind, Algorithm, &str); 7] = [
    (KeypairKind::Rsa2048, Algorithm::RS256, "RS256 of 2048 bits"),
    (KeypairKind::Rsa4096, Algorithm::RS256, "RS256 of 4096 bits"),
    (KeypairKind::Rsa2048, Algorithm::RS512, "RS512 of 2048 bits"),
    (KeypairKind::Rsa2048, Algorithm::PS256, "PS256 of 2048 bits"),
    (KeypairKind::P256, Algorithm::ES256, "ES256"),
    (KeypairKind::P384, Algorithm::ES384, "ES384"),
    (KeypairKind::Ed25519, Algorithm::EdDSA, "EdDSA"),
];

fn signer(kind: KeypairKind, algorithm: Algorithm, id: &str) -> Signer {
    let signer = Signer::generate(kind).expect("randomness").with_algorithm(algorithm);
    signer.expect("it fits").with_key_id(KeyId::parse(id))
}

fn accepted(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for (kind, algorithm, name) in KINDS {
        let signer = signer(kind, algorithm, "bench");
        let state = snapshot(0, vec![trusted(&signer, "bench")]);
        let text = token(&signer, 0, NOW, 3600);
        group.bench_function(name, |bench| {
            bench.iter(|| verify(black_box(&state), black_box(&text), Some("t-0"), NOW).is_ok_and(|_| true));
        });
        assert!(verify(&state, &text, Some("t-0"), NOW).is_ok(), "{name}");
    }
    group.finish();
}

fn refused(criterion: &mut Criterion) {
    let known = signer(KeypairKind::Rsa2048, Algorithm::RS256, "bench");
    let stranger = signer(KeypairKind::Rsa2048, Algorithm::RS256, "stranger");
    let other = signer(KeypairKind::Ed25519, Algorithm::EdDSA, "bench");
    let state = snapshot(0, vec![trusted(&known, "bench")]);
    let yesterday = Timestamp::from_seconds(NOW.seconds() - 86_400);
    let good = token(&known, 0, NOW, 3600);
    let mut group = criterion.benchmark_group("refuse");
    for (expected, tenant, text) in [
        (Failure::Malformed, "t-0", "no token at all".to_owned()),
        (Failure::UnknownKey, "t-0", token(&stranger, 0, NOW, 3600)),
        (Failure::Algorithm, "t-0", token(&other, 0, NOW, 3600)),
        (Failure::Expired, "t-0", token(&known, 0, yesterday, 3600)),
        (Failure::OtherTenant, "t-1", good.clone()),
        (Failure::Signature, "t-0", format!("{}AAAA", &good[..good.len() - 4])),
    ] {
        group.bench_function(expected.reason(), |bench| {
            bench.iter(|| verify(black_box(&state), black_box(&text), Some(tenant), NOW).is_err());
        });
        assert_eq!(verify(&state, &text, Some(tenant), NOW).err(), Some(expected));
    }
    group.finish();
}

criterion_group!(all, accepted, refused);
criterion_main!(all);
