//! What the commands on records ask of an admin port, and what they make of its answers.

use serde_json::{Value, json};

use super::run::Outcome;
use super::stub::Stub;

/// A list of one record.
fn one(id: &str) -> String {
    json!({"results": [{"id": id, "name": "x", "username": "x"}], "total": 1}).to_string()
}

const NONE: &str = r#"{"results":[],"total":0}"#;

fn paths(stub: &Stub) -> Vec<String> {
    let line = |text: &String| text.lines().next().unwrap_or_default().to_owned();
    stub.requests().iter().map(line).map(|line| line.trim_end_matches(" HTTP/1.1").to_owned()).collect()
}

#[test]
fn names_become_ids() {
    let (group, role, user) = (one("g1"), one("r1"), one("u1"));
    let stub = Stub::scripted(&[
        ("GET /api/v1/acme/groups?", 200, "", &group),
        ("GET /api/v1/acme/roles?", 200, "", &role),
        ("GET /api/v1/acme/tenant-access?", 200, "", NONE),
        ("GET /api/v1/users?", 200, "", &user),
        ("GET /api/v1/acme/service-accounts?", 403, "", r#"{"title":"no"}"#),
        ("GET /api/v1/service-accounts?", 403, "", r#"{"title":"no"}"#),
        ("POST /api/v1/acme/bindings ", 200, "", r#"{"id":"b1","type":"USER"}"#),
    ]);
    let bind = |holder: [&str; 2]| {
        let words = ["bindings", "create", "--tenant", "acme", "--role", "My role", "--service", "metrics"];
        let end = stub.tenantry(&[&words[..], &holder].concat()).end();
        assert_eq!(end.code, 0, "{}", end.err);
    };
    bind(["--for-group", "devs"]);
    bind(["--for-user", "ann@example.com"]);
    bind(["--for-service-account", "2XDKrmqyHDkoGnU11wlj87"]);
    let sent = stub.bodies("POST /api/v1/acme/bindings");
    let body = |kind: &str, id: &str| json!({"type": kind, "externalId": id, "roleId": "r1", "services": ["metrics"]});
    assert_eq!(sent, [body("GROUP", "g1"), body("USER", "u1"), body("USER", "2XDKrmqyHDkoGnU11wlj87")]);
    let asked = paths(&stub);
    assert!(
        asked.contains(&"GET /api/v1/acme/roles?filters%5Bname%5D%5BEQUALS%5D=My%20role&size=4".to_owned()),
        "{asked:?}"
    );
}

#[test]
fn a_name_that_two_have_is_not_guessed() {
    let two = json!({"results": [{"id": "u1"}, {"id": "u2"}], "total": 2}).to_string();
    let stub = Stub::scripted(&[("GET /api/v1/users?", 200, "", &two)]);
    let end = stub.tenantry(&["users", "disable", "ann@example.com"]).end();
    assert!(end.code == 2 && end.err.contains("u1, u2"), "{}", end.err);
    assert_eq!(stub.requests().len(), 1);
}

#[test]
fn a_change_is_written_back_only_if_nobody_else_was_there() {
    let role = r#"{"id":"r1","name":"r","permissions":{"metrics":["read"],"logs":["read","delete"]},"isDefault":false}"#;
    let list = one("r1");
    let read = ("GET /api/v1/acme/roles/r1 ", 200, "etag: \"7\"\r\n", role);
    let found = ("GET /api/v1/acme/roles?", 200, "", list.as_str());
    let words =
        ["roles", "update", "r", "--tenant", "acme", "--add", "traces:READ", "--remove", "logs:delete"];
    let stub = Stub::scripted(&[found, read, ("PUT /api/v1/acme/roles/r1 ", 200, "", role)]);
    assert_eq!(stub.tenantry(&words).end().code, 0);
    let body = &stub.bodies("PUT ")[0];
    assert_eq!(body["permissions"], json!({"metrics": ["read"], "logs": ["read"], "traces": ["read"]}));
    assert!(stub.requests().concat().contains("if-match: \"7\""), "{:?}", stub.requests());

    let late = r#"{"title":"Precondition Failed","message":"it has changed"}"#;
    let stub = Stub::scripted(&[found, read, ("PUT /api/v1/acme/roles/r1 ", 412, "", late)]);
    let end = stub.tenantry(&[&words[..], &["--if-match", "\"6\""]].concat()).end();
    assert!(end.code == 5 && end.err.contains("it has changed"), "{}", end.err);
    assert!(stub.requests().concat().contains("if-match: \"6\""));
}

#[test]
fn a_token_is_alone_on_standard_output() {
    let made = r#"{"id":"t1","name":"ci","fullToken":"tnt_t1_s3cret_x"}"#;
    let account = one("s1");
    let stub = Stub::scripted(&[
        ("GET /api/v1/acme/service-accounts?", 200, "", &account),
        ("POST /api/v1/acme/service-accounts/s1/api-tokens ", 201, "", made),
    ]);
    let words = [
        "api-tokens",
        "create",
        "ci",
        "--for-service-account",
        "agent",
        "--tenant",
        "acme",
        "--max-age",
        "P1D",
        "--scope",
        "metrics:write",
        "--only-tenant",
        "acme",
    ];
    let end = stub.tenantry(&words).end();
    assert_eq!((end.code, end.out.as_str()), (0, "tnt_t1_s3cret_x\n"), "{}", end.err);
    assert!(!end.err.contains("s3cret") && end.err.contains("Authorization"), "{}", end.err);
    let body = &stub.bodies("POST ")[0];
    let expected = json!({"name": "ci", "maxAge": "P1D", "extended": false, "scopes": ["metrics:write"], "tenant": "acme"});
    assert_eq!(*body, expected);
    let end = stub.tenantry(&[&words[..], &["-o", "json"]].concat()).end();
    assert_eq!(serde_json::from_str::<Value>(&end.out).expect("JSON")["id"], "t1");
}

#[test]
fn a_token_is_revoked_by_its_name() {
    let all = r#"{"results":[{"id":"t1","name":"a"},{"id":"t2","name":"b"}],"total":2}"#;
    let stub = Stub::scripted(&[
        ("GET /api/v1/me/api-tokens ", 200, "", all),
        ("DELETE /api/v1/me/api-tokens/t2 ", 200, "", "{}"),
    ]);
    assert_eq!(stub.tenantry(&["api-tokens", "revoke", "b", "--yes"]).end().code, 0);
    assert_eq!(stub.tenantry(&["api-tokens", "revoke", "t2", "--yes"]).end().code, 0);
    assert_eq!(stub.tenantry(&["api-tokens", "list", "-q"]).end().out, "t1\nt2\n");
}

#[test]
fn a_password_is_read_and_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2!\n").expect("a file");
    let file = file.to_str().expect("a plain path");
    let user = one("u1");
    for (words, input) in [
        (&["users", "set-password", "x"][..], "hunter2!\n"),
        (&["users", "set-password", "x", "--new-password-file", file], ""),
        (&["users", "set-password", "x", "--new-password-file", "-"], "hunter2!"),
        (&["auths", "users", "create-basic-auth", "x"], "hunter2!\n"),
        (&["auths", "users", "create-basic-auth", "x", "hunter2!"], ""),
    ] {
        let stub = Stub::scripted(&[
            ("GET /api/v1/users?", 200, "", &user),
            ("PATCH /api/v1/users/u1/password ", 200, "", r#"{"id":"u1"}"#),
        ]);
        let Outcome { code, out, err } = stub.tenantry(words).input(input).end();
        assert_eq!(code, 0, "{words:?}: {err}");
        assert_eq!(stub.bodies("PATCH "), [json!({"password": "hunter2!"})]);
        assert!(!out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
        assert_eq!(err.contains("arguments"), words.contains(&"hunter2!"), "{err}");
    }
    let empty = Stub::scripted(&[]).tenantry(&["users", "set-password", "x"]).end();
    assert!(empty.code == 2 && empty.err.contains("empty"), "{}", empty.err);
}

#[test]
fn a_group_gets_exactly_the_members_that_are_said() {
    let (group, taken) = (
        one("g1"),
        r#"{"results":[{"id":"2XDKrmqyHDkoGnU11wlj8a"},{"id":"2XDKrmqyHDkoGnU11wlj8b"}],"total":2}"#,
    );
    let stub = Stub::scripted(&[
        ("GET /api/v1/acme/groups?", 200, "", &group),
        ("GET /api/v1/acme/groups/g1/members?", 200, "", taken),
        ("GET /api/v1/acme/tenant-access?", 200, "", NONE),
        ("GET /api/v1/users?", 403, "", r#"{"title":"no"}"#),
        ("GET /api/v1/acme/service-accounts?", 200, "", NONE),
        ("GET /api/v1/service-accounts?", 403, "", r#"{"title":"no"}"#),
        ("PUT /api/v1/acme/groups/g1/members/2XDKrmqyHDkoGnU11wlj8c ", 409, "", r#"{"title":"Conflict"}"#),
        (
            "PUT /api/v1/acme/groups/g1/members/membership/2XDKrmqyHDkoGnU11wlj8c?membership=OWNER ",
            200,
            "",
            "{}",
        ),
        ("DELETE /api/v1/acme/groups/g1/members/2XDKrmqyHDkoGnU11wlj8a ", 200, "", "{}"),
    ]);
    let run = |words: &[&str]| {
        stub.tenantry(&[&["groups", "members"], words, &["--tenant", "acme"]].concat()).end()
    };
    let set = run(&["set", "devs", "2XDKrmqyHDkoGnU11wlj8b", "2XDKrmqyHDkoGnU11wlj8c"]);
    assert_eq!(set.code, 0, "{}", set.err);
    let writes =
        |stub: &Stub| paths(stub).into_iter().filter(|path| !path.starts_with("GET")).collect::<Vec<_>>();
    assert_eq!(
        writes(&stub),
        [
            "PUT /api/v1/acme/groups/g1/members/2XDKrmqyHDkoGnU11wlj8c",
            "DELETE /api/v1/acme/groups/g1/members/2XDKrmqyHDkoGnU11wlj8a"
        ]
    );
    let owner = run(&["add", "devs", "2XDKrmqyHDkoGnU11wlj8c", "--as", "owner"]);
    assert_eq!(owner.code, 0, "{}", owner.err);
}

#[test]
fn kestras_spelling_of_users_makes_an_admin() {
    let stub = Stub::scripted(&[
        ("POST /api/v1/users ", 201, "", r#"{"id":"u1","username":"ann@example.com"}"#),
        ("POST /api/v1/acme/bindings ", 200, "", r#"{"id":"b1"}"#),
    ]);
    let words = ["auths", "users", "create", "ann@example.com", "--admin", "--tenant", "acme"];
    assert_eq!(stub.tenantry(&words).end().code, 0);
    let user = json!({"email": "ann@example.com", "superAdmin": false, "tenants": ["acme"]});
    assert_eq!(stub.bodies("POST /api/v1/users"), [user]);
    let binding = json!({"type": "USER", "externalId": "u1", "roleId": "admin_acme"});
    assert_eq!(stub.bodies("POST /api/v1/acme/bindings"), [binding]);

    let conflict = r#"{"title":"Conflict"}"#;
    let there = Stub::scripted(&[
        ("POST /api/v1/users ", 409, "", conflict),
        ("GET /api/v1/users?", 200, "", &one("u1")),
        ("PUT /api/v1/acme/tenant-access/u1 ", 409, "", conflict),
        ("POST /api/v1/acme/bindings ", 200, "", r#"{"id":"b1"}"#),
    ]);
    assert_eq!(there.tenantry(&words).end().code, 5);
    let end = there.tenantry(&[&words[..], &["--if-not-exists"]].concat()).end();
    assert_eq!(end.code, 0, "{}", end.err);
    assert_eq!(there.bodies("POST /api/v1/acme/bindings").len(), 1);
}

#[test]
fn kestras_spellings_of_tenants_say_the_same() {
    let whole = json!({"id": "acme", "name": "Acme", "admin": "alice"});
    for words in [
        &["--tenant=acme", "--name=Acme", "--admin-username=alice"][..],
        &["acme", "Acme", "--admin-username", "alice"],
    ] {
        let stub = Stub::scripted(&[("POST /api/v1/tenants ", 201, "", r#"{"id":"acme"}"#)]);
        assert_eq!(stub.tenantry(&[&["tenants", "create"], words].concat()).end().code, 0);
        assert_eq!(stub.bodies("POST "), std::slice::from_ref(&whole));
    }
}

#[test]
fn of_a_tenant_single_labels_and_options_change() {
    let stub = Stub::scripted(&[("PATCH /api/v1/tenants/acme ", 200, "", r#"{"id":"acme"}"#)]);
    let words = [
        "tenants",
        "update",
        "acme",
        "--label",
        "plan=gold",
        "--unlabel",
        "trial",
        "--option",
        "metrics.max_body_bytes=9",
        "--option",
        "metrics.methods=",
        "--default-role",
        "",
    ];
    assert_eq!(stub.tenantry(&words).end().code, 0);
    let body = json!({
        "labels": {"plan": "gold", "trial": null}, "default_role": null,
        "options": {"metrics": {"max_body_bytes": 9, "methods": null}},
    });
    assert_eq!(stub.bodies("PATCH "), [body]);
}

#[test]
fn lists_are_filtered_and_sorted_by_the_admin_port() {
    let stub = Stub::scripted(&[("GET /api/v1/acme/roles?", 200, "", NONE)]);
    let words =
        ["roles", "list", "--tenant", "acme", "--filter", "name=a b", "--sort", "name:desc", "--query", "x"];
    assert_eq!(stub.tenantry(&words).end().code, 0);
    let path =
        "GET /api/v1/acme/roles?page=1&size=100&q=x&sort=name%3Adesc&filters%5Bname%5D%5BEQUALS%5D=a%20b";
    assert_eq!(paths(&stub), [path]);
}
