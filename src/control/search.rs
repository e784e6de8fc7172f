//! Lists: which records of a type are wanted, in which order, and which page of them.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::{Control, Fault, Flaws};
use crate::store::{Cut, Order, Page, Record, Recorded, Store, Stored};

/// Which records of a type are wanted, and which page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What a record must contain, in any case; see [`Listed::FIELDS`] for where.
    pub text: Option<String>,
    pub filters: Vec<Filter>,
    pub sort: Sort,
    pub skip: usize,
    pub take: usize,
}

/// By which field a list runs, and which way. Records alike in it run by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// None for the id, which costs least.
    pub field: Option<String>,
    pub order: Order,
}

/// What a field of a record must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub field: String,
    pub test: Test,
    pub value: String,
}

/// How a field is compared with a filter's value; texts in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    Equals,
    NotEquals,
    /// One of the values, with commas between.
    In,
    NotIn,
    StartsWith,
    EndsWith,
    Contains,
}

/// Something of which there are lists.
pub trait Listed {
    /// The fields by which a list can be sorted and filtered. Free text is looked for in them all.
    const FIELDS: &'static [&'static str];

    /// The text of one of [`Listed::FIELDS`]; empty where the record has none.
    fn field(&self, name: &str) -> Cow<'_, str>;
}

impl Search {
    /// All records, from the first.
    pub fn all(take: usize) -> Self {
        let sort = Sort { field: None, order: Order::Ascending };
        Search { text: None, filters: Vec::new(), sort, skip: 0, take }
    }

    fn is_plain(&self) -> bool {
        self.text.is_none() && self.filters.is_empty()
    }

    /// One page of what is not kept as it is listed, and how much there is on all pages. `all` runs by
    /// its ids. Fields that the type does not have are refused.
    pub(super) fn page<T: Listed>(&self, mut all: Vec<T>) -> Result<(Vec<T>, usize), Fault> {
        self.check::<T>()?;
        all.retain(|one| self.wants(one));
        let key = |one: &T, field: &str| one.field(field).to_lowercase();
        match (&self.sort.field, self.sort.order) {
            (None, Order::Ascending) => {}
            (None, Order::Descending) => all.reverse(),
            (Some(field), Order::Ascending) => all.sort_by_cached_key(|one| key(one, field)),
            (Some(field), Order::Descending) => all.sort_by_cached_key(|one| Reverse(key(one, field))),
        }
        let total = all.len();
        Ok((all.into_iter().skip(self.skip).take(self.take).collect(), total))
    }

    /// Refuses fields that the type does not have.
    fn check<T: Listed>(&self) -> Result<(), Fault> {
        let mut flaws = Flaws::default();
        let unknown = |field: &str| !T::FIELDS.contains(&field);
        let allowed = || format!("must name one of {}", T::FIELDS.join(", "));
        if self.sort.field.as_deref().is_some_and(unknown) {
            flaws.add("sort", allowed());
        }
        for filter in self.filters.iter().filter(|filter| unknown(&filter.field)) {
            flaws.add(&format!("filters[{}]", filter.field), allowed());
        }
        flaws.settle()
    }

    fn wants<T: Listed>(&self, record: &T) -> bool {
        let found = self.text.as_ref().is_none_or(|text| {
            T::FIELDS.iter().any(|field| record.field(field).to_lowercase().contains(&text.to_lowercase()))
        });
        found && self.filters.iter().all(|filter| filter.fits(&record.field(&filter.field)))
    }
}

impl Filter {
    fn fits(&self, field: &str) -> bool {
        let (field, value) = (field.to_lowercase(), self.value.to_lowercase());
        let listed = || value.split(',').any(|one| one.trim() == field);
        match self.test {
            Test::Equals => field == value,
            Test::NotEquals => field != value,
            Test::In => listed(),
            Test::NotIn => !listed(),
            Test::StartsWith => field.starts_with(&value),
            Test::EndsWith => field.ends_with(&value),
            Test::Contains => field.contains(&value),
        }
    }
}

