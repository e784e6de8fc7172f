//! Who may not: strangers learn nothing, members without the power are refused, and nothing of
//! another tenant can be named.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done, Stage, acme, text};

const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "tenant-access", "USER:READ"),
    ("POST", "tenant-access", "USER:CREATE"),
    ("POST", "tenant-access/autocomplete", "USER:READ"),
    ("GET", "tenant-access/ID", "USER:READ"),
    ("PUT", "tenant-access/ID", "USER:CREATE"),
    ("DELETE", "tenant-access/ID", "USER:DELETE"),
    ("GET", "acls/permissions", ""),
    ("GET", "acls/actions", ""),
    ("GET", "acls/templates", ""),
    ("GET", "bindings", "BINDING:READ"),
    ("POST", "bindings", "BINDING:CREATE"),
    ("POST", "bindings/bulk", "BINDING:CREATE"),
    ("GET", "bindings/search", "BINDING:READ"),
    ("GET", "bindings/ID", "BINDING:READ"),
    ("DELETE", "bindings/ID", "BINDING:DELETE"),
    ("GET", "groups", "GROUP:READ"),
    ("POST", "groups", "GROUP:CREATE"),
    ("GET", "groups/search", "GROUP:READ"),
    ("POST", "groups/autocomplete", "GROUP:READ"),
    ("POST", "groups/ids", "GROUP:READ"),
    ("GET", "groups/ID", "GROUP:READ"),
    ("PUT", "groups/ID", "GROUP:UPDATE"),
    ("DELETE", "groups/ID", "GROUP:DELETE"),
    ("GET", "groups/ID/members", "GROUP_MEMBERSHIP:READ"),
    ("PUT", "groups/ID/members/ID", "GROUP_MEMBERSHIP:CREATE"),
    ("DELETE", "groups/ID/members/ID", "GROUP_MEMBERSHIP:DELETE"),
    ("PUT", "groups/ID/members/membership/ID?membership=OWNER", "GROUP_MEMBERSHIP:UPDATE"),
    ("PUT", "users/ID/groups", "GROUP_MEMBERSHIP:UPDATE"),
    ("GET", "roles", "ROLE:READ"),
    ("POST", "roles", "ROLE:CREATE"),
    ("GET", "roles/search", "ROLE:READ"),
    ("POST", "roles/autocomplete", "ROLE:READ"),
    ("POST", "roles/ids", "ROLE:READ"),
    ("GET", "roles/ID", "ROLE:READ"),
    ("PUT", "roles/ID", "ROLE:UPDATE"),
    ("DELETE", "roles/ID", "ROLE:DELETE"),
];

const NOBODY: &str = "0000000000000000000000";

fn body(method: &str, path: &str) -> Option<Value> {
    match (method, path) {
        ("POST", "tenant-access") => Some(json!({"email": "nobody@example.com"})),
        ("POST", "bindings") => Some(json!({"type": "USER", "externalId": NOBODY, "roleId": "viewer_acme"})),
        ("POST", "bindings/bulk") => Some(json!([])),
        ("POST", path) if path.ends_with("/ids") || path.ends_with("/autocomplete") => {
            Some(json!({"ids": []}))
        }
        ("POST" | "PUT", "groups" | "groups/ID") => Some(json!({"name": "new"})),
        ("POST" | "PUT", "roles" | "roles/ID") => {
            Some(json!({"name": "new", "permissions": {"logs": ["read"]}}))
        }
        ("PUT", "users/ID/groups") => Some(json!({"groupIds": []})),
        _ => None,
    }
}

