//! Users and service accounts of the instance as documents want them. A super admin is left.

use std::collections::BTreeMap;

use super::document::{AccountDocument, Document, Says, UserDocument};
use super::entry::{Entry, Step, UserEntry, steps};
use super::names::Names;
use super::stage::Stage;
use crate::control::charge::{another, governs, leads};
use crate::control::{Fault, Name, Plan, sessions};
use crate::model::{Id, ServiceAccount, User};
use crate::store::{Change, Expect, Record, RecordId, Recorded, Store, Stored, TakenName, UniqueName};

/// What is going to be, entry by entry.
#[derive(Default)]
struct Sides {
    before: Vec<Entry>,
    after: Vec<Entry>,
    /// Whether those whose records change were, and are going to be, super admins who count.
    lead: BTreeMap<Id, (bool, bool)>,
}

/// Plans what makes users and service accounts what their documents say.
pub(super) fn plan(stage: &Stage, store: &Store, documents: &[Document]) -> Result<Plan<Vec<Step>>, Fault> {
    let names = Names { store, drawn: &stage.drawn };
    let mut plan = Plan { expect: Vec::new(), changes: Vec::new(), value: Vec::new() };
    let mut sides = Sides::default();
    for document in documents {
        match &document.says {
            Says::User(user) => plan_user(stage, &names, user, &mut sides, &mut plan)?,
            Says::ServiceAccount(account) => plan_account(stage, &names, account, &mut sides, &mut plan)?,
            Says::Tenant(_) | Says::Key(_) | Says::Issuer(..) => {}
        }
    }
    somebody_leads(store, &sides.lead, &mut plan)?;
    plan.value = steps(sides.before, sides.after);
    Ok(plan)
}

fn plan_user(
    stage: &Stage,
    names: &Names<'_>,
    document: &UserDocument,
    sides: &mut Sides,
    plan: &mut Plan<Vec<Step>>,
) -> Result<(), Fault> {
    let Some((id, _)) = names.user(&document.name)? else { return Ok(()) };
    let known = names.store.find::<User>(&RecordId::User(id))?;
    // Somebody may have made the user since it was asked whether there is one.
    let hash = stage.hashes.get(&document.name).filter(|_| known.is_none() || stage.reset_passwords);
    let before = known.as_ref().map(|known| known.value.clone());
    let base = before.clone().unwrap_or_else(|| User {
        id,
        name: document.name.clone(),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: None,
        super_admin: false,
        disabled: false,
        restricted: false,
        created_at: stage.now,
        updated_at: stage.now,
    });
    let mut user = User {
        first_name: document.first_name.clone().map_or(base.first_name.clone(), text),
        last_name: document.last_name.clone().map_or(base.last_name.clone(), text),
        super_admin: document.super_admin.unwrap_or(base.super_admin),
        restricted: document.restricted.unwrap_or(base.restricted),
        disabled: document.disabled.unwrap_or(base.disabled),
        password_hash: hash.cloned().or(base.password_hash.clone()),
        ..base
    };
    sides.before.extend(before.as_ref().map(|user| user_entry(user, false)));
    sides.after.push(user_entry(&user, hash.is_some()));
    let did = before.as_ref().map_or(Ok(false), |user| leads(names.store, user))?;
    sides.lead.insert(id, (did, leads(names.store, &user)?));
    let Some(Stored { version, value: before }) = known else {
        let name = UniqueName::User(user.name.as_str().to_owned());
        take(TakenName { name, id }, plan);
        put(user, Expect::Absent, plan);
        return Ok(());
    };
    if user == before {
        return Ok(());
    }
    user.updated_at = stage.now;
    let ended = (user.disabled && !before.disabled) || hash.is_some();
    let own = stage.authority.session().map(|signed_in| signed_in.session).filter(|_| !user.disabled);
    put(user, Expect::Version(version), plan);
    if ended { sessions::end_all(names.store, id, own, plan) } else { Ok(()) }
}

fn plan_account(
    stage: &Stage,
    names: &Names<'_>,
    document: &AccountDocument,
    sides: &mut Sides,
    plan: &mut Plan<Vec<Step>>,
) -> Result<(), Fault> {
    let Some((id, _)) = names.account(&document.name)? else { return Ok(()) };
    let known = names.store.find::<ServiceAccount>(&RecordId::ServiceAccount(None, id))?;
    let before = known.as_ref().map(|known| known.value.clone());
    let base = before.clone().unwrap_or_else(|| ServiceAccount {
        id,
        tenant: None,
        name: document.name.clone(),
        description: String::new(),
        super_admin: false,
        disabled: false,
        created_at: stage.now,
        updated_at: stage.now,
    });
    let mut account = ServiceAccount {
        description: document.description.clone().map_or(base.description.clone(), String::from),
        super_admin: document.super_admin.unwrap_or(base.super_admin),
        disabled: document.disabled.unwrap_or(base.disabled),
        ..base
    };
    sides.before.extend(before.as_ref().map(account_entry));
    sides.after.push(account_entry(&account));
    let did = before.as_ref().map_or(Ok(false), |account| governs(names.store, account))?;
    sides.lead.insert(id, (did, governs(names.store, &account)?));
    let Some(Stored { version, value: before }) = known else {
        let name = UniqueName::ServiceAccount(None, account.name.as_str().to_owned());
        take(TakenName { name, id }, plan);
        put(account, Expect::Absent, plan);
        return Ok(());
    };
    if account == before {
        return Ok(());
    }
    account.updated_at = stage.now;
    put(account, Expect::Version(version), plan);
    Ok(())
}

fn put<T: Recorded + Into<Box<Record>>>(record: T, expect: Expect, plan: &mut Plan<Vec<Step>>) {
    plan.expect.push((record.record_id(), expect));
    plan.changes.push(Change::Put(record.into()));
}

fn take(name: TakenName, plan: &mut Plan<Vec<Step>>) {
    plan.expect.push((name.record_id(), Expect::Absent));
    plan.changes.push(Change::Put(name.into()));
}

/// Refuses what would leave no super admin. Those in `lead` are going to be what it says.
fn somebody_leads(
    store: &Store,
    lead: &BTreeMap<Id, (bool, bool)>,
    plan: &mut Plan<Vec<Step>>,
) -> Result<(), Fault> {
    let lost = lead.values().any(|(did, does)| *did && !does) && !lead.values().any(|(_, does)| *does);
    match lost && !another(store, |id| lead.contains_key(&id), plan)? {
        false => Ok(()),
        true => Err(Fault::Conflict(
            "this would leave no super admin: make another one in the same documents".to_owned(),
        )),
    }
}

pub(super) fn user_entry(user: &User, new_password: bool) -> Entry {
    Entry::User(UserEntry {
        name: user.name.clone(),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        super_admin: user.super_admin,
        restricted: user.restricted,
        disabled: user.disabled,
        new_password,
    })
}

pub(super) fn account_entry(account: &ServiceAccount) -> Entry {
    Entry::ServiceAccount {
        name: account.name.clone(),
        description: account.description.clone(),
        disabled: account.disabled,
        super_admin: Some(account.super_admin),
    }
}

fn text(name: Option<Name>) -> String {
    name.map_or_else(String::new, String::from)
}
