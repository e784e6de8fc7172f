//! What a plan stands upon besides the store: who asks, what was drawn beforehand, and how
//! documents are to be taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::document::{Application, Document, Says, UserDocument};
use super::names::{Drawn, Names};
use crate::auth::password;
use crate::control::{Authority, Control, Fault, Flaws, blocking, broken_rules, draw};
use crate::model::{Secret, TenantId, Timestamp, User, UserName};
use crate::snapshot::Snapshot;
use crate::store::RecordId;

#[derive(Clone)]
pub(super) struct Stage {
    pub authority: Authority,
    pub snapshot: Arc<Snapshot>,
    pub now: Timestamp,
    pub prune: bool,
    pub reset_passwords: bool,
    pub drawn: Drawn,
    /// Of the users whose passwords are to be set.
    pub hashes: BTreeMap<UserName, String>,
    /// The services that there are.
    pub services: Vec<String>,
    /// The tenants that documents are going to make, as far as that counts.
    pub to_be: BTreeSet<TenantId>,
}

impl Control {
    /// Sees to what cannot wait for the turn to write: ids of those who are made, and hashes.
    pub(super) async fn stage(
        &self,
        authority: &Authority,
        application: &Application,
        now: Timestamp,
    ) -> Result<Stage, Fault> {
        unique(&application.documents)?;
        let mut drawn = Drawn::default();
        let mut to_be = BTreeSet::new();
        for document in &application.documents {
            match &document.says {
                Says::User(user) => drop(drawn.users.insert(user.name.clone(), draw::id()?)),
                Says::ServiceAccount(account) => {
                    drawn.accounts.insert(account.name.clone(), draw::id()?);
                }
                Says::Tenant(tenant) => drop(to_be.insert(tenant.id.clone())),
                Says::Key(_) | Says::Issuer(..) => {}
            }
            if !matches!(document.says, Says::Tenant(_)) {
                authority.require_super_admin()?;
            }
        }
        let snapshot = self.snapshot();
        let services = self.services();
        let hashes = self.hashes(application).await?;
        let authority = authority.clone();
        let (prune, reset_passwords) = (application.prune, application.reset_passwords);
        Ok(Stage { authority, snapshot, now, prune, reset_passwords, drawn, hashes, services, to_be })
    }

    async fn hashes(&self, application: &Application) -> Result<BTreeMap<UserName, String>, Fault> {
        let mut hashes = BTreeMap::new();
        let mut flaws = Flaws::default();
        for Document { at, says } in &application.documents {
            let Says::User(UserDocument { name, password: Some(secret), .. }) = says else { continue };
            let broken = broken_rules(name.as_str(), secret);
            if !broken.is_empty() {
                flaws.add(&format!("{at}.password"), broken.join("; "));
            } else if self.wants(name, secret, application.reset_passwords).await? {
                let hash = match application.dry_run {
                    true => None,
                    false => self.hashed(name.as_str(), Some(secret.clone())).await?,
                };
                hashes.insert(name.clone(), hash.unwrap_or_default());
            }
        }
        flaws.settle()?;
        Ok(hashes)
    }

    /// Whether a user is to get this password: one who is made; with `reset` also one who has another.
    async fn wants(&self, name: &UserName, secret: &Secret, reset: bool) -> Result<bool, Fault> {
        let name = name.clone();
        let user = self.read(move |store| {
            let named = Names { store, drawn: &Drawn::default() }.user(&name)?;
            let user = named.map(|(id, _)| store.find::<User>(&RecordId::User(id))).transpose()?;
            Ok(user.flatten())
        });
        let Some(user) = user.await? else { return Ok(true) };
        let Some(hash) = user.value.password_hash.filter(|_| reset) else { return Ok(reset) };
        let (secret, turn) = (secret.clone(), self.hashing.clone().acquire_owned().await);
        let turn = turn.map_err(|_| Fault::Broken)?;
        blocking(move || {
            let _turn = turn;
            Ok(!password::verify(&secret, &hash))
        })
        .await
    }
}

/// Refuses two documents about the same.
fn unique(documents: &[Document]) -> Result<(), Fault> {
    let mut seen = BTreeMap::new();
    let mut flaws = Flaws::default();
    for Document { at, says } in documents {
        let (field, about) = match says {
            Says::Tenant(tenant) => ("id", format!("tenant {}", tenant.id)),
            Says::User(user) => ("email", format!("user {}", user.name)),
            Says::ServiceAccount(account) => ("name", format!("service account {}", account.name)),
            Says::Key(key) => ("id", format!("key {}", key.id)),
            Says::Issuer(id, _) => ("id", format!("issuer {id}")),
        };
        match seen.get(&about) {
            Some(first) => {
                flaws.add(&format!("{at}.{field}"), format_args!("{first} is about {about} already"))
            }
            None => drop(seen.insert(about, at)),
        }
    }
    flaws.settle()
}
