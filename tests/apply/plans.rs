//! Plans and what comes of them; and that what goes out comes back in.

use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Done as _, Stage, acme};
use super::desk::{Desk as _, example, fields, lines, parts};

#[tokio::test]
async fn a_plan_says_everything_and_does_nothing() {
    let stage = Stage::set().await;
    stage.boss(Method::DELETE, "/api/v1/tenants/acme", None).await.done(204);
    let before = stage.records();
    let plan = stage.apply(&example(), json!({"dryRun": true})).await;
    assert_eq!(stage.records(), before);
    assert_eq!(parts(&plan), ["- planned", "acme planned", "globex planned"]);
    let all = lines(&plan);
    assert_eq!(all.len(), 3 + 12 + 5, "{all:#?}");
    for line in [
        "+ User ann@example.com",
        "+ ServiceAccount grafana",
        "acme: + Tenant acme",
        "acme: + Role dashboards",
        "acme: + Group on-call",
        "acme: + Member user ann@example.com",
        "acme: + Binding group on-call -> dashboards",
        "acme: + Key acme-ci",
        "globex: + Binding user bob@example.com -> editor",
    ] {
        assert!(all.iter().any(|one| one == line), "{line}: {all:#?}");
    }
    assert_eq!(
        fields(&plan, "dashboards"),
        [
            "description: null -> \"Reads metrics, and keeps rules in order\"",
            "name: null -> \"dashboards\"",
            "permissions: null -> {\"metrics\":[\"read\"],\"rules\":[\"read\",\"write\"]}",
        ]
    );
}

#[tokio::test]
async fn what_is_applied_holds_and_a_second_time_there_is_nothing_to_do() {
    let stage = Stage::set().await;
    let applied = stage.apply(&example(), json!({})).await;
    assert_eq!(parts(&applied), ["- done", "acme done", "globex done"]);
    let users = stage.get("/api/v1/users?q=ann@example.com").await;
    let ann = users["results"][0]["id"].as_str().expect("an id");
    let rights = stage.rights(ann).expect("access");
    assert!(rights.contains(&"BINDING:CREATE".to_owned()) && rights.contains(&"rules:write".to_owned()));
    let bindings = stage.get(&acme("bindings/search")).await;
    assert_eq!(
        bindings["total"], 4,
        "no binding by the default role, as the document lists bindings: {bindings}"
    );
    let before = stage.records();
    for with in [json!({}), json!({"prune": true}), json!({"dryRun": true, "prune": true})] {
        let again = stage.apply(&example(), with).await;
        assert_eq!((lines(&again).len(), parts(&again).len()), (0, 0), "{again:#}");
    }
    assert_eq!(stage.records(), before);
}

#[tokio::test]
async fn changes_are_told_field_by_field() {
    let stage = Stage::set().await;
    stage.apply(&example(), json!({})).await;
    let mut documents = example();
    documents[3]["description"] = "Builds better rockets".into();
    documents[3]["labels"] = json!({"tier": "lead"});
    documents[3]["roles"][0]["permissions"]["logs"] = json!(["read"]);
    documents[3]["groups"][0]["members"] = json!([{"user": "bob@example.com", "membership": "OWNER"}]);
    documents[3]["keys"][0]["role"] = "dashboards".into();
    documents[0]["disabled"] = true.into();
    let plan = stage.apply(&documents, json!({})).await;
    assert_eq!(
        lines(&plan),
        [
            "~ User ann@example.com",
            "acme: ~ Tenant acme",
            "acme: ~ Role dashboards",
            "acme: ~ Group on-call",
            "acme: ~ Key acme-ci"
        ]
    );
    assert_eq!(fields(&plan, "ann@example.com"), ["disabled: false -> true"]);
    assert_eq!(fields(&plan, "acme-ci"), ["role: \"writer\" -> \"dashboards\""]);
    assert_eq!(
        fields(&plan, "acme"),
        [
            "description: \"Builds rockets\" -> \"Builds better rockets\"",
            "labels: {\"tier\":\"gold\"} -> {\"tier\":\"lead\"}"
        ]
    );
    assert_eq!(lines(&stage.plan(&documents).await), [""; 0]);
}

