//! Key material: what is accepted is accepted again in our own PEM, as the same key under the same id.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use tenantry::model::{Algorithm, PrivateKey, PublicKey};

const LABELS: [&str; 5] =
    ["PUBLIC KEY", "RSA PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

fn check(text: &str) {
    // Must not panic; what it says is tested elsewhere.
    let _ = PrivateKey::read(text);
    let Ok(read) = PublicKey::read(text) else { return };
    let again = PublicKey::read(&read.key.pem()).expect("our own PEM is read");
    assert!(again.key == read.key, "another key comes back");
    assert_eq!(again.key.fingerprint(), read.key.fingerprint());
    let algorithm = Algorithm::default_for(read.key.kind());
    assert!(read.key.verifier(algorithm).is_ok(), "an accepted key cannot be used");
}

fuzz_target!(|input: (u8, &[u8])| {
    let (label, bytes) = input;
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
    let label = LABELS[usize::from(label) % LABELS.len()];
    check(&format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(bytes)));
});
