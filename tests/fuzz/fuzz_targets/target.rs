//! Hosts and paths: whatever is judged is canonical, and judged alike when it is said again.

#![no_main]

#[path = "../../../benches/support/world.rs"]
mod world;

use std::sync::LazyLock;

use http::{Method, Request, Version, header};
use libfuzzer_sys::fuzz_target;
use tenantry::cli::keypair::KeypairKind;
use tenantry::cli::signer::Signer;
use tenantry::proxy::{Host, Target, target};
use tenantry::snapshot::Snapshot;

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let signer = Signer::generate(KeypairKind::Ed25519).expect("randomness");
    world::snapshot(1, vec![world::trusted(&signer, "key")])
});

fn host_of(host: &[u8], version: Version) -> Option<Host> {
    let request = Request::get("/").version(version).header(header::HOST, host).body(()).ok()?;
    Host::of(&request.into_parts().0).ok()
}

fuzz_target!(|input: (&[u8], &str, bool)| {
    let (host, path, post) = input;
    let Some(host) = host_of(host, Version::HTTP_11) else { return };
    assert!(!host.text().iter().any(u8::is_ascii_uppercase) && !host.name().ends_with('.'));
    let again = host_of(host.text(), Version::HTTP_2).expect("a canonical host is a host");
    assert_eq!((again.text(), again.name()), (host.text(), host.name()));

    let Ok(uri) = path.parse::<http::Uri>() else { return };
    let (path, method) = (uri.path(), if post { Method::POST } else { Method::GET });
    let Ok(Target { tenant, start, permission, .. }) = target(&SNAPSHOT.routes, &host, &method, path) else {
        return;
    };
    assert!(!tenant.is_empty() && !tenant.contains(['/', '.', '%']), "{tenant:?} is no one label or segment");
    assert!(host.name().contains(tenant) || path.contains(tenant));
    let segments = path.split('/').skip(1);
    assert!(segments.clone().all(|segment| segment != "." && segment != ".."), "{path:?} is judged");
    let rest = &path[start..];
    assert!(rest.is_empty() || rest.starts_with('/'), "{rest:?} is forwarded");
    let again = target(&SNAPSHOT.routes, &again, &method, path).ok().expect("the same is judged alike");
    assert_eq!((again.tenant, again.start, again.permission), (tenant, start, permission));
});
