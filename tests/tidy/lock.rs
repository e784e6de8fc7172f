//! The least versions that are known to be sound, checked against `Cargo.lock` without a network: each
//! stands for an advisory that was fixed there. Knows nothing of the code.

use std::fs;

/// Crate, the first sound version of each of its lines, and the advisory. A version passes that is not
/// below the sound one of its own line, or beyond all of these lines.
const LEAST: [(&str, &[&str], &str); 16] = [
    ("h2", &["0.4.16"], "RUSTSEC-2026-0258: a flood of empty DATA frames"),
    ("rustls", &["0.23.45"], "RUSTSEC-2026-0285"),
    ("rustls-webpki", &["0.103.13"], "RUSTSEC-2026-0049, 0098, 0099, 0104"),
    ("aws-lc-sys", &["0.39.0"], "RUSTSEC-2026-0044 to 0048"),
    ("quick-xml", &["0.41.0"], "RUSTSEC-2026-0194, 0195: quadratic attributes, memory of namespaces"),
    ("jsonwebtoken", &["10.3.0"], "CVE-2026-25537: exp and nbf of a wrong type were skipped"),
    ("rand", &["0.8.6", "0.9.3", "0.10.1"], "RUSTSEC-2026-0097"),
    ("anyhow", &["1.0.103"], "RUSTSEC-2026-0190"),
    ("crossbeam-epoch", &["0.9.20"], "RUSTSEC-2026-0204"),
    ("quinn-proto", &["0.11.16"], "RUSTSEC-2026-0185"),
    ("time", &["0.3.47"], "RUSTSEC-2026-0009"),
    ("bytes", &["1.11.1"], "RUSTSEC-2026-0007"),
    ("protobuf", &["3.7.2"], "RUSTSEC-2024-0437: recursion without a bound"),
    ("idna", &["1.0.0"], "RUSTSEC-2024-0421: labels that mask others"),
    ("hyper", &["1.12.0"], "the first with a bound on HTTP/1 heads"),
    ("redb", &["4.3.0"], "durability of two-phase commits"),
];

/// Crates that must not come in by any way, and what does their work here.
const NEVER: [(&str, &str); 4] = [
    ("openssl-sys", "rustls and aws-lc-rs"),
    ("native-tls", "rustls"),
    ("serde_yaml", "serde-saphyr"),
    ("serde_yml", "serde-saphyr"),
];

/// Every package of a lock file: name and version.
fn packages(lock: &str) -> Vec<(&str, &str)> {
    let field = |block: &'_ str, name: &str| {
        let from = block.find(&format!("\n{name} = \""))? + name.len() + 5;
        Some(from..from + block[from..].find('"')?)
    };
    let package = |block| Some((&block[field(block, "name")?], &block[field(block, "version")?]));
    lock.split("[[package]]").skip(1).filter_map(package).collect()
}

fn numbers(version: &str) -> [u64; 3] {
    let plain = version.split(['-', '+']).next().unwrap_or(version);
    let mut parts = plain.split('.').map(|part| part.parse().unwrap());
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// What Cargo takes for compatible: equal up to the first number that is not 0.
fn line([major, minor, patch]: [u64; 3]) -> [u64; 3] {
    match (major, minor) {
        (0, 0) => [0, 0, patch],
        (0, _) => [0, minor, 0],
        _ => [major, 0, 0],
    }
}

fn sound(version: &str, least: &[&str]) -> bool {
    let version = numbers(version);
    let least: Vec<_> = least.iter().map(|least| numbers(least)).collect();
    let own = least.iter().find(|least| line(**least) == line(version));
    own.map_or_else(|| least.iter().all(|least| version > *least), |own| version >= *own)
}

fn of_lock(lock: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, version) in packages(lock) {
        for (_, least, why) in LEAST.iter().filter(|(of, least, _)| *of == name && !sound(version, least)) {
            found.push(format!("Cargo.lock: {name} {version} is below {}: {why}", least.join(" or ")));
        }
        for (_, instead) in NEVER.iter().filter(|(never, _)| *never == name) {
            found.push(format!("Cargo.lock: {name} came in; its work is done by {instead}"));
        }
    }
    found
}

#[test]
fn locked_versions_are_sound() {
    let lock = fs::read_to_string(super::root().join("Cargo.lock")).unwrap();
    assert!(packages(&lock).len() > 100, "the lock file was not understood");
    super::assert_none(&of_lock(&lock));
}

#[test]
fn an_unsound_version_is_found() {
    let lock = |name: &str, version: &str| {
        format!("version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"x\"\n")
    };
    for (name, version) in
        [("h2", "0.4.15"), ("h2", "0.3.99"), ("rand", "0.9.2"), ("rand", "0.7.3"), ("anyhow", "1.0.9")]
    {
        let found = of_lock(&lock(name, version));
        assert!(found.len() == 1 && found[0].contains("is below"), "{name} {version}: {found:?}");
    }
    for (name, version) in
        [("h2", "0.4.16"), ("h2", "0.5.0"), ("rand", "0.8.6"), ("rand", "0.11.0"), ("anyhow", "2.0.0")]
    {
        assert_eq!(of_lock(&lock(name, version)), Vec::<String>::new(), "{name} {version}");
    }
    assert!(of_lock(&lock("native-tls", "0.2.14"))[0].contains("came in"));
}
