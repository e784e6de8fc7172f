//! Documents that are more than one request takes, and requests that break off.

use std::fs;

use serde_json::Value;

use super::stub::Stub;

const NOTHING: &str = r#"{"plan":"p","changes":[],"parts":[]}"#;

/// A file of these documents.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.yaml");
    fs::write(&file, text).expect("a file");
    let file = file.to_str().expect("a plain path").to_owned();
    (folder, file)
}

fn tenants(count: usize) -> String {
    (0..count).map(|nth| format!("---\nkind: Tenant\nid: t{nth}\n")).collect()
}

#[test]
fn many_documents_go_in_parts_that_build_upon_each_other() {
    let stub = Stub::scripted(&[("POST /api/v1/apply ", 200, "", NOTHING)]);
    let key = "---\nkind: Key\nid: k\npublic_key: x\n";
    let (_folder, all) =
        file(&(key.to_owned() + &tenants(10_000) + "---\nkind: User\nemail: ann@example.com\n"));
    for words in [&["apply", "-f", &all, "--yes"][..], &["diff", "-f", &all]] {
        let end = stub.tenantry(words).end();
        assert_eq!((end.code, end.out.contains("nothing to change")), (0, true), "{}", end.err);
    }
    let bodies = stub.bodies("POST /api/v1/apply");
    let documents: Vec<&Vec<Value>> =
        bodies.iter().map(|body| body["documents"].as_array().expect("documents")).collect();
    assert_eq!(documents.iter().map(|part| part.len()).collect::<Vec<_>>(), [10_000, 2, 10_000, 2]);
    assert_eq!((&documents[0][0]["kind"], &documents[1][1]["kind"]), (&"User".into(), &"Key".into()));

    let end = stub.tenantry(&["apply", "-f", &all, "--yes", "--prune-tenants"]).end();
    assert!(end.code == 2 && end.err.contains("10000"), "{}", end.err);
    let (_folder, twice) = file(&(tenants(10_000) + "---\nkind: Tenant\nid: t7\n"));
    let end = stub.tenantry(&["apply", "-f", &twice, "--yes"]).end();
    assert!(end.code == 2 && end.err.contains("document 10001"), "{}", end.err);
    assert_eq!(stub.requests().len(), 4, "nothing more was sent");
}

#[test]
fn what_is_long_in_bytes_goes_in_parts_too() {
    let stub = Stub::scripted(&[("POST /api/v1/apply ", 200, "", NOTHING)]);
    let long = "x".repeat(1 << 20);
    let (_folder, all) =
        file(&(0..9).map(|nth| format!("---\nkind: Tenant\nid: t{nth}\nname: {long}\n")).collect::<String>());
    assert_eq!(stub.tenantry(&["apply", "-f", &all]).end().code, 0);
    assert!(stub.requests().iter().all(|text| text.len() < 8 << 20));
    assert_eq!(stub.requests().len(), 2);
}

#[test]
fn an_export_is_as_long_as_all_there_is() {
    let long = "x".repeat(17 << 20);
    let body = format!(r#"{{"documents":[{{"kind":"Tenant","id":"acme","name":"{long}"}}]}}"#);
    let stub = Stub::scripted(&[("GET /api/v1/export ", 200, "", &body)]);
    let (_folder, to) = file("before");
    let end = stub.tenantry(&["export", "-f", &to]).end();
    assert_eq!(end.code, 0, "{}", end.err);
    assert!(fs::read_to_string(&to).expect("a file").contains(&long));

    let stub = Stub::answering(200, "application/json", r#"{"documents":[{"kind""#);
    assert_eq!(stub.tenantry(&["export", "-f", &to]).end().code, 1);
    assert!(fs::read_to_string(&to).expect("a file").contains(&long), "what was there is there");
}

#[test]
fn an_apply_that_breaks_off_says_what_to_do() {
    let change = r#"{"plan":"p","changes":[{"action":"create","kind":"User","name":"a"}],"parts":[]}"#;
    let stub = Stub::hanging_up(("POST /api/v1/apply ", 200, "", change), r#""dryRun":false"#);
    let (_folder, all) = file("kind: Tenant\nid: acme\n");
    let end = stub.tenantry(&["apply", "-f", &all, "--yes"]).end();
    assert!(end.code == 1 && end.err.contains("apply again"), "{}", end.err);
}