#[tokio::test]
async fn each_route_has_its_power() {
    let stage = Stage::set().await;
    let documented = stage.port.document()["paths"].as_object().expect("paths").iter();
    let own = documented.filter(|(path, _)| {
        let rest = path.strip_prefix("/api/v1/{tenant}/").unwrap_or_default();
        ["acls", "bindings", "groups", "roles", "tenant-access", "users"]
            .contains(&rest.split('/').next().unwrap_or_default())
    });
    let count: usize = own.map(|(_, item)| item.as_object().expect("an item").len()).sum();
    assert_eq!(count, ROUTES.len(), "each route stands in the table");

    let stranger = stage.user("stranger@example.com").await;
    let guest = stage.user("guest@example.com").await;
    stage.bind("USER", &guest.id, "viewer_acme").await;
    let before = stage.get(&acme("bindings")).await;
    for (method, path, power) in ROUTES {
        let verb: Method = method.parse().expect("a method");
        let body = body(method, path);
        let url = acme(&path.replace("ID", NOBODY));
        let message = stage.call(&stranger, verb.clone(), &url, body.as_ref()).await.refused(404);
        assert_eq!(message, "tenant \"acme\" does not exist", "{method} {path}");
        let nowhere = url.replace("/acme/", "/nowhere/");
        let unknown = stage.boss(verb.clone(), &nowhere, body.as_ref()).await;
        assert_eq!(unknown.refused(404).contains("nowhere"), !path.contains("roleId"), "{method} {path}");
        let refused = stage.call(&guest, verb.clone(), &url, body.as_ref()).await;
        if power.is_empty() {
            refused.done(200);
            continue;
        }
        let message = refused.refused(403);
        assert_eq!(message, format!("this needs {power} in tenant \"acme\""), "{method} {path}");
    }
    assert_eq!(stage.get(&acme("bindings")).await, before);

    // With the power alone, each goes on to what it is about.
    for (nth, (method, path, power)) in ROUTES.iter().filter(|(_, _, power)| !power.is_empty()).enumerate() {
        let (area, act) = power.split_once(':').expect("two words");
        let mut permissions = json!({ area: [act] });
        permissions["logs"] = json!(["read"]);
        let role = stage.role(&format!("role {nth}"), &permissions).await;
        let bound = stage.bind("USER", &guest.id, &role).await;
        let body = body(method, path);
        let url = acme(&path.replace("ID", NOBODY));
        let answer = stage.call(&guest, method.parse().expect("a method"), &url, body.as_ref()).await;
        assert!([200, 404].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text);
        stage.boss(Method::DELETE, &acme(&format!("bindings/{bound}")), None).await.done(204);
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_can_be_named() {
    let stage = Stage::set().await;
    let admin = stage.user("admin@example.com").await;
    stage.bind("USER", &admin.id, "admin_acme").await;
    let other = |path: &str| format!("/api/v1/other/{path}");
    let make = async |path: &str, body: Value| {
        text(stage.boss(Method::POST, &other(path), Some(&body)).await.done(200), "id")
    };
    let role = make("roles", json!({"name": "r", "permissions": {"logs": ["read"]}})).await;
    let group = make("groups", json!({"name": "g"})).await;
    let ann = stage.user("ann@example.com").await;
    let bound = json!({"type": "USER", "externalId": ann.id, "roleId": "viewer_other"});
    let binding = make("bindings", bound).await;
    let foreign = stage.machine("foreign", Some("other")).await;
    let own = stage.group("own").await;
    let before = (stage.get(&other("roles")).await, stage.get(&other("bindings")).await);

    let change = json!({"name": "mine", "permissions": {"logs": ["read"]}});
    let bind = |kind: &str, holder: &str, role: &str| {
        Some(json!({"type": kind, "externalId": holder, "roleId": role}))
    };
    for (method, path, body) in [
        (Method::GET, format!("roles/{role}"), None),
        (Method::PUT, format!("roles/{role}"), Some(change)),
        (Method::DELETE, format!("roles/{role}"), None),
        (Method::GET, format!("groups/{group}"), None),
        (Method::PUT, format!("groups/{group}"), Some(json!({"name": "mine"}))),
        (Method::DELETE, format!("groups/{group}"), None),
        (Method::GET, format!("groups/{group}/members"), None),
        (Method::PUT, format!("groups/{group}/members/{}", admin.id), None),
        (Method::DELETE, format!("groups/{group}/members/{}", admin.id), None),
        (Method::PUT, format!("groups/{group}/members/membership/{}?membership=OWNER", admin.id), None),
        (Method::PUT, format!("groups/{own}/members/{}", foreign.id), None),
        (Method::PUT, format!("users/{}/groups", admin.id), Some(json!({"groupIds": [group]}))),
        (Method::PUT, format!("users/{}/groups", foreign.id), Some(json!({"groupIds": [own]}))),
        (Method::POST, "groups".to_owned(), Some(json!({"name": "n", "membersId": [foreign.id]}))),
        (Method::GET, format!("bindings/{binding}"), None),
        (Method::DELETE, format!("bindings/{binding}"), None),
        (Method::POST, "bindings".to_owned(), bind("USER", &admin.id, &role)),
        (Method::POST, "bindings".to_owned(), bind("USER", &admin.id, "viewer_other")),
        (Method::POST, "bindings".to_owned(), bind("GROUP", &group, "viewer_acme")),
        (Method::POST, "bindings".to_owned(), bind("USER", &foreign.id, "viewer_acme")),
        (Method::POST, "bindings".to_owned(), bind("SERVICE_ACCOUNT", &foreign.id, "viewer_acme")),
        (Method::POST, "bindings".to_owned(), bind("SERVICE_ACCOUNT", &ann.id, "viewer_acme")),
        (Method::POST, "bindings".to_owned(), bind("GROUP", &ann.id, "viewer_acme")),
        (Method::GET, format!("tenant-access/{}", ann.id), None),
        (Method::DELETE, format!("tenant-access/{}", ann.id), None),
        (Method::PUT, format!("tenant-access/{}", foreign.id), None),
    ] {
        let answer = stage.call(&admin, method.clone(), &acme(&path), body.as_ref()).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    for path in ["roles/ids", "groups/ids"] {
        let body = json!({"ids": [role, group, "viewer_other"]});
        let found = stage.call(&admin, Method::POST, &acme(path), Some(&body)).await;
        assert_eq!(found.done(200).json(), json!([]));
    }
    assert_eq!((stage.get(&other("roles")).await, stage.get(&other("bindings")).await), before);
    assert_eq!(stage.rights(&foreign.id), None);
    for path in ["roles", "groups", "bindings", "tenant-access"] {
        let message = stage.call(&admin, Method::GET, &other(path), None).await.refused(404);
        assert_eq!(message, "tenant \"other\" does not exist");
    }
}
