//! `/api/v1/apply` and `/api/v1/export`: records as documents, carried out and written down.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::body::LongBody;
use super::caller::Caller;
use super::documents::{self, AnyForm};
use super::listing::query;
use super::problem::Refusal;
use super::{State, named, words};
use crate::control::Flaws;
use crate::control::apply::{Application, Applied, Part, State as How, Step};
use crate::model::{TenantId, Timestamp};

/// Documents in one request.
const MOST: usize = 10_000;

/// Documents, and how they are to be taken.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a JSON object")]
#[schema(as = ApplyForm)]
pub(super) struct Form {
    #[schema(value_type = Vec<AnyForm>, max_items = 10_000)]
    documents: Vec<Value>,
    /// Only plan.
    #[schema(default = false)]
    dry_run: Option<bool>,
    /// Delete what belongs to a tenant of the documents and is in a list of which its document
    /// speaks, but not there. Never users, nor what is the instance's.
    #[schema(default = false)]
    prune: Option<bool>,
    /// Delete the tenants of which no document speaks.
    #[schema(default = false)]
    prune_tenants: Option<bool>,
    /// Set passwords also of users who are there already.
    #[schema(default = false)]
    reset_passwords: Option<bool>,
    /// The `plan` of an earlier answer: nothing but exactly that is done.
    #[schema(max_length = 64)]
    plan: Option<String>,
}

/// What is going to be done, or has been.
#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
pub(super) struct Shown {
    /// Tells this plan from others.
    plan: String,
    changes: Vec<ShownChange>,
    /// The instance's users come first, then each tenant, then the instance's keys; only those to
    /// which something happens.
    parts: Vec<ShownPart>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlannedChange)]
struct ShownChange {
    /// Left out for what is the instance's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    action: Action,
    #[schema(example = "Binding")]
    kind: &'static str,
    #[schema(example = "user ann@example.com -> viewer")]
    name: String,
    /// Of what is made, each field with something in it; of what is deleted, none.
    changes: Vec<ShownField>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PlannedAction)]
enum Action {
    Create,
    Change,
    Delete,
}

/// A field that becomes another. What is left out is nothing.
#[derive(Serialize, ToSchema)]
#[schema(as = PlannedField)]
struct ShownField {
    #[schema(example = "description")]
    field: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(required = false)]
    from: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(required = false)]
    to: Value,
}

/// What is written in one commit.
#[derive(Serialize, ToSchema)]
#[schema(as = PlannedPart)]
struct ShownPart {
    /// Left out for the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    state: PartState,
    /// Why nothing of it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PlannedPartState)]
enum PartState {
    Planned,
    Done,
    Failed,
}

/// Documents that make what there is.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
pub(super) struct Documents {
    #[schema(value_type = Vec<AnyForm>)]
    documents: Vec<Value>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query to readers of the document; `Which` reads it")]
pub(super) struct ExportQuery {
    /// Only this tenant; everything there is when left out.
    #[param(value_type = Option<words::TenantId>)]
    tenant: Option<String>,
}

/// Carries documents out: what they say is compared with what there is, and the difference written.
///
/// All of it is planned before anything is written; what breaks a rule or may not be done is refused
/// whole. Each tenant is then written in one commit, or, where others have come between, not at all:
/// `parts` says so. Super admins apply everything; who administers a tenant applies its document, each
/// change under the rules of single writes. Passwords of users who are made come with their documents
/// and are in no answer.
#[utoipa::path(
    post, path = "/api/v1/apply", tag = "documents", request_body = Form,
    responses(
        (status = 200, description = "What is done, or would be.", body = Shown),
        (status = 404, description = "There is no such tenant."),
        (status = 409, description = "It contradicts other records, or the plan is another one by now."),
    )
)]
pub(super) async fn apply(
    Caller(authority): Caller,
    state: State,
    request: Request,
) -> Result<Json<Shown>, Refusal> {
    // Before anything is read: what is sent here is long.
    authority.require_reach(&state.wiring.control.snapshot())?;
    let LongBody(form, _place) = LongBody::<Form>::from_request(request, &state).await?;
    let application = form.read()?;
    let applied = state.wiring.control.apply(&authority, application, Timestamp::now()).await?;
    Shown::of(applied).map(Json)
}