#[tokio::test]
async fn what_is_left_out_stays_and_without_prune_nothing_goes() {
    let stage = Stage::set().await;
    stage.apply(&example(), json!({})).await;
    let sparse = json!([{"kind": "Tenant", "id": "acme", "roles": [], "bindings": [], "keys": []}]);
    assert_eq!(lines(&stage.apply(&sparse, json!({})).await), [""; 0]);
    let nothing = json!([{"kind": "Tenant", "id": "acme"}]);
    assert_eq!(lines(&stage.apply(&nothing, json!({"prune": true})).await), [""; 0]);
    assert_eq!(lines(&stage.apply(&json!([]), json!({"prune": true})).await), [""; 0]);
}

#[tokio::test]
async fn an_export_is_taken_back_without_a_change() {
    let stage = Stage::set().await;
    stage.apply(&example(), json!({})).await;
    let issuer =
        json!({"id": "corp", "issuer": "https://idp.example.com", "role": "viewer", "tenants": ["acme"]});
    stage.boss(Method::POST, "/api/v1/issuers", Some(&issuer)).await.done(201);
    let options = json!({"state": "SUSPENDED", "default_role": null});
    stage.boss(Method::PATCH, "/api/v1/tenants/globex", Some(&options)).await.done(200);
    let (all, acme) = (stage.export("").await, stage.export("?tenant=acme").await);
    assert_eq!(acme.as_array().map(Vec::len), Some(1));
    assert!(all.as_array().expect("documents").contains(&acme[0]), "{all:#}");
    for documents in [&all, &acme] {
        assert_eq!(lines(&stage.plan(documents).await), [""; 0], "{documents:#}");
    }
    // Another gateway becomes the same by it; what it alone has stands beside.
    let other = Stage::set().await;
    let applied = other.apply(&all, json!({"prune": true})).await;
    assert!(parts(&applied).iter().all(|part| part.ends_with(" done")), "{applied:#}");
    let copy = other.export("").await;
    for document in all.as_array().expect("documents") {
        assert!(copy.as_array().expect("documents").contains(document), "{document:#}\nis not in {copy:#}");
    }
    // A change on this side shows against what was exported before.
    let body = json!({"state": "ACTIVE"});
    stage.boss(Method::PATCH, "/api/v1/tenants/globex", Some(&body)).await.done(200);
    assert_eq!(lines(&stage.plan(&all).await), ["globex: ~ Tenant globex"]);
}

#[tokio::test]
async fn a_plan_that_was_agreed_upon_is_done_as_it_was_or_not() {
    let stage = Stage::set().await;
    let plan = stage.apply(&example(), json!({"dryRun": true})).await["plan"].clone();
    let body = json!({"description": "changed by somebody else"});
    stage.boss(Method::PATCH, "/api/v1/tenants/acme", Some(&body)).await.done(200);
    let before = stage.records();
    let refused = stage.apply_as(&stage.boss, &example(), json!({"plan": plan})).await;
    assert!(refused.refused(409).contains("look at it again"));
    assert_eq!(stage.records(), before);
    let plan = stage.apply(&example(), json!({"dryRun": true})).await["plan"].clone();
    let applied = stage.apply(&example(), json!({"plan": plan})).await;
    assert!(parts(&applied).iter().all(|part| part.ends_with(" done")), "{applied:#}");
}

#[tokio::test]
async fn new_members_get_the_default_role_where_no_bindings_are_listed() {
    let stage = Stage::set().await;
    let ann = stage.user("ann@example.com").await;
    let documents = json!([
        {"kind": "Tenant", "id": "acme", "default_role": "viewer", "members": [{"user": "ann@example.com"}]}
    ]);
    let applied = stage.apply(&documents, json!({})).await;
    let all = lines(&applied);
    assert!(all.contains(&"acme: + Binding user ann@example.com -> viewer".to_owned()), "{all:?}");
    assert!(stage.rights(&ann.id).expect("access").contains(&"metrics:read".to_owned()));
    assert_eq!(lines(&stage.plan(&documents).await), [""; 0]);
}

