//! Records and routes in, snapshot out: from scratch, or from the snapshot before and the changes
//! since. Both ways give the same (a property test holds it).

use std::sync::Arc;

use http::HeaderValue;

use super::shards::Shards;
use super::{Key, Keys, Routes, Snapshot, Tenant};
use crate::model;
use crate::store::{Change, Record, RecordId, Revision, Stored};

impl Snapshot {
    /// Compiles everything.
    pub fn new(
        routes: Arc<Routes>,
        revision: Revision,
        records: impl IntoIterator<Item = Stored<Record>>,
    ) -> Self {
        let mut snapshot = Snapshot { revision, routes, tenants: Shards::default(), keys: Keys::default() };
        for stored in records {
            snapshot.put(stored.value);
        }
        snapshot
    }

    /// Compiles what changed; shares the rest with `self`.
    #[must_use]
    pub fn after(&self, revision: Revision, changes: &[Change]) -> Self {
        let mut next = self.clone();
        next.revision = revision;
        for change in changes {
            match change {
                Change::Put(record) => next.put(record.clone()),
                Change::Delete(id) => next.delete(id),
            }
        }
        next
    }

    /// The same records under other routes.
    #[must_use]
    pub fn with_routes(&self, routes: Arc<Routes>) -> Self {
        Snapshot { routes, ..self.clone() }
    }

    fn put(&mut self, record: Record) {
        match record {
            Record::Tenant(tenant) => self.put_tenant(tenant),
            Record::Key(key) => self.put_key(key),
            // The data plane decides nothing upon these.
            Record::Org(_) | Record::Admin(_) => {}
        }
    }

    fn put_tenant(&mut self, record: model::Tenant) {
        match HeaderValue::from_str(record.org_id.as_str()) {
            Ok(header) => {
                let tenant = Arc::new(Tenant { id: record.id.clone(), org_id: record.org_id, header });
                self.tenants.insert(record.id.as_str().into(), tenant);
            }
            Err(_) => {
                tracing::error!(tenant = %record.id, "org id is no header value; the tenant is refused");
                self.tenants.remove(record.id.as_str());
            }
        }
    }

    fn put_key(&mut self, record: model::TrustedKey) {
        let id = record.id.clone();
        match Key::new(record) {
            Ok(key) => self.keys.insert(Arc::new(key)),
            Err(error) => {
                tracing::error!(key = %id, %error, "key cannot be used; its tokens are refused");
                self.keys.remove(id.as_str());
            }
        }
    }

    fn delete(&mut self, id: &RecordId) {
        match id {
            RecordId::Tenant(id) => drop(self.tenants.remove(id.as_str())),
            RecordId::Key(id) => self.keys.remove(id.as_str()),
            RecordId::Org(_) | RecordId::Admin(_) => {}
        }
    }
}
