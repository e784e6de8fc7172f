//! Pages: which records of one kind are shown, and how they are cut out of the rest.

use super::{Kind, Record, Recorded, Store, StoreError, Stored};

/// Which way keys run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// Which page of the records of one kind, in the order of their keys.
pub struct Cut<'a> {
    pub kind: Kind,
    /// Only those whose keys begin so; see [`super::within`].
    pub within: Option<&'a str>,
    pub order: Order,
    pub skip: usize,
    pub take: usize,
    /// Which records are counted and shown; all when none, and then only those shown are read.
    pub wanted: Option<&'a dyn Fn(&Record) -> bool>,
}

/// One page, and how many records there are on all pages.
pub struct Page<T> {
    pub items: Vec<Stored<T>>,
    pub total: usize,
}

impl Cut<'_> {
    /// Cuts the page out of `rows`, which are `total` and run the right way; of those wanted no more
    /// than `most` are counted, and no row is read after them.
    pub(super) fn of<R, E>(
        &self,
        rows: impl Iterator<Item = R>,
        (total, most): (usize, usize),
        read: impl Fn(R) -> Result<Stored<Record>, E>,
    ) -> Result<Page<Record>, E> {
        let Some(wanted) = self.wanted else {
            let items = rows.skip(self.skip).take(self.take).map(read).collect::<Result<_, _>>()?;
            return Ok(Page { items, total });
        };
        let mut page = Page { items: Vec::new(), total: 0 };
        for row in rows {
            if page.total >= most {
                break;
            }
            let record = read(row)?;
            if !wanted(&record.value) {
                continue;
            }
            if page.total >= self.skip && page.items.len() < self.take {
                page.items.push(record);
            }
            page.total += 1;
        }
        Ok(page)
    }
}

impl Store {
    /// The first records of one type that are wanted, by their keys; at most `take`. Reads no further
    /// than the last of them.
    pub fn first<T: Recorded>(
        &self,
        within: Option<&str>,
        take: usize,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<Stored<T>>, StoreError> {
        let wanted = |record: &Record| T::of_record(record).is_some_and(&wanted);
        let (kind, order) = (T::KIND, Order::Ascending);
        let cut = Cut { kind, within, order, skip: 0, take, wanted: Some(&wanted) };
        self.cut(&cut, take)?.items.into_iter().map(Stored::of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OrgId, Tenant, TenantId, Timestamp};
    use crate::store::Change;

    fn names(page: &Page<Record>) -> Vec<String> {
        page.items.iter().map(|stored| stored.value.id().key().into_owned()).collect()
    }

    #[test]
    fn nothing_is_read_after_what_is_wanted() {
        let ids = ["a", "b", "c"].map(|name| TenantId::parse(name).expect("an id"));
        let cut = |most| {
            let read = std::cell::Cell::new(0);
            let cut = Cut {
                kind: Kind::Tenant,
                within: None,
                order: Order::Ascending,
                skip: 0,
                take: 1,
                wanted: Some(&|_| true),
            };
            let page = cut.of(ids.iter(), (0, most), |id| {
                read.set(read.get() + 1);
                let tenant = Tenant::new(id.clone(), OrgId::nth(id, 1), Timestamp::from_seconds(1));
                Ok::<_, ()>(Stored { version: 1, value: Record::from(tenant) })
            });
            (page.map(|page| page.items.len()), read.get())
        };
        assert_eq!((cut(1), cut(usize::MAX)), ((Ok(1), 1), (Ok(1), 3)));
    }

    #[test]
    fn pages_are_cut_in_the_order_of_keys() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("a store");
        for name in ["b1", "a1", "c2", "d1"] {
            let id = TenantId::parse(name).expect("an id");
            let (org_id, at) = (OrgId::nth(&id, 1), Timestamp::from_seconds(1));
            let tenant = Tenant::new(id, org_id, at);
            store.commit(&[], vec![Change::Put(tenant.into())]).expect("a commit");
        }
        let ones: &dyn Fn(&Record) -> bool = &|record| record.id().key().ends_with('1');
        for (order, skip, take, wanted, expected, total) in [
            (Order::Ascending, 0, 3, None, vec!["a1", "b1", "c2"], 4),
            (Order::Ascending, 3, 3, None, vec!["d1"], 4),
            (Order::Descending, 1, 2, None, vec!["c2", "b1"], 4),
            (Order::Ascending, 1, 9, Some(ones), vec!["b1", "d1"], 3),
            (Order::Descending, 0, 1, Some(ones), vec!["d1"], 3),
            (Order::Ascending, usize::MAX, 9, None, vec![], 4),
            (Order::Ascending, 0, 0, Some(ones), vec![], 3),
        ] {
            let cut = Cut { kind: Kind::Tenant, within: None, order, skip, take, wanted };
            let page = store.page(&cut).expect("a page");
            assert_eq!((names(&page), page.total), (expected.iter().map(|&n| n.to_owned()).collect(), total));
        }
    }
}
