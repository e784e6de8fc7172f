//! Nobody gets past what they have: each attempt is refused, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Caller, Done, Stage, acme, text};

/// Refuses with 403, and leaves a record as it is.
async fn in_vain(stage: &Stage, caller: &Caller, attempt: (Method, &str, Option<&Value>), record: &str) {
    let before = stage.get(record).await;
    let (method, path, body) = attempt;
    let message = stage.call(caller, method, path, body).await.refused(403);
    assert!(message.contains("rights that you do not have"), "{message}");
    assert_eq!(stage.get(record).await, before);
}

#[tokio::test]
async fn nobody_binds_what_they_do_not_have() {
    let stage = Stage::set().await;
    let binder = stage.player("binder", &json!({"BINDING": ["CREATE"], "logs": ["read"]})).await;
    let ann = stage.user("ann@example.com").await;
    let strong = stage.role("strong", &json!({"logs": ["read", "delete"]})).await;
    let weak = stage.role("weak", &json!({"logs": ["read"]})).await;
    let (bindings, bulk) = (acme("bindings"), acme("bindings/bulk"));
    for role in ["admin_acme", "editor_acme", "viewer_acme", &strong] {
        for holder in [&binder.id, &ann.id] {
            let body = json!({"type": "USER", "externalId": holder, "roleId": role});
            in_vain(&stage, &binder, (Method::POST, &bindings, Some(&body)), &bindings).await;
            let limited = json!({"type": "USER", "externalId": holder, "roleId": role, "services": ["loki"]});
            in_vain(&stage, &binder, (Method::POST, &bindings, Some(&limited)), &bindings).await;
            let fine = json!({"type": "USER", "externalId": holder, "roleId": weak});
            let all = json!([fine, body]);
            in_vain(&stage, &binder, (Method::POST, &bulk, Some(&all)), &bindings).await;
        }
    }
    assert_eq!(stage.rights(&ann.id), None);
    let body = json!({"type": "USER", "externalId": ann.id, "roleId": weak});
    stage.call(&binder, Method::POST, &bindings, Some(&body)).await.done(200);
}

#[tokio::test]
async fn rights_at_one_service_are_given_at_that_one_alone() {
    let stage = Stage::set().await;
    let binder = stage.player("binder", &json!({"BINDING": ["CREATE"]})).await;
    let role = stage.role("logs", &json!({"logs": ["read"]})).await;
    let limited = |holder: &str, services: Value| json!({"type": "USER", "externalId": holder, "roleId": role, "services": services});
    let bindings = acme("bindings");
    let own = limited(&binder.id, json!(["loki"]));
    stage.boss(Method::POST, &bindings, Some(&own)).await.done(200);
    let ann = stage.user("ann@example.com").await;
    let everywhere = json!({"type": "USER", "externalId": ann.id, "roleId": role});
    for body in [everywhere, limited(&ann.id, json!(["loki", "tempo"]))] {
        in_vain(&stage, &binder, (Method::POST, &bindings, Some(&body)), &bindings).await;
    }
    let body = limited(&ann.id, json!(["loki"]));
    stage.call(&binder, Method::POST, &bindings, Some(&body)).await.done(200);
}

#[tokio::test]
async fn nobody_makes_or_widens_a_role_past_their_own() {
    let stage = Stage::set().await;
    let smith = stage.player("smith", &json!({"ROLE": ["CREATE", "READ", "UPDATE"], "logs": ["read"]})).await;
    let own = stage.get(&acme("roles?q=smith")).await["results"][0]["id"].as_str().expect("an id").to_owned();
    let (roles, own) = (acme("roles"), acme(&format!("roles/{own}")));
    let body = |name: &str, permissions: Value| json!({"name": name, "permissions": permissions});
    for permissions in [json!({"logs": ["delete"]}), json!({"ROLE": ["DELETE"]}), json!({"*": ["*"]})] {
        let new = body("new", permissions.clone());
        in_vain(&stage, &smith, (Method::POST, &roles, Some(&new)), &roles).await;
        in_vain(&stage, &smith, (Method::PUT, &own, Some(&body("smith", permissions))), &own).await;
    }
    let same = body("smith", json!({"ROLE": ["CREATE", "READ", "UPDATE"], "logs": ["read"]}));
    stage.call(&smith, Method::PUT, &own, Some(&same)).await.done(200);
    let new = body("new", json!({"logs": ["read"], "ROLE": ["UPDATE"]}));
    stage.call(&smith, Method::POST, &roles, Some(&new)).await.done(200);

    // A stronger role can be narrowed and renamed, not widened, and not be made the default.
    let strong = stage.role("strong", &json!({"logs": ["read", "delete"], "traces": ["read"]})).await;
    let strong = acme(&format!("roles/{strong}"));
    let renamed = body("stronger", json!({"logs": ["read", "delete"], "traces": ["read"]}));
    stage.call(&smith, Method::PUT, &strong, Some(&renamed)).await.done(200);
    let wider = body("stronger", json!({"logs": ["read", "delete", "write"]}));
    in_vain(&stage, &smith, (Method::PUT, &strong, Some(&wider)), &strong).await;
    let mut default = body("stronger", json!({"logs": ["read", "delete"]}));
    default["isDefault"] = json!(true);
    in_vain(&stage, &smith, (Method::PUT, &strong, Some(&default)), &strong).await;
    let narrower = body("stronger", json!({"logs": ["delete"]}));
    stage.call(&smith, Method::PUT, &strong, Some(&narrower)).await.done(200);
    in_vain(&stage, &smith, (Method::PUT, &strong, Some(&renamed)), &strong).await;
}

