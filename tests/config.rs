//! The configuration as people meet it: the examples load, the documented file tells the truth
//! about every key, and broken files are told where and why. Knows only `config` and `model`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use tenantry::config::{self, Problems, Settings};
use tenantry::model::{Api, Limits, MatchRule, Service, Timeouts, Unlisted, Upstream};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

fn examples() -> Vec<PathBuf> {
    let files = fs::read_dir(folder()).expect("the folder of examples");
    let mut paths: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "yaml"));
    // Records, not configuration: tests/apply.rs loads those.
    paths.retain(|path| !path.ends_with("tenants.yaml"));
    assert!(paths.len() >= 4, "{paths:?}");
    paths
}

fn documented() -> String {
    fs::read_to_string(folder().join("tenantry.yaml")).expect("it is there")
}

/// `#key:` is a key that is switched off, `# text` is a remark.
fn all_switched_on(text: &str) -> String {
    let switch = |line: &str| {
        let inner = line.trim_start();
        match inner.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => {
                format!("{}{key}\n", &line[..line.len() - inner.len()])
            }
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(switch).collect()
}

fn as_json(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

/// All keys of a schema as `services.*.match[].host`, each with its own schema.
fn keys<'s>(schema: &'s Value, path: &str, found: &mut Vec<(String, &'s Value)>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        found.push((path.clone(), inner));
        keys(inner, &path, found);
    }
    if schema["additionalProperties"].is_object() {
        keys(&schema["additionalProperties"], &format!("{path}.*"), found);
    }
    if schema["items"].is_object() {
        keys(&schema["items"], &format!("{path}[]"), found);
    }
}

/// All keys of a document in the same form, each with every value that it has.
fn used<'d>(document: &'d Value, path: &str, found: &mut Vec<(String, &'d Value)>) {
    match document {
        Value::Object(map) => {
            for (key, inner) in map {
                let path = match path {
                    "" => key.clone(),
                    "services" => "services.*".to_owned(),
                    outer => format!("{outer}.{key}"),
                };
                found.push((path.clone(), inner));
                used(inner, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| used(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn every_example_loads() {
    for path in examples() {
        if let Err(problems) = config::load(&path) {
            panic!("{problems}");
        }
    }
}

#[test]
fn every_key_of_the_examples_is_in_the_schema() {
    let schema = config::schema();
    let mut known = Vec::new();
    keys(&schema, "", &mut known);
    let known: BTreeSet<String> = known.into_iter().map(|(path, _)| path).collect();
    for path in examples() {
        let document = as_json(&all_switched_on(&fs::read_to_string(&path).expect("a text")));
        let mut found = Vec::new();
        used(&document, "", &mut found);
        assert!(!found.is_empty());
        for (key, _) in found.iter().filter(|(key, _)| key != "services.*") {
            assert!(known.contains(key), "{key} in {}", path.display());
        }
    }
}

#[test]
fn the_schema_closes_every_section() {
    fn closed(schema: &Value, path: &str) -> usize {
        if !schema.is_object() {
            return 0;
        }
        let own = usize::from(schema["properties"].is_object());
        assert!(own == 0 || schema["additionalProperties"] == Value::Bool(false), "{path}");
        let inner = schema["properties"].as_object().into_iter().flatten();
        own + inner.map(|(key, inner)| closed(inner, key)).sum::<usize>()
            + ["additionalProperties", "items"].map(|key| closed(&schema[key], key)).iter().sum::<usize>()
    }
    let schema = config::schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    // The file, listener, limits, two of TLS, admin, store, issuers, audit, login, service, rule,
    // timeouts, telemetry, access log.
    assert_eq!(closed(&schema, "the file"), 15);
    let services = &schema["properties"]["services"]["additionalProperties"];
    assert_eq!(services["required"], serde_json::json!(["match", "upstream"]));
    assert_eq!(schema["required"], Value::Null);
    let connect = &services["properties"]["timeouts"]["properties"]["connect"];
    assert_eq!((&connect["default"], &connect["x-unit"]), (&"5s".into(), &"duration".into()));
}

#[test]
fn the_documented_file_has_every_key_with_its_true_default() {
    let schema = config::schema();
    let mut known = Vec::new();
    keys(&schema, "", &mut known);
    assert!(known.len() > 40, "{}", known.len());
    let text = documented();
    let (plain, full) = (as_json(&text), as_json(&all_switched_on(&text)));
    let (mut on, mut all) = (Vec::new(), Vec::new());
    used(&plain, "", &mut on);
    used(&full, "", &mut all);
    for (key, inner) in known {
        assert!(inner["description"].as_str().is_some_and(|text| !text.is_empty()), "{key} is not described");
        assert!(all.iter().any(|(path, _)| *path == key), "{key} is not in config/tenantry.yaml");
        if let Some(default) = inner.get("default") {
            let stated = on.iter().find(|(path, _)| *path == key).map(|(_, value)| *value);
            assert_eq!(stated, Some(default), "{key}");
        }
    }
}

#[test]
fn the_documented_file_is_the_default_but_for_its_service() {
    let settings = config::parse(&documented(), "tenantry.yaml").expect("it is valid");
    assert_eq!(settings.services.len(), 1);
    assert_eq!(Settings { services: Vec::new(), ..settings.clone() }, Settings::default());
    for empty in
        ["", "{}", "# nothing\n", "listeners: [{address: '127.0.0.1:8080'}]", "telemetry: {access_log: {}}"]
    {
        assert_eq!(config::parse(empty, "tenantry.yaml"), Ok(Settings::default()), "{empty}");
    }

    let least = "services: {metrics: {match: [{path: '/{tenant}'}], upstream: 'http://127.0.0.1:9009'}}";
    let least = config::parse(least, "tenantry.yaml").expect("it is valid").services.remove(0);
    assert!(least.rules[0].strip && settings.services[0].rules[1].strip);
    let rules = settings.services[0].rules.clone();
    assert_eq!(Service { rules, ..least }, settings.services[0]);

    assert!(config::parse(&all_switched_on(&documented()), "tenantry.yaml").is_ok());
}

const FULL: &str = r#"
listeners:
  - {name: public, address: "[::]:443", tls: {cert: a.pem, key: /b.pem}, limits: {header_bytes: 16384, streams: 7}}
  - {name: inner, address: "127.0.0.1:81"}
admin: {address: "10.0.0.1:9080", tls: {cert: a.pem, key: b.pem}}
store: {path: ../state}
issuers: {allow_networks: [10.0.0.0/8, "::1"], allow_http: true, ca_file: ca.pem}
login: {failures: 3, window: 1m, lock: 2m, at_once: 5, waiting: 0}
services:
  logs:
    match:
      - {host: "Loki.{tenant}.Example.com.", strip: false}
      - {host: gw.example.com, path: "/t/{tenant}/"}
    upstream: [http://a:1, "http://[::1]:2/base"]
    tenant_header: X-Tenant
    api: loki
    unlisted: allow
    timeouts: {connect: 1s, first_byte: 2s, whole: 1m 30s}
telemetry: {log_level: debug, log_format: json, access_log: {output: logs/access.log, format: json}, tenant_series: 0}
workers: 3
drain: 0s
"#;

#[test]
fn everything_written_arrives() {
    let settings = config::parse(FULL, "/etc/tenantry/t.yaml").expect("it is valid");
    let public = &settings.listeners[0];
    assert_eq!(public.limits, Limits { header_bytes: 16384, streams: 7, ..Default::default() });
    let tls = public.tls.as_ref().expect("TLS");
    assert_eq!(tls.cert, Path::new("/etc/tenantry/a.pem"));
    assert_eq!(tls.key, Path::new("/b.pem"));
    assert_eq!(settings.listeners[1].name, "inner");
    assert!(settings.admin.tls.is_some());
    assert_eq!(settings.store.path, Path::new("/etc/tenantry/../state"));
    let networks = ["10.0.0.0/8", "::1/128"].map(|text| text.parse().expect("a network"));
    let ca_file = Some("/etc/tenantry/ca.pem".into());
    let issuers = config::IssuerSettings { allow_networks: networks.into(), allow_http: true, ca_file };
    assert_eq!(settings.issuers, issuers);
    let (window, lock) = (Duration::from_mins(1), Duration::from_mins(2));
    assert_eq!(settings.login, config::Login { failures: 3, window, lock, at_once: Some(5), waiting: 0 });
    let log = config::AccessLog::File {
        path: "/etc/tenantry/logs/access.log".into(),
        format: config::LogFormat::Json,
    };
    assert_eq!(settings.telemetry.access_log, log);
    assert_eq!((settings.telemetry.log_level.as_str(), settings.telemetry.tenant_series), ("debug", 0));
    assert_eq!((settings.workers, settings.drain), (Some(3), Duration::ZERO));
}

#[test]
fn a_whole_service_arrives() {
    let settings = config::parse(FULL, "/etc/tenantry/t.yaml").expect("it is valid");
    let rule = |host: &str, path: &str, strip| MatchRule {
        host: Some(host.parse().expect("a host")),
        path: (!path.is_empty()).then(|| path.parse().expect("a path")),
        strip,
    };
    let upstream = |host: &str, port, base: &str| Upstream { host: host.into(), port, base: base.into() };
    let service = Service {
        name: "logs".into(),
        rules: vec![
            rule("loki.{tenant}.example.com", "", false),
            rule("gw.example.com", "/t/{tenant}", true),
        ],
        upstreams: vec![upstream("a", 1, ""), upstream("::1", 2, "/base")],
        tenant_header: "x-tenant".into(),
        api: Api::Loki,
        unlisted: Unlisted::Allow,
        timeouts: Timeouts {
            connect: Duration::from_secs(1),
            first_byte: Duration::from_secs(2),
            whole: Duration::from_secs(90),
        },
    };
    assert_eq!(settings.services, [service]);
}

fn problems(text: &str) -> Problems {
    config::parse(text, "t.yaml").expect_err(text)
}

/// A broken file, and for each of its problems: the line, the key path, a part of the message.
type Broken<'a> = (&'a str, &'a [(u64, &'a str, &'a str)]);

fn expect_all(cases: &[Broken]) {
    for (text, expected) in cases {
        let found = problems(text);
        let shown = found.to_string();
        assert_eq!(found.list.len(), expected.len(), "{text}\n{shown}");
        for (problem, (line, path, part)) in found.list.iter().zip(*expected) {
            assert_eq!((problem.line, problem.key_path.as_str()), (*line, *path), "{text}\n{shown}");
            assert!(problem.message.contains(part), "{part}\n{shown}");
            assert!(problem.column > 0, "{shown}");
        }
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[test]
fn broken_keys_are_told_where_and_why() {
    expect_all(&[
        (
            "drains: 10s\nworkrs: 2\nfoo: 1\n",
            &[
                (1, "drains", "unknown key `drains`; did you mean `drain`?"),
                (2, "workrs", "did you mean `workers`?"),
                (3, "foo", "unknown key `foo`; known here: listeners, admin, store, "),
            ],
        ),
        (
            "services:\n  m:\n    match: [{path: '/{tenant}'}]\n    upstreem: http://a\n",
            &[
                (2, "services.m.upstream", "`upstream` is missing"),
                (4, "services.m.upstreem", "unknown key `upstreem`; did you mean `upstream`?"),
            ],
        ),
        (
            "drain: 10\nworkers: many\nadmin: []\nstore:\n",
            &[
                (1, "drain", "expected a duration with its unit, such as 10s or 1m 30s, found the number 10"),
                (2, "workers", "expected a whole number, found the text \"many\""),
                (3, "admin", "expected a map, found a list"),
                (4, "store", "found nothing; write a value or leave the key out"),
            ],
        ),
        ("drain: 1s\nworkers: 1\ndrain: 2s\n", &[(3, "drain", "stands here twice; it is on line 1 already")]),
        ("x: &a [1]\nadmin: {<<: *a}\n", &[(1, "x", "unknown key"), (2, "admin.<<", "unknown key")]),
        ("drain: 1s\nstore: {path: \"a\n", &[(2, "", "unclosed quote")]),
        ("- a\n", &[(1, "", "expected a map, found a list")]),
        (
            "services:\n  Big: {match: [{host: 'x{tenant}.b'}], upstream: http://a}\n  1: 2\n",
            &[
                (2, "services.Big", "is no name"),
                (2, "services.Big.match[0].host", "stands alone between dots"),
                (3, "services.1", "expected a map"),
            ],
        ),
    ]);
}

#[test]
fn broken_values_are_told_where_and_why() {
    expect_all(&[
        (
            "admin:\n  address: 0.0.0.0:9080\n",
            &[(2, "admin.address", "set `admin.tls` or listen on 127.0.0.1")],
        ),
        (
            "listeners:\n  - {address: '127.0.0.1:1'}\n  - {address: '0.0.0.0:1'}\n",
            &[
                (3, "listeners[1]", "is named \"default\" too"),
                (3, "listeners[1].address", "too; give each its own address"),
            ],
        ),
        (
            "listeners:\n  - address: 127.0.0.1:9080\n",
            &[(2, "listeners[0].address", "the admin port listens on 127.0.0.1:9080 too")],
        ),
        (
            "listeners:\n  - address: :8080\n    limits:\n      header_bytes: 64kb\n      streams: 0\n      \
             idle_timeout: 0s\n    tls:\n      cert: a\n",
            &[
                (2, "listeners[0].address", "for every interface write \"[::]:8080\""),
                (4, "listeners[0].limits.header_bytes", "is no size"),
                (5, "listeners[0].limits.streams", "out of range: 1 to 10000"),
                (6, "listeners[0].limits.idle_timeout", "out of range"),
                (7, "listeners[0].tls.key", "`key` is missing"),
            ],
        ),
        (
            "issuers:\n  allow_networks: [10.1.0.0/8, all, 10.0.0.0/33]\n  allow_http: 'yes'\n  ca_file: ''\n",
            &[
                (2, "issuers.allow_networks[0]", "bits behind its prefix: the network is 10.0.0.0/8"),
                (2, "issuers.allow_networks[1]", "\"all\" is no network"),
                (2, "issuers.allow_networks[2]", "a prefix of 33 is too long"),
                (3, "issuers.allow_http", "expected true or false"),
                (4, "issuers.ca_file", "is no path"),
            ],
        ),
        (
            "telemetry:\n  log_level: inof\n  log_format: jsno\n  access_log:\n    output: stdot\n  tenant_series: -1\n",
            &[
                (2, "telemetry.log_level", "did you mean `info`?"),
                (3, "telemetry.log_format", "did you mean `json`?"),
                (5, "telemetry.access_log.output", "did you mean `stdout`?"),
                (6, "telemetry.tenant_series", "found the number -1"),
            ],
        ),
    ]);
}

#[test]
fn broken_services_are_told_where_and_why() {
    expect_all(&[
        (
            "services:\n  m:\n    match:\n      - {host: a.b}\n      - {}\n      - host: '{tenant}.b'\n        \
             path: /{tenant}\n    upstream: [https://a, http://u:secret@a, 'http://a?x']\n",
            &[
                (4, "services.m.match[0]", "no {tenant} in `host` or `path`"),
                (5, "services.m.match[1]", "needs `host`, `path` or both"),
                (6, "services.m.match[2]", "only one can catch it"),
                (8, "services.m.upstream[0]", "TLS to the back end"),
                (8, "services.m.upstream[1]", "no user and no password"),
                (8, "services.m.upstream[2]", "query or a fragment"),
            ],
        ),
        (
            "services:\n  a:\n    match:\n      - host: '{tenant}.x'\n    upstream: http://a\n  b:\n    match:\n      \
             - path: /b/{tenant}\n      - host: 'a.{tenant}'\n    upstream: http://a\n",
            &[(9, "services.b.match[1]", "services.a.match[0] on line 4 catches equally well")],
        ),
        (
            "services:\n  m:\n    match: []\n    upstream: []\n    api: cortxe\n    unlisted: maybe\n    \
             tenant_header: Host\n",
            &[
                (3, "services.m.match", "at least one"),
                (4, "services.m.upstream", "at least one"),
                (
                    5,
                    "services.m.api",
                    "is not one of cortex, loki, prometheus, read-write; did you mean `cortex`?",
                ),
                (6, "services.m.unlisted", "is not one of deny, allow"),
                (7, "services.m.tenant_header", "cannot carry the tenant"),
            ],
        ),
    ]);
}

#[test]
fn problems_are_shown_one_per_line() {
    let shown = problems("drains: 10s\nstore:\n  path: 5\n").to_string();
    let expected = "t.yaml:1:1: drains: unknown key `drains`; did you mean `drain`?\n\
        t.yaml:3:9: store.path: expected text, the path of a file or directory, found the number 5; put it in quotes";
    assert_eq!(shown, expected);
}

#[test]
fn files_are_looked_at_only_when_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.yaml");
    let text = "listeners:\n  - address: 127.0.0.1:0\n    tls:\n      cert: here.pem\n      key: gone.pem\n";
    fs::write(&file, text).expect("written");
    fs::write(folder.path().join("here.pem"), "x").expect("written");
    assert!(config::load(&file).is_ok());
    let found = config::check(&file).expect_err("a key is missing");
    assert_eq!(found.list.len(), 1, "{found}");
    assert_eq!((found.list[0].line, found.list[0].key_path.as_str()), (5, "listeners[0].tls.key"));
    fs::write(folder.path().join("gone.pem"), "x").expect("written");
    assert!(config::check(&file).is_ok());
}

#[test]
fn files_that_are_no_configuration_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.yaml");
    let told = |part: &str| {
        let found = config::load(&file).expect_err(part);
        assert!(found.to_string().contains(&format!("t.yaml: {part}")), "{found}");
    };
    told("the file cannot be read");
    fs::write(&file, "#".repeat(config::MAX_FILE + 1)).expect("written");
    told("the file is larger than 1048576 bytes");
    fs::write(&file, [0xff, 0xfe, 0xfd]).expect("written");
    told("the file is not UTF-8");
}

#[test]
fn aliases_are_read() {
    let text = "services:\n  a: {match: [{path: '/a/{tenant}'}], upstream: http://a, timeouts: &t {connect: 1s}}\n  \
                b: {match: [{path: '/b/{tenant}'}], upstream: http://b, timeouts: *t}\n";
    let settings = config::parse(text, "t.yaml").expect("it is valid");
    assert_eq!(settings.services[1].timeouts.connect, Duration::from_secs(1));
    assert_eq!(settings.services[1].timeouts, settings.services[0].timeouts);
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let deep = "[".repeat(5_000);
    let many = "a: &a {}\nb: [".to_owned() + &"*a, ".repeat(200_000) + "]";
    let wide = "- a\n".repeat(250_000);
    let told = [
        (bomb.as_str(), "too much"),
        (&many, "too much"),
        (&wide, "too much"),
        ("--- {}\n--- {}\n", "too much"),
        (&deep, "recursion"),
        ("a: &a [*a]\n", "recursive"),
    ];
    for (text, part) in told {
        let found = problems(text);
        assert_eq!(found.list.len(), 1, "{found}");
        assert!(found.list[0].message.contains(part), "{found}");
    }
}

/// Pieces that meet each other's rules more often than characters do.
fn pieces() -> impl Strategy<Value = String> {
    let all = [
        "services:",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        ": ",
        "match:",
        "host: ",
        "path: /",
        "{tenant}",
        "upstream: ",
        "&a ",
        "*a ",
        "<<: ",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "|",
        ">",
        "!!str ",
        "!!int ",
        "!x ",
        "10s",
        "64KiB",
        "0x10",
        "~",
        "? ",
        "#",
        "---\n",
        "...\n",
        "\t",
        ",",
        "listeners:",
        "address: 127.0.0.1:80",
        "-1",
        ".nan",
        "1e400",
        "é",
        "\u{feff}",
        "99999999999999999999",
        "%YAML 1.1\n",
    ];
    prop::collection::vec(prop::sample::select(all.to_vec()), 0..200).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![pieces(), "(?s).{0,700}", "[ -~\n]{0,2048}"]) {
        if let Err(found) = config::parse(&text, "t.yaml") {
            prop_assert!(!found.list.is_empty());
            prop_assert!(found.list.iter().all(|p| p.line > 0 && p.column > 0), "{}", found);
            let shown = found.to_string();
            prop_assert_eq!(shown.split('\n').count(), found.list.len(), "{}", &shown);
            prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{:?}", &shown);
        }
    }
}
