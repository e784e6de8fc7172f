//! Hosts, paths and methods, through real sockets: of two requests that two readers could take for one,
//! or one that could be taken for two, at most one gets through, and what gets through is what was judged.

mod support;

use http::{Request, Version};
use reqwest::Method;
use serde_json::json;
use support::door::Door;
use support::forge::{Forge, good};
use support::gateway;
use support::h2;
use support::raw::status;
use support::upstream::Upstream;
use tenantry::cli::keypair::KeypairKind;

/// A door, and a header line that opens it for `acme`.
async fn open() -> (Door, String) {
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door::with(&forge, &["acme", "globex"]).await;
    let token = forge.claims(&good("acme").to_string());
    (door, format!("Authorization: Bearer {token}\r\n"))
}

/// A door for a configuration of its own, with the same tenants.
async fn open_with(yaml: impl FnOnce(&Upstream) -> String) -> (Door, String) {
    let upstream = Upstream::ok().await;
    let running = gateway::start(&yaml(&upstream)).await;
    let forge = Forge::new(KeypairKind::Ed25519);
    let door = Door { running, upstream };
    for tenant in ["acme", "globex"] {
        door.running.create_tenant(tenant).await;
    }
    door.trust(&forge, json!({})).await;
    let token = forge.claims(&good("acme").to_string());
    (door, format!("Authorization: Bearer {token}\r\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_host_are_one_tenant() {
    let (door, bearer) = open().await;
    for (host, forwarded) in [
        ("acme.example.com", "acme.example.com"),
        ("ACME.Example.COM", "acme.example.com"),
        ("acme.example.com.", "acme.example.com"),
        ("acme.example.com:80", "acme.example.com:80"),
        ("Acme.example.com.:65535", "acme.example.com:65535"),
    ] {
        assert_eq!(status(&door.ask("GET /x", host, &bearer).await), 200, "{host}");
        let seen = door.upstream.last();
        assert_eq!((seen.header("host"), seen.header("x-scope-orgid")), (vec![forwarded], vec!["acme"]));
        assert_eq!(seen.header("x-forwarded-host"), [forwarded], "{host}");
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_are_no_tenants_open_nothing() {
    let (door, bearer) = open().await;
    let long = format!("{}.example.com", "a".repeat(64));
    for (host, statuses) in [
        ("globex.example.com", [401, 401]),
        ("www.example.com", [401, 404]),
        ("xn--acme-.example.com", [401, 404]),
        ("xn--80acd.example.com", [401, 404]),
        (long.as_str(), [401, 404]),
        ("x.acme.example.com", [404, 404]),
        ("acme.acme.example.com", [404, 404]),
        ("example.com", [404, 404]),
        ("acme", [404, 404]),
        ("acme.example.com.evil.com", [404, 404]),
        ("acme.example.org", [404, 404]),
        ("acme-example.com", [404, 404]),
        ("acmeexample.com", [404, 404]),
        ("127.0.0.1", [404, 404]),
        ("[::1]", [404, 404]),
        ("[::1]:8080", [404, 404]),
        ("", [400, 400]),
        (".", [400, 400]),
        (".example.com", [400, 400]),
        ("acme..example.com", [400, 400]),
        (".acme.example.com", [400, 400]),
        ("acme.example.com..", [400, 400]),
        ("acme.example.com:", [400, 400]),
        ("acme.example.com:x", [400, 400]),
        ("acme.example.com:999999", [400, 400]),
        ("acme.example.com:80:80", [400, 400]),
        ("user@acme.example.com", [400, 400]),
        ("user:pass@acme.example.com", [400, 400]),
        ("globex.example.com@acme.example.com", [400, 400]),
        ("acme.example.com/x", [400, 400]),
        ("acme.example.com#x", [400, 400]),
        ("acme.example.com?x", [400, 400]),
        ("acme%2eexample.com", [400, 400]),
        ("acme.example.com, globex.example.com", [400, 400]),
        ("acme.example.com globex.example.com", [400, 400]),
        ("http://acme.example.com", [400, 400]),
        ("acme\\.example.com", [400, 400]),
        ("ácme.example.com", [400, 400]),
        ("[::1", [400, 400]),
        ("::1", [400, 400]),
        ("[acme.example.com]", [400, 400]),
        ("*.example.com", [400, 400]),
    ] {
        let answer = status(&door.ask("GET /x", host, &bearer).await);
        assert!(statuses.contains(&answer), "{host:?}: {answer}");
    }
    // Any host will do where the path names the tenant, if it is one.
    for host in ["[::1]:8080", "127.0.0.1", "localhost"] {
        assert_eq!(status(&door.ask("GET /t/acme/x", host, &bearer).await), 200, "{host}");
    }
    assert_eq!(door.upstream.seen().len(), 3);
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_one_host() {
    let (door, bearer) = open().await;
    let with = |line: &str, hosts: &str| format!("{line}\r\n{hosts}{bearer}Connection: close\r\n\r\n");
    let acme = "Host: acme.example.com\r\n";
    for (line, hosts) in [
        ("GET /x HTTP/1.1", ""),
        ("GET /x HTTP/1.0", ""),
        ("GET /x HTTP/1.1", "Host: acme.example.com\r\nHost: globex.example.com\r\n"),
        ("GET /x HTTP/1.1", "Host: globex.example.com\r\nHost: acme.example.com\r\n"),
        ("GET /x HTTP/1.1", "Host: acme.example.com\r\nhost: acme.example.com\r\n"),
        ("GET http://acme.example.com/x HTTP/1.1", ""),
        ("GET http://acme.example.com/x HTTP/1.1", "Host: globex.example.com\r\n"),
        ("GET http://globex.example.com/x HTTP/1.1", acme),
        ("GET http://acme.example.com:81/x HTTP/1.1", acme),
        ("GET http://user@acme.example.com/x HTTP/1.1", acme),
        ("GET http://globex.example.com@acme.example.com/x HTTP/1.1", acme),
        ("GET //acme.example.com/x HTTP/1.1", acme),
        ("GET http:///x HTTP/1.1", acme),
        ("GET acme.example.com:80 HTTP/1.1", acme),
        ("GET x HTTP/1.1", acme),
        ("OPTIONS * HTTP/1.1", acme),
    ] {
        let answer = door.raw(&with(line, hosts)).await;
        assert_eq!(status(&answer), 400, "{line} {hosts}: {answer}");
    }
    assert!(door.upstream.seen().is_empty());
    for (line, hosts, target) in [
        ("GET http://acme.example.com/x?y HTTP/1.1", acme, "/x?y"),
        ("GET http://ACME.example.com./x HTTP/1.1", acme, "/x"),
        ("GET http://acme.example.com HTTP/1.1", acme, "/"),
        ("GET http://acme.example.com?y HTTP/1.1", acme, "/?y"),
        ("GET /x HTTP/1.0", acme, "/x"),
    ] {
        let answer = door.raw(&with(line, hosts)).await;
        assert_eq!(status(&answer), 200, "{line}: {answer}");
        let seen = door.upstream.last();
        assert_eq!((seen.target(), seen.header("host")), (target, vec!["acme.example.com"]), "{line}");
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_request_names_one_host() {
    let (door, bearer) = open().await;
    let bearer = bearer.trim().split_once(": ").expect("a header").1.to_owned();
    let ask = async |uri: &str, hosts: &[&str]| {
        let request = Request::get(uri).header("authorization", &bearer);
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        let answer = h2::send(door.address(), request.body(()).expect("a request")).await;
        answer.map(|answer| answer.status)
    };
    let uri = "http://acme.example.com/x";
    for (uri, hosts) in [
        (uri, vec!["globex.example.com"]),
        (uri, vec!["acme.example.com:80"]),
        (uri, vec!["acme.example.com", "acme.example.com"]),
        (uri, vec!["acme.example.com", "globex.example.com"]),
        (uri, vec![""]),
        ("http://globex.example.com/x", vec!["acme.example.com"]),
        ("http://user@acme.example.com/x", vec![]),
        ("http://user@acme.example.com/x", vec!["acme.example.com"]),
        ("/x", vec![]),
        ("/x", vec!["acme.example.com", "globex.example.com"]),
    ] {
        // A stream that is reset is refused as well.
        let answer = ask(uri, &hosts).await;
        assert!(matches!(answer, None | Some(400)), "{uri} {hosts:?}: {answer:?}");
    }
    assert!(door.upstream.seen().is_empty());
    for (uri, hosts) in [
        (uri, vec![]),
        (uri, vec!["acme.example.com"]),
        (uri, vec!["ACME.example.com."]),
        ("http://ACME.example.com./x", vec![]),
        ("https://acme.example.com/x", vec![]),
        ("/x", vec!["acme.example.com"]),
    ] {
        assert_eq!(ask(uri, &hosts).await, Some(200), "{uri} {hosts:?}");
        let seen = door.upstream.last();
        assert_eq!((seen.header("host"), seen.target()), (vec!["acme.example.com"], "/x"), "{uri} {hosts:?}");
    }
    assert_eq!(ask("http://globex.example.com/x", &[]).await, Some(401));
    door.running.stop().await;
}

/// Paths below a prefix that two readers could read in two ways.
const DUBIOUS: [&str; 44] = [
    "//x",
    "/x//y",
    "/x//",
    "/./x",
    "/x/.",
    "/x/./y",
    "/../x",
    "/x/..",
    "/x/../y",
    "/../globex/x",
    "/..",
    "/%2e/x",
    "/%2E%2E/x",
    "/.%2e/x",
    "/%2e%2e%2fglobex",
    "/x%2fy",
    "/x%2Fy",
    "/x%5cy",
    "/x\\y",
    "/..\\x",
    "/x%00",
    "/x%00.png",
    "/%252e%252e/x",
    "/x%25",
    "/x%252f",
    "/x;y=1",
    "/x;",
    "/..;/x",
    "/x%3by",
    "/x%3Fy",
    "/x%23y",
    "/x%0d%0aX-Evil:1",
    "/x%7f",
    "/%61pi",
    "/x%",
    "/x%2",
    "/x%zz",
    "/x|y",
    "/x\"y",
    "/x<y>",
    "/x^y",
    "/x`y",
    "/x{y}",
    "/%u002e%u002e/x",
];

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_could_be_read_in_two_ways_are_refused() {
    let (door, bearer) = open().await;
    let token = bearer.trim().split_once(": ").expect("a header").1.to_owned();
    for path in DUBIOUS {
        for (host, prefix) in [("acme.example.com", ""), ("a", "/t/acme"), ("a", "/t/acme/deeper")] {
            let answer = door.ask(&format!("GET {prefix}{path}"), host, &bearer).await;
            assert_eq!(status(&answer), 400, "{prefix}{path} at {host}: {answer}");
            // Who has no credential learns as much.
            assert_eq!(status(&door.ask(&format!("GET {prefix}{path}"), host, "").await), 400);
            let Ok(uri) = format!("http://{host}{prefix}{path}").parse::<http::Uri>() else { continue };
            let request = Request::get(uri).header("authorization", &token).body(()).expect("a request");
            let answer = h2::send(door.address(), request).await.map(|answer| answer.status);
            assert!(matches!(answer, None | Some(400)), "h2 {prefix}{path} at {host}: {answer:?}");
        }
    }
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_with_one_reading_go_through_byte_by_byte() {
    let (door, bearer) = open().await;
    for path in [
        "/x",
        "/x/",
        "/x.",
        "/x..",
        "/...",
        "/.x",
        "/..x",
        "/x/...",
        "/X",
        "/a%20b",
        "/%C3%A9",
        "/%c3%a9",
        "/a:b@c",
        "/~a!$&'()*+,=",
        "/x?/ready",
        "/x?",
        "/x??",
        "/x?a=1&a=2",
        "/x?a=%2e%2e%2f",
        "/x?..//;\\",
        "/x?a=b%23c",
        "/x?%00",
        "/label/job/values?match[]={a=%22b%22}",
    ] {
        let answer = door.ask(&format!("GET {path}"), "acme.example.com", &bearer).await;
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        assert_eq!(door.upstream.last().target(), path);
        let answer = door.ask(&format!("GET /t/acme{path}"), "a", &bearer).await;
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        assert_eq!(door.upstream.last().target(), path, "stripped");
    }
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_ends_with_its_segment_and_leaves_a_path() {
    let (door, bearer) = open().await;
    for (path, left) in [
        ("/t/acme", "/"),
        ("/t/acme/", "/"),
        ("/t/acme?a", "/?a"),
        ("/t/acme/?a", "/?a"),
        ("/t/acme/t/globex", "/t/globex"),
    ] {
        let answer = door.ask(&format!("GET {path}"), "a", &bearer).await;
        assert_eq!((status(&answer), door.upstream.last().target()), (200, left), "{path}");
    }
    let through = door.upstream.seen().len();
    for (path, expected) in [
        ("/t/acmeX", 401),
        ("/t/acme-x/x", 401),
        ("/t/acm/x", 401),
        ("/t/acme.", 401),
        ("/t/ACME/x", 401),
        ("/t/globex/x", 401),
        ("/t/acme%20/x", 401),
        ("/t/acme,globex/x", 401),
        ("/t", 404),
        ("/t/", 404),
        ("/tx/acme", 404),
        ("/T/acme/x", 404),
        ("/x/t/acme", 404),
        ("/", 404),
        ("/ready", 404),
        ("/metrics", 404),
        ("/?/t/acme", 404),
        ("/t//acme", 400),
        ("/t/acm%65/x", 400),
        ("/%74/acme/x", 400),
        ("/t/./acme", 400),
        ("/t/globex/../acme/x", 400),
        ("/t/acme|globex/x", 400),
    ] {
        let answer = door.ask(&format!("GET {path}"), "a", &bearer).await;
        assert_eq!(status(&answer), expected, "{path}: {answer}");
    }
    assert_eq!(door.upstream.seen().len(), through);
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_target_exempts_it() {
    let (door, bearer) = open().await;
    for path in [
        "/x?/ready",
        "/x?/-/healthy",
        "/x?.png",
        "/ready",
        "/-/ready",
        "/metrics",
        "/favicon.ico",
        "/x.css",
        "/public",
        "/login",
    ] {
        let answer = door.ask(&format!("GET {path}"), "acme.example.com", "").await;
        assert_eq!(status(&answer), 401, "{path}");
    }
    for path in ["/x#/ready", "/#/ready", "/x#", "/x?y#z", "#", "/x%23/../ready"] {
        for lines in ["", &bearer] {
            let answer = door.ask(&format!("GET {path}"), "acme.example.com", lines).await;
            assert_eq!(status(&answer), 400, "{path}");
        }
    }
    assert!(door.upstream.seen().is_empty());
    door.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operates_a_back_end_is_not_there() {
    for api in ["cortex", "loki", "prometheus"] {
        let (door, bearer) = open_with(|upstream| gateway::yaml(upstream.address, api, "", "")).await;
        for path in [
            "/",
            "/config",
            "/runtime_config",
            "/services",
            "/ready",
            "/metrics",
            "/memberlist",
            "/ring",
            "/flush",
            "/shutdown",
            "/debug/pprof",
            "/debug/pprof/",
            "/debug/pprof/heap",
            "/distributor/ring",
            "/distributor/all_user_stats",
            "/ingester/ring",
            "/ingester/flush",
            "/ingester/shutdown",
            "/ingester/push",
            "/store-gateway/ring",
            "/compactor/ring",
            "/compactor/delete_tenant",
            "/purger/delete_tenant",
            "/ruler/ring",
            "/ruler/rule_groups",
            "/multitenant_alertmanager/status",
            "/multitenant_alertmanager/configs",
            "/api/v1/user-overrides",
            "/api/v1/admin/tsdb/delete_series",
            "/api/v1/status/config",
            "/api/v1/status/flags",
            "/-/reload",
            "/-/quit",
            "/api/v1/pushX",
            "/api/v1/push/",
            "/API/v1/push",
            "/api/v1",
            "/loki/api/v1/push/x",
            "/loki/ring",
            "/loki/config",
            "/api/prom/config",
            "/prometheus/config",
            "/prometheus/api/v1/status/config",
            "/ui",
            "/graph",
        ] {
            for method in ["GET", "POST", "DELETE", "PUT"] {
                for (host, prefix) in [("acme.example.com", ""), ("a", "/t/acme")] {
                    let path = if path == "/" && !prefix.is_empty() { "" } else { path };
                    let answer = door.ask(&format!("{method} {prefix}{path}"), host, &bearer).await;
                    assert_eq!(status(&answer), 404, "{api}: {method} {prefix}{path}: {answer}");
                }
            }
        }
        assert!(door.upstream.seen().is_empty());
        door.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_paths_have_their_methods() {
    let (cortex, bearer) = open_with(|upstream| gateway::yaml(upstream.address, "cortex", "", "")).await;
    for (request, expected, allow) in [
        ("POST /t/acme/api/v1/push", 200, None),
        ("GET /t/acme/api/v1/push", 405, Some("POST")),
        ("PURGE /t/acme/api/v1/push", 405, Some("POST")),
        ("post /t/acme/api/v1/push", 405, Some("POST")),
        ("DELETE /t/acme/api/v1/query", 405, Some("GET, HEAD, POST")),
        ("HEAD /t/acme/api/v1/query", 200, None),
        ("GET /t/acme/api/v1/label/job/values", 200, None),
        ("POST /t/acme/api/v1/label/job/values", 405, Some("GET, HEAD")),
        ("GET /t/acme/api/v1/label//values", 400, None),
        ("GET /t/acme/api/v1/label/a/b/values", 404, None),
        ("PUT /t/acme/api/v1/rules/ns", 405, Some("GET, HEAD, POST, DELETE")),
    ] {
        let answer = cortex.ask(request, "a", &bearer).await;
        assert_eq!(status(&answer), expected, "{request}: {answer}");
        let told = answer
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("allow: ").map(str::to_uppercase));
        assert_eq!(told.as_deref(), allow, "{request}");
    }
    assert_eq!(cortex.upstream.seen().len(), 3);
    cortex.running.stop().await;
    let (open, bearer) =
        open_with(|upstream| gateway::yaml(upstream.address, "cortex", "    unlisted: allow\n", "")).await;
    for (request, expected) in [
        ("GET /t/acme/config", 200),
        ("POST /t/acme/anything", 200),
        // A listed path keeps its own methods.
        ("GET /t/acme/api/v1/push", 405),
        ("GET /t/acme/../config", 400),
        ("GET /t/globex/config", 401),
    ] {
        assert_eq!(status(&open.ask(request, "a", &bearer).await), expected, "{request}");
    }
    open.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_and_trace_reach_no_back_end() {
    for api in ["read-write", "cortex"] {
        let (door, bearer) =
            open_with(|upstream| gateway::yaml(upstream.address, api, "    unlisted: allow\n", "")).await;
        for (request, host) in [
            ("TRACE /t/acme/x", "a"),
            ("TRACE /x", "acme.example.com"),
            ("CONNECT acme.example.com:443", "acme.example.com:443"),
            ("CONNECT acme.example.com", "acme.example.com"),
            ("CONNECT /t/acme/x", "a"),
            ("CONNECT 127.0.0.1:22", "127.0.0.1:22"),
        ] {
            for lines in ["", &bearer] {
                let answer = door.ask(request, host, lines).await;
                assert!(matches!(status(&answer), 400 | 405 | 501), "{request}: {answer}");
                let allow = answer.to_lowercase().contains("\r\nallow: ");
                assert_eq!(allow, status(&answer) == 405, "RFC 9110 §15.5.6 wants Allow: {answer}");
            }
        }
        let token = bearer.trim().split_once(": ").expect("a header").1;
        for (method, uri) in
            [(Method::TRACE, "http://acme.example.com/x"), (Method::CONNECT, "acme.example.com:443")]
        {
            let request = Request::builder().method(method).uri(uri).version(Version::HTTP_2);
            let request = request.header("authorization", token).body(()).expect("a request");
            let answer = h2::send(door.address(), request).await.map(|answer| answer.status);
            assert!(matches!(answer, None | Some(400 | 405 | 501)), "h2 {uri}: {answer:?}");
        }
        assert!(door.upstream.seen().is_empty());
        door.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_specific_rule_wins_and_judges_what_is_forwarded() {
    let (door, bearer) = open_with(|upstream| {
        format!(
            "listeners: [{{name: plain, address: '127.0.0.1:0'}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
             store: {{path: store}}\ntelemetry: {{access_log: {{output: off}}}}\nservices:\n\
             \x20 cortex:\n    upstream: http://{address}/base\n    api: cortex\n    match:\n\
             \x20     - {{host: 'cortex.{{tenant}}.example.com'}}\n\
             \x20     - {{host: '{{tenant}}.example.com', path: /api/prom, strip: false}}\n\
             \x20 loki:\n    upstream: http://{address}\n    api: loki\n    match:\n\
             \x20     - {{host: '{{tenant}}.example.com', path: /logs}}\n\
             \x20 any:\n    upstream: http://{address}\n    match:\n\
             \x20     - {{host: '{{tenant}}.example.com'}}\n\
             \x20     - {{path: '/keep/{{tenant}}/x', strip: false}}\n",
            address = upstream.address
        )
    })
    .await;
    for (request, host, expected, target) in [
        ("POST /api/v1/push", "cortex.acme.example.com", 200, "/base/api/v1/push"),
        ("GET /config", "cortex.acme.example.com", 404, ""),
        ("POST /api/prom/push", "acme.example.com", 200, "/base/api/prom/push"),
        // Stripped, it is a path of Cortex; as it is forwarded, it is none.
        ("POST /api/prom/api/v1/push", "acme.example.com", 404, ""),
        ("POST /logs/loki/api/v1/push", "acme.example.com", 200, "/loki/api/v1/push"),
        ("POST /logs", "acme.example.com", 404, ""),
        ("GET /logs/config", "acme.example.com", 404, ""),
        ("GET /logsX/config", "acme.example.com", 200, "/logsX/config"),
        ("GET /logs/../config", "acme.example.com", 400, ""),
        ("GET /api/promX", "acme.example.com", 200, "/api/promX"),
        ("GET /keep/acme/x/y", "elsewhere.org", 200, "/keep/acme/x/y"),
        ("GET /keep/acme/x", "acme.example.com", 200, "/keep/acme/x"),
        ("GET /keep/acme/xy", "elsewhere.org", 404, ""),
        ("GET /x", "cortex.globex.example.com", 404, ""),
        ("POST /api/v1/push", "cortex.globex.example.com", 401, ""),
        // The path says another tenant than the host: the host's rule is the more specific one.
        ("GET /keep/globex/x", "acme.example.com", 200, "/keep/globex/x"),
        ("GET /keep/globex/x", "elsewhere.org", 401, ""),
    ] {
        let before = door.upstream.seen().len();
        let answer = door.ask(request, host, &bearer).await;
        assert_eq!(status(&answer), expected, "{request} at {host}: {answer}");
        let seen = door.upstream.seen();
        match expected {
            200 => {
                let last = seen.last().expect("a request");
                assert_eq!(
                    (last.target(), last.header("x-scope-orgid")),
                    (target, vec!["acme"]),
                    "{request}"
                );
            }
            _ => assert_eq!(seen.len(), before, "{request} at {host}"),
        }
    }
    door.running.stop().await;
}
