//! How long a write takes to become a snapshot: one change beside any number of tenants, and
//! everything from scratch, as at the start.

#[path = "support/world.rs"]
mod world;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::store::{Change, Record};

use world::{snapshot, tenant, trusted};

fn one_change(criterion: &mut Criterion) {
    let signer = Signer::generate(KeypairKind::Rsa2048).expect("randomness");
    let key = || Record::Key(trusted(&signer, "another"));
    let mut group = criterion.benchmark_group("one change");
    for tenants in [1_000, 100_000] {
        let before = snapshot(tenants, vec![trusted(&signer, "bench")]);
        let changes = [
            ("tenant added", Change::Put(tenant(tenants).into())),
            ("tenant changed", Change::Put(tenant(tenants / 2).into())),
            ("tenant deleted", Change::Delete(tenant(tenants / 2).id())),
            ("key added", Change::Put(key().into())),
        ];
        for (name, change) in changes {
            let changes = [change];
            group.bench_function(BenchmarkId::new(name, tenants), |bench| {
                bench.iter_batched(|| (), |()| before.after(2, &changes), BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

fn from_scratch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("from scratch");
    group.sample_size(10);
    for tenants in [1_000, 100_000] {
        group.bench_function(BenchmarkId::from_parameter(tenants), |bench| {
            bench.iter_with_large_drop(|| snapshot(tenants, Vec::new()));
        });
    }
    group.finish();
}

criterion_group!(all, one_change, from_scratch);
criterion_main!(all);