#[tokio::test]
async fn nobody_joins_a_stronger_group() {
    let stage = Stage::set().await;
    let powers = json!({"GROUP_MEMBERSHIP": ["CREATE", "READ", "UPDATE"], "logs": ["read"]});
    let usher = stage.player("usher", &powers).await;
    let ann = stage.user("ann@example.com").await;
    let (strong, weak) = (stage.group("strong").await, stage.group("weak").await);
    stage.bind("GROUP", &strong, "viewer_acme").await;
    let limited = stage.role("tempo", &json!({"traces": ["read"]})).await;
    let narrow = stage.group("narrow").await;
    let body = json!({"type": "GROUP", "externalId": narrow, "roleId": limited, "services": ["tempo"]});
    stage.boss(Method::POST, &acme("bindings"), Some(&body)).await.done(200);
    for group in [&strong, &narrow] {
        let members = acme(&format!("groups/{group}/members"));
        for somebody in [&usher.id, &ann.id] {
            let seat = format!("{members}/{somebody}");
            in_vain(&stage, &usher, (Method::PUT, &seat, None), &members).await;
            let set = json!({"groupIds": [weak, group]});
            let path = acme(&format!("users/{somebody}/groups"));
            in_vain(&stage, &usher, (Method::PUT, &path, Some(&set)), &members).await;
        }
    }
    let owner = acme(&format!("groups/{strong}/members/membership/{}?membership=OWNER", usher.id));
    let members = acme(&format!("groups/{strong}/members"));
    in_vain(&stage, &usher, (Method::PUT, &owner, None), &members).await;
    let seat = acme(&format!("groups/{weak}/members/{}", ann.id));
    stage.call(&usher, Method::PUT, &seat, None).await.done(200);
    // Who is in a group has what it gives.
    stage.boss(Method::PUT, &format!("{members}/{}", usher.id), None).await.done(200);
    stage.call(&usher, Method::PUT, &format!("{members}/{}", ann.id), None).await.done(200);
}

#[tokio::test]
async fn an_owner_manages_the_own_group_and_no_other() {
    let stage = Stage::set().await;
    let (owner, ann, ben) = (
        stage.user("owner@example.com").await,
        stage.user("ann@example.com").await,
        stage.user("ben@example.com").await,
    );
    let (own, other) = (stage.group("own").await, stage.group("other").await);
    let role = stage.role("strong", &json!({"logs": ["delete"]})).await;
    let set = json!({"groupIds": [own, other]});
    stage.boss(Method::PUT, &acme(&format!("users/{}/groups", owner.id)), Some(&set)).await.done(204);
    let make = acme(&format!("groups/{own}/members/membership/{}?membership=OWNER", owner.id));
    stage.boss(Method::PUT, &make, None).await.done(200);
    stage.bind("GROUP", &own, &role).await;
    stage.boss(Method::PUT, &acme(&format!("tenant-access/{}", ann.id)), None).await.done(201);
    let call = async |method: Method, path: String| stage.call(&owner, method, &acme(&path), None).await;

    call(Method::GET, format!("groups/{own}/members")).await.done(200);
    call(Method::PUT, format!("groups/{own}/members/{}", ann.id)).await.done(200);
    assert_eq!(stage.rights(&ann.id), Some(vec!["logs:delete".to_owned()]));
    // Somebody who is not of the tenant does not exist for an owner.
    call(Method::PUT, format!("groups/{own}/members/{}", ben.id)).await.refused(404);
    assert_eq!(stage.rights(&ben.id), None);
    let raise = format!("groups/{own}/members/membership/{}?membership=OWNER", ann.id);
    call(Method::PUT, raise).await.done(200);
    call(Method::DELETE, format!("groups/{own}/members/{}", ann.id)).await.done(200);
    for (method, path) in [
        (Method::GET, format!("groups/{other}/members")),
        (Method::PUT, format!("groups/{other}/members/{}", ann.id)),
        (Method::DELETE, format!("groups/{other}/members/{}", owner.id)),
        (Method::PUT, format!("groups/{other}/members/membership/{}?membership=OWNER", owner.id)),
        (Method::GET, format!("groups/{own}")),
        (Method::DELETE, format!("groups/{own}")),
        (Method::GET, "groups".to_owned()),
    ] {
        call(method, path).await.refused(403);
    }
    // A token that has only some of its owner's rights has not this one, unless it says so.
    let narrow = stage.narrowed(&owner, &["logs:delete"]).await;
    let seat = acme(&format!("groups/{own}/members/{}", ann.id));
    stage.call(&narrow, Method::PUT, &seat, None).await.refused(403);
    let wide = stage.narrowed(&owner, &["GROUP_MEMBERSHIP:CREATE", "logs:delete"]).await;
    stage.call(&wide, Method::PUT, &seat, None).await.done(200);
    stage.call(&wide, Method::DELETE, &seat, None).await.refused(403);
}

