//! The whole check of an API token among a thousand and among a million: from the cache, and by
//! look-up and hash. Prints by what factor a million is slower, which shall be below 1.5.

#[path = "support/machines.rs"]
mod machines;

use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use tenantry::auth::{self, Cache, Reading};
use tenantry::snapshot::Snapshot;

use machines::{NOW, Shown, snapshot};

/// As many as are shown in turn, however many there are: the same work for the cache.
const SHOWN: usize = 1_000;
/// As many as a thread of the data plane caches.
const CACHED: usize = 65_536;
const FACTOR: f64 = 1.5;
/// Whence the requests come.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn check(snapshot: &Snapshot, cache: &mut Cache, shown: &Shown) {
    match auth::authenticate(snapshot, cache, shown.credential.as_bytes(), &shown.tenant, HERE, NOW) {
        Ok(Reading::Known(identity)) => drop(black_box(identity)),
        Ok(Reading::Password(_)) => panic!("it is a token"),
        Err(failure) => panic!("{}", failure.reason()),
    }
}

/// The least time of one check that any sample came to, in nanoseconds.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    snapshot: &Snapshot,
    shown: &[Shown],
    entries: usize,
) -> f64 {
    let mut cache = Cache::new(entries).expect("randomness");
    for shown in shown {
        check(snapshot, &mut cache, shown);
    }
    let (misses, least) = (cache.misses, Cell::new(f64::MAX));
    let mut next = shown.iter().cycle();
    let mut checks = 0;
    group.bench_function(name, |bench| {
        bench.iter_custom(|iterations| {
            let start = Instant::now();
            for shown in next.by_ref().take(usize::try_from(iterations).expect("it fits")) {
                check(snapshot, &mut cache, shown);
            }
            let elapsed = start.elapsed();
            checks += iterations;
            least.set(least.get().min(elapsed.as_secs_f64() * 1e9 / iterations as f64));
            elapsed
        });
    });
    let missed = if entries == CACHED { 0 } else { checks };
    assert_eq!(cache.misses - misses, missed, "{name}: every check goes the way it is meant to");
    least.get()
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tokens");
    let mut times = Vec::new();
    for (name, tokens) in [("1,000", 1_000), ("1,000,000", 1_000_000)] {
        let (snapshot, shown) = snapshot(tokens, SHOWN);
        assert_eq!(snapshot.tokens.len(), tokens);
        times.push([
            measure(&mut group, &format!("{name}, cached"), &snapshot, &shown, CACHED),
            measure(&mut group, &format!("{name}, not cached"), &snapshot, &shown, 8),
        ]);
    }
    group.finish();
    for (way, (few, many)) in ["cached", "not cached"].iter().zip(times[0].iter().zip(times[1])) {
        let (factor, met) = (many / few, many / few < FACTOR);
        let verdict = if met { "met" } else { "MISSED" };
        println!(
            "{way}: {few:.0} ns among 1,000, {many:.0} ns among 1,000,000: {factor:.2} (< {FACTOR}: {verdict})"
        );
    }
}

criterion_group!(all, benches);
criterion_main!(all);
