//! Reading the audit log: searched from its newest entry, handed out from its oldest, and verified.
//! The whole log is for super admins; a tenant's part is for who may read it there.

use std::sync::Arc;

use super::logbook::{Part, Span};
use super::scans::Scans;
use super::{Authority, Control, Fault, blocking};
use crate::model::{
    Act, Area, AuditEntry, Deed, Extent, Outcome, Power, TenantId, Timestamp, Verdict, Verifier,
};
use crate::store::{RecordId, Store};

/// Entries that are read at once; who asks can go away between.
const BATCH: u64 = 512;

/// Which entries are meant. What is none does not matter; texts are compared in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// What an entry must contain in one of its texts, [`AuditEntry::before`] and `after` included.
    pub text: Option<String>,
    /// The name or the id of who did it.
    pub actor: Option<String>,
    /// The kind of record.
    pub resource: Option<String>,
    /// The id of the record.
    pub id: Option<String>,
    pub deed: Option<Deed>,
    pub outcome: Option<Outcome>,
    /// The first moment, and the last one.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// Which page of the entries that are meant, from the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSearch {
    pub filter: AuditFilter,
    pub skip: usize,
    pub take: usize,
}

/// Entries on their way out, from the oldest.
pub struct Export {
    store: Arc<Store>,
    scans: Arc<Scans>,
    part: Part,
    filter: AuditFilter,
    left: Option<Span>,
}

impl AuditFilter {
    /// Whether only the time matters, for which no entry has to be looked at but a few.
    fn is_plain(&self) -> bool {
        let AuditFilter { text, actor, resource, id, deed, outcome, from: _, to: _ } = self;
        [text, actor, resource, id].iter().all(|one| one.is_none()) && deed.is_none() && outcome.is_none()
    }

    fn wants(&self, entry: &AuditEntry) -> bool {
        let same = |wanted: &Option<String>, texts: &[&str]| {
            wanted
                .as_ref()
                .is_none_or(|wanted| texts.iter().any(|text| text.to_lowercase() == wanted.to_lowercase()))
        };
        same(&self.actor, &[&entry.actor.name, &entry.actor.id])
            && same(&self.resource, &[&entry.resource])
            && same(&self.id, &[&entry.id])
            && self.deed.is_none_or(|deed| deed == entry.deed)
            && self.outcome.is_none_or(|outcome| outcome == entry.outcome)
            && self.text.as_ref().is_none_or(|text| contains(entry, &text.to_lowercase()))
    }
}

fn contains(entry: &AuditEntry, text: &str) -> bool {
    let actor = &entry.actor;
    let tenant = entry.tenant.as_ref().map_or("", TenantId::as_str);
    let texts = [
        &actor.name,
        &actor.id,
        &actor.address,
        &entry.request_id,
        &entry.resource,
        &entry.id,
        tenant,
        &entry.detail,
    ];
    let records = [&entry.before, &entry.after];
    texts.iter().any(|one| one.to_lowercase().contains(text))
        || records.into_iter().flatten().any(|one| one.to_string().to_lowercase().contains(text))
}

impl Control {
    /// A page of entries, the newest first, and how many there are on all pages. When only the time
    /// matters this costs a few look-ups, wherever the page lies; else all entries of that time are
    /// looked through.
    pub async fn audit_entries(
        &self,
        authority: &Authority,
        tenant: Option<TenantId>,
        search: AuditSearch,
    ) -> Result<(Vec<AuditEntry>, usize), Fault> {
        let part = self.part(authority, tenant)?;
        let AuditSearch { filter, skip, take } = search;
        let (from, to) = (filter.from, filter.to);
        let (part, span) = self.within(part, from, to).await?;
        let Some(span) = span else { return Ok((Vec::new(), 0)) };
        if filter.is_plain() {
            let page = span.page(skip, take);
            let entries =
                self.read(move |store| Ok(page.map_or(Ok(Vec::new()), |page| part.newest(store, page))?));
            return Ok((entries.await?, usize::try_from(span.len()).unwrap_or(usize::MAX)));
        }
        let (mut page, mut total, mut left) = (Vec::new(), 0, Some(span));
        while let Some((batch, rest)) = left.map(|left| left.last(BATCH)) {
            let turn = self.scans.turn(&part).await?;
            let (part, filter) = (part.clone(), filter.clone());
            let wanted = self.read(move |store| {
                let _turn = turn;
                let mut entries = part.newest(store, batch)?;
                entries.retain(|entry| filter.wants(entry));
                Ok(entries)
            });
            for entry in wanted.await? {
                if total >= skip && page.len() < take {
                    page.push(entry);
                }
                total += 1;
            }
            left = rest;
        }
        Ok((page, total))
    }

    /// One entry. Of another tenant there is none.
    pub async fn audit_entry(
        &self,
        authority: &Authority,
        tenant: Option<TenantId>,
        number: u64,
    ) -> Result<AuditEntry, Fault> {
        let part = self.part(authority, tenant)?;
        let id = RecordId::Audit(number);
        self.read(move |store| {
            let entry = super::find::<AuditEntry>(store, &id)?.value;
            if part.has(&entry) { Ok(entry) } else { Err(Fault::NotFound(id)) }
        })
        .await
    }

    /// All entries that are meant, from the oldest.
    pub async fn export_audit(
        &self,
        authority: &Authority,
        tenant: Option<TenantId>,
        filter: AuditFilter,
    ) -> Result<Export, Fault> {
        let part = self.part(authority, tenant)?;
        let (part, left) = self.within(part, filter.from, filter.to).await?;
        Ok(Export { store: self.store.clone(), scans: self.scans.clone(), part, filter, left })
    }

    /// Looks through the whole log, whether it says what it was written to say.
    pub async fn verify_audit(&self, authority: &Authority) -> Result<Verdict, Fault> {
        let mut export = self.export_audit(authority, None, AuditFilter::default()).await?;
        let mut verifier = Verifier::new(Extent::Whole);
        while let Some(entries) = export.next().await? {
            verifier = blocking(move || {
                for entry in &entries {
                    verifier.add(entry);
                }
                Ok(verifier)
            })
            .await?;
        }
        Ok(verifier.end())
    }

    /// The part of the log that the caller asks for, and may read.
    fn part(&self, authority: &Authority, tenant: Option<TenantId>) -> Result<Part, Fault> {
        let Some(tenant) = tenant else {
            authority.require_super_admin()?;
            return Ok(Part::Whole);
        };
        let snapshot = self.snapshot();
        authority.require(&snapshot, &tenant, Power::new(Area::Audit, Act::Read))?;
        let found = snapshot.tenants.get(tenant.as_str()).ok_or_else(|| Fault::no_tenant(&tenant))?;
        Ok(Part::Tenant(found.org_id.clone()))
    }

    async fn within(
        &self,
        part: Part,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<(Part, Option<Span>), Fault> {
        self.read(move |store| {
            let span = part.within(store, from, to)?;
            Ok((part, span))
        })
        .await
    }
}

impl Export {
    /// The next entries; none when there are no more.
    pub async fn next(&mut self) -> Result<Option<Vec<AuditEntry>>, Fault> {
        let Some(left) = self.left else { return Ok(None) };
        let (batch, rest) = left.first(BATCH);
        self.left = rest;
        let turn = self.scans.turn(&self.part).await?;
        let (store, part, filter) = (self.store.clone(), self.part.clone(), self.filter.clone());
        blocking(move || {
            let _turn = turn;
            let mut entries = part.oldest(&store, batch)?;
            entries.retain(|entry| filter.wants(entry));
            Ok(Some(entries))
        })
        .await
    }
}
