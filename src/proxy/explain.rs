//! What the data plane would do with a request, step by step, without doing it: the phases of
//! `handle`, by the same functions, told in words.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Uri};

use super::limits;
use super::reasons;
use super::reject::Refusal;
use super::target::{Host, Target, target};
use crate::auth::explain::{self, Scheme};
use crate::auth::{Basis, Denied, Failure, Identity, check};
use crate::model::{Permission, Timestamp};
use crate::snapshot::{Account, Held, Options, Service, Snapshot, Tenant};

/// A request that somebody wonders about.
pub struct Question<'q> {
    pub method: &'q Method,
    /// Absolute: scheme, host, path and query.
    pub url: &'q Uri,
    pub asker: Asker<'q>,
}

/// Whose request it is.
pub enum Asker<'q> {
    Nobody,
    /// Whoever has this value of `Authorization`.
    Credential(&'q HeaderValue),
    /// This account, its credential being right.
    Account(&'q Arc<Account>),
}

/// One phase of a request, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Host and path, to service, tenant and permission.
    Target,
    /// Which scheme decides.
    Credential,
    /// Who that makes.
    Identity,
    /// What they may.
    Permission,
    /// What the tenant's own options say.
    Limits,
    /// Where it goes.
    Upstream,
}

/// What a phase found.
pub struct Step {
    pub phase: Phase,
    /// Whether the request got past it.
    pub passed: bool,
    pub text: String,
}

/// What would become of the request.
#[derive(Default)]
pub struct Explanation {
    pub steps: Vec<Step>,
    /// Why it would end here; none when it would go on to a back end.
    pub refusal: Option<Refusal>,
    pub service: Option<String>,
    /// What the URL says the tenant is; whether there is one is part of the steps.
    pub tenant: Option<String>,
    pub permission: Option<Permission>,
    pub principal: Option<String>,
}

/// Tells what would become of a request now.
pub fn explain(snapshot: &Snapshot, question: &Question<'_>, now: Timestamp) -> Explanation {
    let mut told = Explanation::default();
    if let Err((phase, refusal, text)) = told.follow(snapshot, question, now) {
        told.steps.push(Step { phase, passed: false, text });
        told.refusal = Some(refusal);
    }
    told
}

/// Where a request ends, and why.
type End = (Phase, Refusal, String);

impl Explanation {
    fn follow(&mut self, snapshot: &Snapshot, question: &Question<'_>, now: Timestamp) -> Result<(), End> {
        let host = host_of(question.url)?;
        let path = question.url.path();
        let target = target(&snapshot.routes, &host, question.method, path)
            .map_err(|refusal| (Phase::Target, refusal, reasons::untargeted(refusal)))?;
        self.found(&target, &host, path);
        let identity = self.identify(snapshot, question, target.tenant, now)?;
        let tenant = self.permit(snapshot, &identity, &target)?;
        let options = tenant.options_at(&target.service.name);
        let seen = if target.start == path.len() { "/" } else { &path[target.start..] };
        self.limits(options, target.service, question.method, seen)?;
        self.forward(&target, tenant, seen);
        Ok(())
    }

    fn pass(&mut self, phase: Phase, text: String) {
        self.steps.push(Step { phase, passed: true, text });
    }

    fn found(&mut self, target: &Target<'_, '_>, host: &Host, path: &str) {
        let Target { service, tenant, permission, start } = target;
        let seen = if *start == path.len() { "/" } else { &path[*start..] };
        self.service = Some(service.name.to_string());
        self.tenant = Some((*tenant).to_owned());
        self.permission = Some(*permission);
        self.pass(
            Phase::Target,
            format!(
                "host {:?} and path {path:?} are service {:?}, tenant {tenant:?}; {seen:?} needs {permission} there",
                host.name(),
                service.name
            ),
        );
    }

    fn identify(
        &mut self,
        snapshot: &Snapshot,
        question: &Question<'_>,
        tenant: &str,
        now: Timestamp,
    ) -> Result<Identity, End> {
        let identity = match question.asker {
            Asker::Nobody => return Err(unknown(Phase::Credential, Failure::Missing)),
            Asker::Account(account) => {
                self.pass(
                    Phase::Credential,
                    format!("{:?} is taken to have shown a right credential", account.name),
                );
                explain::assume(snapshot, account, tenant)
            }
            Asker::Credential(value) => {
                let scheme = explain::scheme(value).map_err(|failure| unknown(Phase::Credential, failure))?;
                self.pass(Phase::Credential, decides(scheme).to_owned());
                match explain::identify(snapshot, value, tenant, now) {
                    Ok(Some(identity)) => Ok(identity),
                    Ok(None) => return Err(unknown(Phase::Identity, Failure::Password)),
                    Err(failure) => Err(failure),
                }
            }
        };
        let identity = identity.map_err(|failure| unknown(Phase::Identity, failure))?;
        self.principal = Some(name(&identity));
        self.pass(Phase::Identity, who(&identity));
        Ok(identity)
    }

