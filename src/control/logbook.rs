//! The audit log as it lies in the store: entries by their numbers, and a tenant's by their places
//! among its own. Both count without gaps and grow with time, so that nothing has to be looked
//! through to be found.

use crate::model::{AuditEntry, AuditMark, OrgId, Place, Timestamp};
use crate::store::{Order, RecordId, Store, StoreError, Stored};

/// All of the log, or a tenant's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Tenant(OrgId),
}

/// Entries that stand one after the other, by their counts in a part: the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    first: u64,
    last: u64,
}

impl Span {
    fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Span { first, last })
    }

    pub(super) fn len(self) -> u64 {
        self.last - self.first + 1
    }

    /// A page of it from its end.
    pub(super) fn page(self, skip: usize, take: usize) -> Option<Span> {
        let (skip, take) = (u64::try_from(skip).unwrap_or(u64::MAX), u64::try_from(take).unwrap_or(u64::MAX));
        let last = self.last.checked_sub(skip)?;
        Span::new(self.first.max(last.saturating_add(1).saturating_sub(take)), last)
    }

    /// At most so many of its first, and the rest.
    pub(super) fn first(self, most: u64) -> (Span, Option<Span>) {
        let last = self.last.min(self.first.saturating_add(most - 1));
        (Span { last, ..self }, Span::new(last + 1, self.last))
    }

    /// At most so many of its last, and the rest.
    pub(super) fn last(self, most: u64) -> (Span, Option<Span>) {
        let first = self.first.max(self.last.saturating_sub(most - 1));
        let rest = first.checked_sub(1).and_then(|before| Span::new(self.first, before));
        (Span { first, ..self }, rest)
    }
}

impl Part {
    /// Whether an entry belongs to it.
    pub(super) fn has(&self, entry: &AuditEntry) -> bool {
        match self {
            Part::Whole => true,
            Part::Tenant(org_id) => entry.place.as_ref().is_some_and(|place| place.org_id == *org_id),
        }
    }

    /// The entries from one moment to another, both among them; none when there are none.
    pub(super) fn within(
        &self,
        store: &Store,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Option<Span>, StoreError> {
        let end = |order| {
            Ok::<_, StoreError>(self.counts(store, Span { first: 0, last: u64::MAX }, order, 1)?.pop())
        };
        let (Some(first), Some(last)) = (end(Order::Ascending)?, end(Order::Descending)?) else {
            return Ok(None);
        };
        let all = Span { first, last };
        let first = match from {
            Some(from) => self.since(store, all, |at| at >= from)?,
            None => first,
        };
        let after = match to {
            Some(to) => self.since(store, all, |at| at > to)?,
            None => last + 1,
        };
        Ok(after.checked_sub(1).and_then(|last| Span::new(first, last)))
    }

    /// Entries, the newest first.
    pub(super) fn newest(&self, store: &Store, span: Span) -> Result<Vec<AuditEntry>, StoreError> {
        self.entries(store, span, Order::Descending)
    }

    /// Entries, the oldest first.
    pub(super) fn oldest(&self, store: &Store, span: Span) -> Result<Vec<AuditEntry>, StoreError> {
        self.entries(store, span, Order::Ascending)
    }

    /// Those that have been removed in the meantime are passed over.
    fn entries(&self, store: &Store, span: Span, order: Order) -> Result<Vec<AuditEntry>, StoreError> {
        let value = |stored: Stored<AuditEntry>| stored.value;
        match self {
            Part::Whole => {
                let ends = (&RecordId::Audit(span.first), &RecordId::Audit(span.last));
                Ok(store.span(ends, order, usize::MAX)?.into_iter().map(value).collect())
            }
            Part::Tenant(org_id) => {
                let marks = marks(store, org_id, span, order, usize::MAX)?;
                let entries = marks.iter().map(|mark| store.find(&RecordId::Audit(mark.number)));
                Ok(entries.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().map(value).collect())
            }
        }
    }

    /// The counts of entries.
    fn counts(&self, store: &Store, span: Span, order: Order, take: usize) -> Result<Vec<u64>, StoreError> {
        match self {
            Part::Whole => {
                let ends = (&RecordId::Audit(span.first), &RecordId::Audit(span.last));
                let entries = store.span::<AuditEntry>(ends, order, take)?;
                Ok(entries.into_iter().map(|entry| entry.value.number).collect())
            }
            Part::Tenant(org_id) => {
                let marks = marks(store, org_id, span, order, take)?;
                Ok(marks.into_iter().map(|mark| mark.place.nth).collect())
            }
        }
    }

    /// The first of a span whose time is late enough; one past its end when none is.
    fn since(&self, store: &Store, span: Span, late: impl Fn(Timestamp) -> bool) -> Result<u64, StoreError> {
        let (mut low, mut high) = (span.first, span.last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entries(store, Span { first: middle, last: middle }, Order::Ascending)?.pop();
            // One that is no more was among the oldest.
            match entry.is_some_and(|entry| late(entry.at)) {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        Ok(low)
    }
}

fn marks(
    store: &Store,
    org_id: &OrgId,
    span: Span,
    order: Order,
    take: usize,
) -> Result<Vec<AuditMark>, StoreError> {
    let mark = |nth| RecordId::AuditMark(Place { org_id: org_id.clone(), nth });
    let marks = store.span::<AuditMark>((&mark(span.first), &mark(span.last)), order, take)?;
    Ok(marks.into_iter().map(|mark| mark.value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: u64, last: u64) -> Span {
        Span { first, last }
    }

    #[test]
    fn pages_are_cut_from_the_end() {
        let all = span(11, 20);
        assert_eq!(all.page(0, 3), Some(span(18, 20)));
        assert_eq!(all.page(9, 3), Some(span(11, 11)));
        assert_eq!(all.page(10, 3), None);
        assert_eq!(all.page(usize::MAX, usize::MAX), None);
        assert_eq!(all.page(0, usize::MAX), Some(all));
    }

    #[test]
    fn batches_come_from_either_end_and_leave_the_rest() {
        assert_eq!(span(1, 10).first(4), (span(1, 4), Some(span(5, 10))));
        assert_eq!(span(5, 6).first(4), (span(5, 6), None));
        assert_eq!(span(0, 10).last(4), (span(7, 10), Some(span(0, 6))));
        assert_eq!(span(0, 2).last(4), (span(0, 2), None));
        assert_eq!(span(3, 3).len(), 1);
    }
}
