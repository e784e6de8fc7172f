//! What became of an account and its tenant while a password was checked, or a verdict was kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{by_password, unchanged};
use crate::model::{Id, Member, OrgId, Principal, Tenant, TenantId, Timestamp, User, UserName};
use crate::snapshot::{Routes, Snapshot};
use crate::store::Change;

fn id(number: u8) -> Id {
    Id::from_random([number; 16])
}

#[test]
fn a_checked_password_counts_for_the_account_as_it_is_by_then_and_holds_no_old_tenant() {
    let (tenant, at) = (TenantId::parse("a").expect("an id"), Timestamp::from_seconds(1));
    let user = User {
        id: id(1),
        name: UserName::parse("ann").expect("a name"),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: None,
        super_admin: false,
        disabled: false,
        restricted: false,
        created_at: at,
        updated_at: at,
    };
    let member = |nth| Member {
        tenant: tenant.clone(),
        principal: Principal::User(id(nth)),
        groups: BTreeMap::new(),
        created_at: at,
    };
    let changes = [
        Change::Put(Tenant::new(tenant.clone(), OrgId::nth(&tenant, 1), at).into()),
        Change::Put(user.clone().into()),
        Change::Put(member(1).into()),
    ];
    let before = Snapshot::empty(Routes::new(&[]).into()).after(1, &changes);
    let account = before.accounts.get(&id(1)).expect("the user").clone();
    let identity = by_password(&before, &account, "a").expect("access");
    assert!(identity.holds(&before));
    let version = Arc::downgrade(before.tenants.get("a").expect("the tenant"));
    let address = before.tenants.get("a").map(|tenant| tenant.id.as_str().as_ptr());

    let later = before.after(2, &[Change::Put(member(2).into())]);
    drop(before);
    assert!(version.upgrade().is_none(), "nobody reads the old version any more");
    assert!(!identity.holds(&later));
    let renamed = Tenant { name: "A".to_owned(), ..Tenant::new(tenant.clone(), OrgId::nth(&tenant, 1), at) };
    let later = later.after(3, &[Change::Put(renamed.into())]);
    assert_eq!(later.tenants.get("a").map(|tenant| tenant.id.as_str().as_ptr()), address);

    assert!(by_password(&later, &account, "a").is_ok());
    let stripped = later.after(4, &[Change::Put(User { super_admin: true, ..user }.into())]);
    assert!(by_password(&stripped, &account, "a").is_err(), "it has changed meanwhile");
    assert!(unchanged(&stripped, &account).is_none());
}