#[tokio::test]
async fn two_who_apply_at_once_lose_nothing() {
    let stage = Stage::set().await;
    let document = |name: &str| {
        let role = json!({"name": name, "permissions": {"metrics": ["read"]}});
        let binding = json!({"user": format!("{name}@example.com"), "role": name});
        json!([{"kind": "Tenant", "id": "acme", "roles": [role], "bindings": [binding]}])
    };
    let names: Vec<String> = (0..8).map(|nth| format!("role{nth}")).collect();
    for name in &names {
        stage.user(&format!("{name}@example.com")).await;
    }
    let all: Vec<Value> = names.iter().map(|name| document(name)).collect();
    let applied = all.iter().map(|documents| stage.apply(documents, json!({})));
    for applied in join(applied).await {
        assert_eq!(parts(&applied), ["acme done"], "{applied:#}");
    }
    let bindings = stage.get(&acme("bindings/search")).await;
    assert_eq!(bindings["total"], 8, "{bindings}");
}

async fn join<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Documents of one tenant, of roles, groups, machines and who is bound to what.
fn documents() -> impl Strategy<Value = Value> {
    let name = || "[a-z]{1,6}";
    let role = (name(), "[ -~]{0,12}", 1_u8..8).prop_map(|(name, description, bits)| {
        let actions = ["read", "write", "delete"].into_iter().enumerate();
        let actions: Vec<_> = actions.filter(|(nth, _)| bits >> nth & 1 == 1).map(|(_, word)| word).collect();
        json!({"name": format!("r-{name}"), "description": description, "permissions": {"logs": actions}})
    });
    let rank = prop_oneof![Just("OWNER"), Just("MEMBER")];
    let holder = (0_usize..4, rank);
    let roles = proptest::collection::btree_map(name(), role, 0..4);
    let groups = proptest::collection::btree_map(name(), proptest::collection::vec(holder, 0..4), 0..3);
    let bound = proptest::collection::btree_set((0_usize..4, 0_usize..6, any::<bool>()), 0..6);
    (roles, groups, bound, "[ -~]{0,12}").prop_map(|(roles, groups, bound, description)| {
        let roles: std::collections::BTreeMap<String, Value> =
            roles.into_values().map(|role| (role["name"].as_str().unwrap_or_default().to_owned(), role)).collect();
        let who = |nth: usize| match nth {
            0 => json!({"user": "ann@example.com"}),
            1 => json!({"user": "bob@example.com"}),
            2 => json!({"serviceAccount": "one"}),
            _ => json!({"instanceServiceAccount": "wide"}),
        };
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|(name, seats)| {
                let seats: std::collections::BTreeMap<usize, &str> = seats.into_iter().collect();
                let seats: Vec<Value> = seats
                    .into_iter()
                    .map(|(nth, rank)| {
                        let mut seat = who(nth);
                        seat["membership"] = rank.into();
                        seat
                    })
                    .collect();
                json!({"name": name, "members": seats})
            })
            .collect();
        let words = ["admin", "editor", "viewer", "writer"].map(str::to_owned);
        let words: Vec<String> = words.into_iter().chain(roles.keys().cloned()).collect();
        let bindings: Vec<Value> = bound
            .into_iter()
            .filter_map(|(nth, role, limited)| {
                let mut binding = who(nth);
                binding["role"] = words.get(role)?.clone().into();
                if limited {
                    binding["services"] = json!(["metrics"]);
                }
                Some(binding)
            })
            .collect();
        json!([{
            "kind": "Tenant", "id": "acme", "description": description, "roles": roles.into_values().collect::<Vec<_>>(),
            "groups": groups, "serviceAccounts": [{"name": "one"}], "members": [], "bindings": bindings,
        }])
    })
}

/// Whatever is made of a tenant by one set of documents after another: applied, they are true; and what
/// is exported then is true as well.
#[test]
fn documents_become_true_and_exports_are_true() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stage = runtime.block_on(async {
        let stage = Stage::set().await;
        for name in ["ann@example.com", "bob@example.com"] {
            stage.user(name).await;
        }
        stage.apply(&json!([{"kind": "ServiceAccount", "name": "wide"}]), json!({})).await;
        stage
    });
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(documents in documents())| {
        runtime.block_on(async {
            stage.apply(&documents, json!({"prune": true})).await;
            let after = stage.plan(&documents).await;
            prop_assert_eq!(lines(&after), [""; 0]);
            let exported = stage.export("?tenant=acme").await;
            let again = stage.plan(&exported).await;
            prop_assert_eq!(lines(&again), [""; 0], "{:#}", exported);
            Ok(())
        })?;
    });
}