/// Writes down what there is, as documents that `POST /api/v1/apply` takes back without a change.
///
/// A tenant for who may read all that belongs to it; everything for super admins. Passwords, tokens
/// and sessions are in no document.
#[utoipa::path(
    get, path = "/api/v1/export", tag = "documents", params(ExportQuery),
    responses(
        (status = 200, description = "The documents.", body = Documents),
        (status = 404, description = "There is no such tenant."),
    )
)]
pub(super) async fn export(
    Caller(authority): Caller,
    state: State,
    Which(tenant): Which,
) -> Result<Json<Documents>, Refusal> {
    let exported = state.wiring.control.export(&authority, tenant).await?;
    let documents = exported.into_iter().map(documents::document).collect::<Result<_, _>>()?;
    Ok(Json(Documents { documents }))
}

/// The query of an export.
pub(super) struct Which(Option<TenantId>);

impl<S: Sync> FromRequestParts<S> for Which {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let mut flaws = Flaws::default();
        let mut tenant = None;
        for (name, value) in query(parts)? {
            match name.as_str() {
                "tenant" if tenant.is_some() => flaws.add("tenant", "is given twice"),
                "tenant" => tenant = Some(value),
                other => flaws.add(other, "there is no such parameter"),
            }
        }
        flaws.settle()?;
        tenant.as_deref().map(named::tenant).transpose().map(Which)
    }
}

impl Form {
    fn read(self) -> Result<Application, Refusal> {
        let mut flaws = Flaws::default();
        if self.documents.len() > MOST {
            flaws.add("documents", format_args!("are at most {MOST}"));
        }
        flaws.settle()?;
        Ok(Application {
            documents: documents::read(self.documents)?,
            dry_run: self.dry_run.unwrap_or(false),
            prune: self.prune.unwrap_or(false),
            prune_tenants: self.prune_tenants.unwrap_or(false),
            reset_passwords: self.reset_passwords.unwrap_or(false),
            agreed: self.plan,
        })
    }
}

impl Shown {
    fn of(applied: Applied) -> Result<Self, Refusal> {
        let mut shown = Shown { plan: applied.fingerprint, changes: Vec::new(), parts: Vec::new() };
        for Part { tenant, steps, state } in applied.parts {
            let tenant = tenant.map(String::from);
            if steps.is_empty() {
                continue;
            }
            for step in steps {
                shown.changes.push(ShownChange::of(tenant.clone(), step)?);
            }
            let (state, error) = match state {
                How::Planned => (PartState::Planned, None),
                How::Done => (PartState::Done, None),
                How::Failed(fault) => (PartState::Failed, Some(Refusal::from(fault).detail())),
            };
            shown.parts.push(ShownPart { tenant, state, error });
        }
        Ok(shown)
    }
}

impl ShownChange {
    fn of(tenant: Option<String>, step: Step) -> Result<Self, Refusal> {
        let action = match (&step.before, &step.after) {
            (None, _) => Action::Create,
            (Some(_), Some(_)) => Action::Change,
            (Some(_), None) => Action::Delete,
        };
        let (kind, _, name) = step
            .after
            .as_ref()
            .or(step.before.as_ref())
            .map(crate::control::apply::Entry::title)
            .unwrap_or_default();
        let shown = |entry| documents::fields(entry);
        let after = step.after.map(shown).transpose()?;
        let before = step.before.map(shown).transpose()?.unwrap_or_default();
        let changes = after.map(|after| differing(before, after)).unwrap_or_default();
        Ok(ShownChange { tenant, action, kind, name, changes })
    }
}

/// The fields that differ; nothing differs from what is empty.
fn differing(mut before: Map<String, Value>, after: Map<String, Value>) -> Vec<ShownField> {
    let new = before.is_empty();
    let mut fields = Vec::new();
    for (field, to) in after {
        let from = before.remove(&field).unwrap_or_default();
        if from != to && !(new && is_empty(&to)) {
            fields.push(ShownField { field, from, to });
        }
    }
    fields.extend(before.into_iter().map(|(field, from)| ShownField { field, from, to: Value::Null }));
    fields
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}