    fn permit<'s>(
        &mut self,
        snapshot: &'s Snapshot,
        identity: &Identity,
        target: &Target<'_, '_>,
    ) -> Result<&'s Arc<Tenant>, End> {
        let end = |denied: Denied, text: String| (Phase::Permission, Refusal::Denied(denied), text);
        let Some(tenant) = snapshot.tenants.get(identity.tenant.as_str()) else {
            return Err(end(Denied::UnknownTenant, format!("there is no tenant \"{}\"", identity.tenant)));
        };
        let rights = rights(tenant, identity, target.service);
        match check(tenant, identity, target.service, target.permission) {
            Ok(()) => {
                self.pass(Phase::Permission, format!("{rights}: {} is among them", target.permission));
                Ok(tenant)
            }
            Err(denied @ Denied::Lacks(lacking)) => {
                Err(end(denied, format!("{rights}: {lacking} is not among them")))
            }
            Err(denied @ Denied::Suspended) => Err(end(denied, "the tenant is suspended".to_owned())),
            Err(denied @ Denied::UnknownTenant) => Err(end(denied, "the tenant is gone".to_owned())),
        }
    }

    fn limits(
        &mut self,
        options: Option<&Options>,
        service: &Service,
        method: &Method,
        seen: &str,
    ) -> Result<(), End> {
        let Some(options) = options else {
            self.pass(Phase::Limits, format!("the tenant has no options of its own at {:?}", service.name));
            return Ok(());
        };
        let methods =
            options.methods.map_or_else(|| "every method".to_owned(), |methods| methods.to_string());
        let text = match options.max_body_bytes {
            Some(most) => format!("the tenant's options let {methods} through, with at most {most} bytes"),
            None => format!("the tenant's options let {methods} through, with a body of any length"),
        };
        limits::check(options, service, method, seen, None)
            .map_err(|refusal| (Phase::Limits, refusal, text.clone()))?;
        self.pass(Phase::Limits, text);
        Ok(())
    }

    fn forward(&mut self, target: &Target<'_, '_>, tenant: &Tenant, seen: &str) {
        let options = tenant.options_at(&target.service.name);
        let backends =
            target.service.backends_with(options).iter().map(|backend| backend.address.to_string());
        self.pass(
            Phase::Upstream,
            format!(
                "{seen:?} goes to {} with {}: {}",
                backends.collect::<Vec<_>>().join(" or "),
                target.service.tenant_header,
                tenant.org_id
            ),
        );
    }
}

/// The host of an absolute URL, read as that of a request is.
fn host_of(url: &Uri) -> Result<Host, End> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = url.clone();
    // With this version the URL alone names the host.
    parts.version = http::Version::HTTP_2;
    Host::of(&parts).map_err(|refusal| (Phase::Target, refusal, reasons::untargeted(refusal)))
}

fn unknown(phase: Phase, failure: Failure) -> End {
    (phase, Refusal::Unauthenticated(failure), reasons::unknown(failure).to_owned())
}

const fn decides(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::ApiToken => "an API token decides",
        Scheme::Jwt => "a JSON Web Token decides",
        Scheme::Password => "a user's own password decides",
    }
}

fn name(identity: &Identity) -> String {
    match &identity.basis {
        Basis::Key { key, .. } => format!("key {}", key.record.id),
        Basis::Token { account, .. } | Basis::Password { account, .. } => account.name.to_string(),
    }
}

fn who(identity: &Identity) -> String {
    let tenant = &identity.tenant;
    match &identity.basis {
        Basis::Key { key, .. } => {
            format!(
                "the trusted key {:?} vouches for the caller as tenant \"{tenant}\"",
                key.record.id.as_str()
            )
        }
        Basis::Token { token, account, .. } => {
            format!("the API token {} of {:?}, who has access to tenant \"{tenant}\"", token.id, account.name)
        }
        Basis::Password { account, .. } => {
            format!("{:?}, who has access to tenant \"{tenant}\"", account.name)
        }
    }
}

/// What the caller may do at a service, and by what.
fn rights(tenant: &Tenant, identity: &Identity, service: &Service) -> String {
    let grants = identity.effective.at(&service.name);
    let grants: Vec<String> = grants.iter().map(|permission| permission.to_string()).collect();
    let grants = if grants.is_empty() { "nothing".to_owned() } else { grants.join(", ") };
    let held = identity.account().map(|account| tenant.access.held(account.principal.id()));
    let by: Vec<String> = held.into_iter().flatten().map(|held| by(tenant, &held)).collect();
    match (by.is_empty(), identity.account()) {
        (false, _) => format!("{grants} by {}", by.join(" and ")),
        (true, Some(_)) => format!("{grants}, as there is no binding"),
        (true, None) => format!("{grants} by the key"),
    }
}

fn by(tenant: &Tenant, held: &Held<'_>) -> String {
    let role = held.role.text(&tenant.id);
    let group = held.group.map(|group| format!(" through group {group}")).unwrap_or_default();
    let services = held.services.map(|names| format!(" at {} only", names.join(", "))).unwrap_or_default();
    format!("role {role}{group}{services}")
}