#[tokio::test]
async fn an_owners_token_gives_no_more_than_its_scopes() {
    let stage = Stage::set().await;
    let (owner, ann) = (stage.user("owner@example.com").await, stage.user("ann@example.com").await);
    let group = stage.group("admins").await;
    let members = acme(&format!("groups/{group}/members"));
    stage.bind("GROUP", &group, "admin_acme").await;
    stage.boss(Method::PUT, &format!("{members}/{}", owner.id), None).await.done(200);
    let make = format!("{members}/membership/{}?membership=OWNER", owner.id);
    stage.boss(Method::PUT, &make, None).await.done(200);
    stage.boss(Method::PUT, &acme(&format!("tenant-access/{}", ann.id)), None).await.done(201);
    let narrow = stage.narrowed(&owner, &["GROUP_MEMBERSHIP:*"]).await;
    let (seat, set) = (format!("{members}/{}", ann.id), acme(&format!("users/{}/groups", ann.id)));
    let body = json!({"groupIds": [group]});
    in_vain(&stage, &narrow, (Method::PUT, &seat, None), &members).await;
    in_vain(&stage, &narrow, (Method::PUT, &set, Some(&body)), &members).await;
    stage.call(&owner, Method::PUT, &set, Some(&body)).await.done(204);
}

#[tokio::test]
async fn a_set_of_groups_takes_what_each_of_its_changes_takes() {
    let stage = Stage::set().await;
    let setter = stage.player("setter", &json!({"GROUP_MEMBERSHIP": ["UPDATE"]})).await;
    let (ann, ben) = (stage.user("ann@example.com").await, stage.user("ben@example.com").await);
    let (one, two) = (stage.group("one").await, stage.group("two").await);
    let path = |who: &Caller| acme(&format!("users/{}/groups", who.id));
    let set = |groups: &[&String]| json!({"groupIds": groups});
    stage.boss(Method::PUT, &path(&ann), Some(&set(&[&one]))).await.done(204);
    for (who, groups) in [(&ann, &[&one, &two][..]), (&ann, &[]), (&ben, &[&one])] {
        let refused = stage.call(&setter, Method::PUT, &path(who), Some(&set(groups))).await;
        assert!(refused.refused(403).contains("GROUP_MEMBERSHIP:"));
    }
    stage.call(&setter, Method::PUT, &path(&ann), Some(&set(&[&one]))).await.done(204);
    // Who has seen it otherwise changes nothing.
    let member = stage.boss(Method::GET, &acme(&format!("tenant-access/{}", ann.id)), None).await;
    stage.boss(Method::PUT, &path(&ann), Some(&set(&[&one, &two]))).await.done(204);
    let late = |who: &Caller| stage.port.admin(Method::PUT, &path(who)).header("if-match", member.etag());
    stage.port.send(late(&ann).json(&set(&[]))).await.refused(412);
    stage.port.send(late(&ben).json(&set(&[&one]))).await.refused(412);
}

#[tokio::test]
async fn narrow_tokens_give_nothing_more() {
    let stage = Stage::set().await;
    let admin = stage.user("admin@example.com").await;
    stage.bind("USER", &admin.id, "admin_acme").await;
    let narrow = stage.narrowed(&admin, &["BINDING:CREATE", "ROLE:CREATE", "logs:read"]).await;
    let ann = stage.user("ann@example.com").await;
    let body = json!({"type": "USER", "externalId": ann.id, "roleId": "viewer_acme"});
    in_vain(&stage, &narrow, (Method::POST, &acme("bindings"), Some(&body)), &acme("bindings")).await;
    let body = json!({"name": "x", "permissions": {"traces": ["read"]}});
    in_vain(&stage, &narrow, (Method::POST, &acme("roles"), Some(&body)), &acme("roles")).await;
    let body = json!({"name": "x", "permissions": {"logs": ["read"]}});
    let role = text(stage.call(&narrow, Method::POST, &acme("roles"), Some(&body)).await.done(200), "id");
    let body = json!({"type": "USER", "externalId": ann.id, "roleId": role});
    stage.call(&narrow, Method::POST, &acme("bindings"), Some(&body)).await.done(200);
}
