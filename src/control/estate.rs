//! All that belongs to a tenant and goes with it.

use std::collections::BTreeSet;

use super::{Fault, Plan, tokens};
use crate::model::{Principal, TenantId};
use crate::snapshot::Snapshot;
use crate::store::{Change, Cut, Kind, Order, RecordId, Store, names_within, within};

/// Plans to delete all that belongs to a tenant, each as it was looked at. `live` has all that is in
/// the store: among a million tokens it knows at once which are limited to the tenant.
pub(super) fn clear(
    store: &Store,
    live: &Snapshot,
    tenant: &TenantId,
    plan: &mut Plan<()>,
) -> Result<(), Fault> {
    let mut accounts = BTreeSet::new();
    for kind in Kind::ALL.iter().copied().filter(|kind| is_owned(*kind)) {
        for id in clear_prefix(store, kind, &within(Some(tenant)), plan)? {
            match id {
                RecordId::ServiceAccount(_, account) => drop(accounts.insert(account)),
                RecordId::Invitation(_, id) => {
                    plan.changes.push(Change::Delete(RecordId::InvitationPlace(id)));
                }
                _ => {}
            }
        }
    }
    for prefix in names_within(tenant) {
        clear_prefix(store, Kind::Name, &prefix, plan)?;
    }
    for account in &accounts {
        tokens::forget_owner(store, Principal::ServiceAccount(*account), plan)?;
    }
    let limited = live.tokens.values().filter(|token| token.tenant.as_ref() == Some(tenant));
    for token in limited.filter(|token| !accounts.contains(&token.owner)) {
        // The key says nothing of the kind of principal.
        let id = RecordId::Token(Principal::User(token.owner), token.id);
        if let Some(stored) = store.find(&id)? {
            tokens::forget(&stored, plan);
        }
    }
    Ok(())
}

/// Plans to delete the records of a kind whose keys begin with `prefix`; names them.
fn clear_prefix<T>(
    store: &Store,
    kind: Kind,
    prefix: &str,
    plan: &mut Plan<T>,
) -> Result<Vec<RecordId>, Fault> {
    let all =
        Cut { kind, within: Some(prefix), order: Order::Ascending, skip: 0, take: usize::MAX, wanted: None };
    let found = store.page(&all)?.items;
    for stored in &found {
        plan.delete(stored.value.id(), stored.version);
    }
    Ok(found.into_iter().map(|stored| stored.value.id()).collect())
}

/// Whether records of this kind have a tenant's id at the beginning of their keys.
const fn is_owned(kind: Kind) -> bool {
    match kind {
        Kind::Binding
        | Kind::Member
        | Kind::Invitation
        | Kind::Group
        | Kind::Role
        | Kind::ServiceAccount
        | Kind::Key
        | Kind::Issuer
        | Kind::IssuerKeys => true,
        Kind::Tenant
        | Kind::Org
        | Kind::User
        | Kind::Token
        | Kind::TokenUse
        | Kind::InvitationPlace
        | Kind::Session
        | Kind::Name
        | Kind::Audit
        | Kind::AuditMark => false,
    }
}
