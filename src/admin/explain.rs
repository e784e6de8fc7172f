//! `/api/v1/explain`: what the data plane would do with a request, and why.

use axum::Json;
use axum::http::{HeaderValue, Method, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Body, Rest};
use super::caller::Caller;
use super::problem::Refusal;
use super::{Listener, State, words};
use crate::control::{Fault, Flaws};
use crate::model::{Permission, Timestamp, UserName};
use crate::proxy::{self, Asker, Explanation, Phase, Question, Step, explain as told};
use crate::snapshot::Snapshot;

/// A request that somebody wonders about. At most one of `token`, `authorization` and `user`.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = ExplainForm)]
pub(super) struct Form {
    /// Absolute, as the caller sends it.
    #[schema(example = "https://acme.example.com/api/v1/push", max_length = 8192, pattern = "^https?://")]
    url: String,
    /// `GET` when left out.
    #[schema(value_type = Option<words::HttpMethod>)]
    method: Option<String>,
    /// An API token, or a JSON Web Token.
    #[schema(max_length = 16384)]
    token: Option<String>,
    /// The whole value of the `Authorization` header.
    #[schema(max_length = 22356)]
    authorization: Option<String>,
    /// The name of a user, whose credential is taken to be right.
    #[schema(max_length = 254)]
    user: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// What would become of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(super) struct Shown {
    /// Whether it would go on to a back end.
    allowed: bool,
    /// The status with which it would end here.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The reason as in the access log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "other_tenant")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// What the URL says the tenant is, whether or not there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// Who calls: the name of an account, or the key that vouches for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    /// What the request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "metrics:write")]
    permission: Option<String>,
    /// The phases that it passed, in their order, and the one in which it would end.
    steps: Vec<ShownStep>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExplanationStep)]
struct ShownStep {
    #[schema(value_type = words::Phase)]
    step: &'static str,
    passed: bool,
    detail: String,
}

/// Explains a request: which listener, service and tenant it meets, which scheme decides on its
/// credential, who that makes, what they may and why, and where it would go. Nothing is sent, no
/// attempt is counted. For super admins: it tells of tenants and callers.
#[utoipa::path(
    post, path = "/api/v1/explain", tag = "explain", request_body = Form,
    responses((status = 200, description = "What would become of it.", body = Shown))
)]
pub(super) async fn explain(
    Caller(authority): Caller,
    state: State,
    Body(form): Body<Form>,
) -> Result<Json<Shown>, Refusal> {
    authority.require_super_admin()?;
    let asked = form.read()?;
    let snapshot = state.wiring.control.snapshot();
    let listener = listener(&state.wiring.listeners, &asked.url);
    let explanation = asked.answer(&snapshot)?;
    Ok(Json(Shown::of(listener, explanation)))
}

/// A form, read.
struct Asked {
    method: Method,
    url: Uri,
    whose: Whose,
}

enum Whose {
    Nobodys,
    Credential(HeaderValue),
    User(String),
}

impl Form {
    fn read(self) -> Result<Asked, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let url = flaws.take("url", absolute(&self.url));
        let method = self.method.as_deref().unwrap_or("GET");
        let method = flaws.take("method", method.parse::<Method>().map_err(|_| "is no method of HTTP"));
        let texts = [
            ("url", Some(&self.url), 8192),
            ("token", self.token.as_ref(), 16_384),
            ("authorization", self.authorization.as_ref(), 22_356),
            ("user", self.user.as_ref(), 254),
        ];
        for (field, text, most) in texts {
            if text.is_some_and(|text| text.chars().count() > most) {
                flaws.add(field, format_args!("has at most {most} characters"));
            }
        }
        let given = [("token", &self.token), ("authorization", &self.authorization), ("user", &self.user)];
        let mut named =
            given.into_iter().filter_map(|(field, text)| text.as_deref().map(|text| (field, text)));
        let whose = match named.next() {
            None => Some(Whose::Nobodys),
            Some(("user", name)) => Some(Whose::User(name.to_owned())),
            Some((field, text)) => {
                let value = if field == "token" { format!("Bearer {text}") } else { text.to_owned() };
                let value = HeaderValue::try_from(value).map_err(|_| "has characters that no header has");
                flaws.take(field, value).map(Whose::Credential)
            }
        };
        if let Some((field, _)) = named.next() {
            flaws.add(field, "at most one of token, authorization and user can be given");
        }
        let (Some(url), Some(method), Some(whose)) = (url, method, whose) else {
            return Err(Fault::Invalid(flaws).into());
        };
        flaws.yields(Some(Asked { method, url, whose })).map_err(Refusal::from)
    }
}

fn absolute(text: &str) -> Result<Uri, &'static str> {
    const RULE: &str = "is an absolute URL that begins with http:// or https://";
    let url: Uri = text.parse().map_err(|_| RULE)?;
    match url.scheme_str() {
        Some("http" | "https") if url.host().is_some() => Ok(url),
        _ => Err(RULE),
    }
}

impl Asked {
    fn answer(&self, snapshot: &Snapshot) -> Result<Explanation, Refusal> {
        let account = match &self.whose {
            Whose::Nobodys | Whose::Credential(_) => None,
            Whose::User(name) => Some(account(snapshot, name)?),
        };
        let asker = match (&self.whose, &account) {
            (Whose::Credential(value), _) => Asker::Credential(value),
            (_, Some(account)) => Asker::Account(account),
            (_, None) => Asker::Nobody,
        };
        let question = Question { method: &self.method, url: &self.url, asker };
        Ok(told(snapshot, &question, Timestamp::now()))
    }
}

fn account(snapshot: &Snapshot, name: &str) -> Result<std::sync::Arc<crate::snapshot::Account>, Refusal> {
    let found = UserName::parse(name).ok().and_then(|name| snapshot.users.get(name.as_str()).cloned());
    found.ok_or_else(|| Fault::invalid("user", "there is no such user").into())
}

/// The step before all others: where the request comes in.
fn listener(listeners: &[Listener], url: &Uri) -> ShownStep {
    let tls = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let met = listeners.iter().find(|listener| listener.address.port() == port && listener.tls == tls);
    let detail = match met {
        Some(listener) => format!("listener {:?} at {}", listener.name, listener.address),
        None => format!(
            "no listener of this node has port {port} {}; taken as forwarded from there by something in front",
            if tls { "with TLS" } else { "without TLS" }
        ),
    };
    ShownStep { step: "listener", passed: true, detail }
}

impl Shown {
    fn of(listener: ShownStep, told: Explanation) -> Self {
        let steps = std::iter::once(listener).chain(told.steps.into_iter().map(ShownStep::of));
        Shown {
            allowed: told.refusal.is_none(),
            status: told.refusal.map(|refusal| refusal.status().as_u16()),
            reason: told.refusal.map(proxy::Refusal::reason),
            service: told.service,
            tenant: told.tenant,
            principal: told.principal,
            permission: told.permission.map(|permission: Permission| permission.to_string()),
            steps: steps.collect(),
        }
    }
}

impl ShownStep {
    fn of(step: Step) -> Self {
        let name = match step.phase {
            Phase::Target => "target",
            Phase::Credential => "credential",
            Phase::Identity => "identity",
            Phase::Permission => "permission",
            Phase::Limits => "limits",
            Phase::Upstream => "upstream",
        };
        ShownStep { step: name, passed: step.passed, detail: step.text }
    }
}
