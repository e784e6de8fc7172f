//! Who lets strangers speak: what a caller may give away by a key or an issuer.

use super::{Authority, Control, Fault};
use crate::model::{Act, Area, Power, Rights, TenantId};
use crate::snapshot::Effective;

/// Who writes a key or an issuer, and what they can give.
pub(super) struct Giver {
    authority: Authority,
    held: Effective,
}

impl Control {
    /// Refuses who may not do this to an owner's keys and issuers; the instance's are super admins'.
    pub(super) fn giver(
        &self,
        authority: &Authority,
        owner: Option<&TenantId>,
        act: Act,
    ) -> Result<Giver, Fault> {
        let held = match owner {
            None => authority.require_super_admin().map(|()| Effective::default()),
            Some(tenant) => authority.require(&self.snapshot(), tenant, Power::new(Area::Key, act)),
        };
        Ok(Giver { authority: authority.clone(), held: held? })
    }
}

impl Giver {
    /// Refuses to give away what the giver does not have.
    pub(super) fn gives(&self, rights: Rights) -> Result<(), Fault> {
        self.authority.require_cover(&self.held, rights, None::<[&str; 0]>)
    }
}