impl Control {
    /// One page of the records of a type: of all, or of those whose keys begin with `within`. Fields
    /// that the type does not have are refused.
    pub(super) async fn list<T: Listed + Recorded + Send + Sync + 'static>(
        &self,
        within: Option<String>,
        search: Search,
    ) -> Result<Page<T>, Fault> {
        if !search.is_plain() || search.sort.field.is_some() {
            return self.search(within, search).await;
        }
        // Only the records of the page are read.
        self.read(move |store| cut(store, within.as_deref(), &search, None)).await
    }

    async fn search<T: Listed + Recorded + Send + Sync + 'static>(
        &self,
        within: Option<String>,
        search: Search,
    ) -> Result<Page<T>, Fault> {
        search.check::<T>()?;
        self.read(move |store| {
            let wants = |record: &Record| T::of_record(record).is_some_and(|one| search.wants(one));
            match &search.sort.field {
                None => cut(store, within.as_deref(), &search, Some(&wants)),
                Some(_) => {
                    let sort = Sort { field: None, order: Order::Ascending };
                    let everything = Search { sort, skip: 0, take: usize::MAX, ..search.clone() };
                    let page = cut(store, within.as_deref(), &everything, Some(&wants))?;
                    Ok(sorted(page, &search))
                }
            }
        })
        .await
    }
}

/// A page of records that were found otherwise, in the order of their ids.
pub(super) fn among<T: Listed + Recorded>(
    mut found: Vec<Stored<T>>,
    search: &Search,
) -> Result<Page<T>, Fault> {
    search.check::<T>()?;
    found.retain(|stored| search.wants(&stored.value));
    let page = Page { total: found.len(), items: found };
    Ok(sorted(page, search))
}

/// A page in the order of ids.
fn cut<T: Listed + Recorded>(
    store: &Store,
    within: Option<&str>,
    search: &Search,
    wanted: Option<&dyn Fn(&Record) -> bool>,
) -> Result<Page<T>, Fault> {
    let (order, skip, take) = (search.sort.order, search.skip, search.take);
    let page = store.page(&Cut { kind: T::KIND, within, order, skip, take, wanted })?;
    let items = page.items.into_iter().map(Stored::of).collect::<Result<_, _>>()?;
    Ok(Page { items, total: page.total })
}

/// The page that is asked for, of all that was found, which runs by id from the first.
fn sorted<T: Listed>(mut page: Page<T>, search: &Search) -> Page<T> {
    let key =
        |stored: &Stored<T>| search.sort.field.as_ref().map(|field| stored.value.field(field).to_lowercase());
    match (&search.sort.field, search.sort.order) {
        (None, Order::Ascending) => {}
        (None, Order::Descending) => page.items.reverse(),
        (Some(_), Order::Ascending) => page.items.sort_by_cached_key(key),
        (Some(_), Order::Descending) => page.items.sort_by_cached_key(|stored| Reverse(key(stored))),
    }
    page.items = page.items.into_iter().skip(search.skip).take(search.take).collect();
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_compare_in_any_case() {
        let fits = |test: Test, value: &str, field: &str| {
            Filter { field: "name".to_owned(), test, value: value.to_owned() }.fits(field)
        };
        assert!(fits(Test::Equals, "Acme", "aCME") && !fits(Test::Equals, "Acm", "Acme"));
        assert!(fits(Test::NotEquals, "Acm", "Acme"));
        assert!(fits(Test::In, "a, b", "B") && !fits(Test::In, "a, b", "c") && fits(Test::NotIn, "a", "b"));
        assert!(fits(Test::StartsWith, "ac", "Acme") && fits(Test::EndsWith, "ME", "Acme"));
        assert!(fits(Test::Contains, "cm", "Acme") && !fits(Test::Contains, "x", "Acme"));
    }
}
