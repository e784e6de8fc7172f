//! What the gateway itself does to an authenticated request: host, path, credential from the cache,
//! permit. Sockets, header rewriting and back ends aside.

#[path = "support/token.rs"]
mod token;
#[path = "support/world.rs"]
mod world;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, criterion_group, criterion_main};
use http::request::Parts;
use http::{Request, header};
use tenantry::auth::{self, Cache, Reading};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::model::KeyId;
use tenantry::proxy::{Host, target};
use tenantry::snapshot::Snapshot;

use token::token;
use world::{NOW, snapshot, trusted};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TENANTS: usize = 1_000;
/// As many as a thread of the data plane caches.
const CACHED: usize = 65_536;

fn decide(snapshot: &Snapshot, cache: &mut Cache, parts: &Parts) {
    let host = Host::of(parts).expect("a host");
    let target = target(&snapshot.routes, &host, &parts.method, parts.uri.path()).expect("a target");
    let credential = auth::credential(&parts.headers).expect("a credential");
    let reading = auth::authenticate(snapshot, cache, credential.as_bytes(), target.tenant, HERE, NOW);
    let Ok(Reading::Known(identity)) = reading else { panic!("a token that is not known") };
    black_box(auth::permit(snapshot, identity, target.service, target.permission).expect("a permit"));
}

/// A remote write of tenant `number`.
fn request(signer: &Signer, number: usize, by_host: bool) -> Parts {
    let tenant = number % TENANTS;
    let (host, path) = match by_host {
        true => (format!("cortex.t-{tenant}.example.com"), "/api/v1/push".to_owned()),
        false => ("gw.example.com".to_owned(), format!("/t/t-{tenant}/metrics/api/v1/push")),
    };
    let seconds = 3600 + number as u64;
    let bearer = format!("Bearer {}", token(signer, tenant, NOW, seconds));
    let request = Request::post(path).header(header::HOST, host).header(header::AUTHORIZATION, bearer);
    request.body(()).expect("a request").into_parts().0
}

fn benches(criterion: &mut Criterion) {
    let signer = Signer::generate(KeypairKind::Ed25519).expect("randomness");
    let signer = signer.with_key_id(KeyId::parse("bench"));
    let snapshot = snapshot(TENANTS, vec![trusted(&signer, "bench")]);
    let mut group = criterion.benchmark_group("decide");
    for (name, by_host, tokens) in
        [("host, one token", true, 1), ("path, one token", false, 1), ("host, 10,000 tokens", true, 10_000)]
    {
        let mut cache = Cache::new(CACHED).expect("randomness");
        let requests: Vec<Parts> = (0..tokens).map(|number| request(&signer, number, by_host)).collect();
        for request in &requests {
            decide(&snapshot, &mut cache, request);
        }
        let misses = cache.misses;
        let mut next = requests.iter().cycle();
        group.bench_function(name, |bench| {
            bench.iter(|| {
                if let Some(request) = next.next() {
                    decide(&snapshot, &mut cache, request);
                }
            });
        });
        assert_eq!(cache.misses, misses, "{name}: every token is cached");
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
