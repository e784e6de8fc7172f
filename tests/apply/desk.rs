//! A port, and documents that are brought to it.

use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{Caller, Done as _, Stage};
use super::support::Answer;

/// The example in `config/`, as the program would send it.
pub fn example() -> Value {
    let text = include_str!("../../config/tenants.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
    assert_eq!(documents.len(), 5);
    documents.into()
}

/// What is sent with documents.
pub fn form(documents: &Value, with: Value) -> Value {
    let mut form = with;
    form["documents"] = documents.clone();
    form
}

pub trait Desk {
    async fn apply(&self, documents: &Value, with: Value) -> Value;
    async fn plan(&self, documents: &Value) -> Value;
    async fn apply_as(&self, caller: &Caller, documents: &Value, with: Value) -> Answer;
    async fn export(&self, query: &str) -> Value;
    fn records(&self) -> Vec<String>;
}

impl Desk for Stage {
    /// Applies as the super admin; it has to succeed.
    async fn apply(&self, documents: &Value, with: Value) -> Value {
        let answer = self.apply_as(&self.boss, documents, with).await;
        answer.done(200).json()
    }

    /// What would be done, with everything that is not said going.
    async fn plan(&self, documents: &Value) -> Value {
        self.apply(documents, json!({"dryRun": true, "prune": true})).await
    }

    async fn apply_as(&self, caller: &Caller, documents: &Value, with: Value) -> Answer {
        self.call(caller, Method::POST, "/api/v1/apply", Some(&form(documents, with))).await
    }

    /// All documents of an export.
    async fn export(&self, query: &str) -> Value {
        self.get(&format!("/api/v1/export{query}")).await["documents"].clone()
    }

    /// Every record there is, but the audit log, as text.
    fn records(&self) -> Vec<String> {
        let kinds: Vec<_> = tenantry::store::Kind::ALL
            .iter()
            .copied()
            .filter(|kind| *kind != tenantry::store::Kind::Audit)
            .collect();
        let mut records = Vec::new();
        let each = |stored: tenantry::store::Stored<tenantry::store::Record>| {
            let json = stored.value.json().expect("JSON");
            records.push(format!("{} {} {json}", stored.value.id(), stored.version));
        };
        self.port.store.load(&kinds, each).expect("the records");
        records
    }
}

/// `+ Role dashboards`, in the order of the plan; with the tenant before what is a tenant's.
pub fn lines(plan: &Value) -> Vec<String> {
    let line = |change: &Value| {
        let sign = match change["action"].as_str() {
            Some("create") => '+',
            Some("change") => '~',
            Some("delete") => '-',
            other => panic!("{other:?}"),
        };
        let tenant = change["tenant"].as_str().map_or_else(String::new, |tenant| format!("{tenant}: "));
        format!("{tenant}{sign} {} {}", text(&change["kind"]), text(&change["name"]))
    };
    plan["changes"].as_array().expect("changes").iter().map(line).collect()
}

/// `tenant state`, for each part.
pub fn parts(plan: &Value) -> Vec<String> {
    let part = |part: &Value| format!("{} {}", part["tenant"].as_str().unwrap_or("-"), text(&part["state"]));
    plan["parts"].as_array().expect("parts").iter().map(part).collect()
}

/// The fields that one change of a plan names: `field: from -> to`.
pub fn fields(plan: &Value, name: &str) -> Vec<String> {
    let changes = plan["changes"].as_array().expect("changes");
    let change = changes.iter().find(|change| change["name"] == name).unwrap_or_else(|| panic!("{plan:#}"));
    let field = |field: &Value| format!("{}: {} -> {}", text(&field["field"]), field["from"], field["to"]);
    change["changes"].as_array().expect("fields").iter().map(field).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
