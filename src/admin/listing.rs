//! Lists: how they are asked for and how they are answered.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::problem::Refusal;
use super::words;
use crate::control::{Filter, Flaws, Search, Sort, Test};
use crate::store::Order;

const SIZE: usize = 10;
const MOST: usize = 1000;
/// Every filter is asked of every record.
const FILTERS: usize = 16;

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query to readers of the document; `Listing` reads it")]
pub(super) struct ListingQuery {
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<usize>,
    /// Entries on a page.
    #[param(default = 10, minimum = 1, maximum = 1000)]
    size: Option<usize>,
    /// Only entries that contain this text in one of their searchable fields, in any case.
    ///
    /// Single fields are compared by `filters[field][OP]=value`, up to 16 of them, all of which must
    /// hold: OP is EQUALS, NOT_EQUALS, IN or NOT_IN (values with commas between), STARTS_WITH,
    /// ENDS_WITH or CONTAINS, in any case of the text. `filters[q][EQUALS]=text` is the same as
    /// `q=text`.
    q: Option<String>,
    /// `field:asc` or `field:desc`, by one of the searchable fields; of several the first counts.
    #[param(value_type = Option<Vec<words::Order>>, inline)]
    sort: Option<Vec<String>>,
}

/// The query of a list, read. Whether the type that is listed has the fields that are named, control
/// says.
pub(super) struct Listing(pub Search);

impl<S: Sync> FromRequestParts<S> for Listing {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        read(query(parts)?).map(Listing)
    }
}

/// The query of a list that has parameters of its own, and those that are given of them.
pub(super) fn with_own(parts: &Parts, own: &[&str]) -> Result<(Search, BTreeMap<String, String>), Refusal> {
    let (theirs, common): (Vec<_>, Vec<_>) =
        query(parts)?.into_iter().partition(|(name, _)| own.contains(&name.as_str()));
    let mut flaws = Flaws::default();
    let mut given = BTreeMap::new();
    for (name, value) in theirs {
        if given.insert(name.clone(), value).is_some() {
            flaws.add(&name, "is given twice");
        }
    }
    flaws.settle()?;
    Ok((read(common)?, given))
}

/// The query of a request: names and values, in their order.
pub(super) fn query(parts: &Parts) -> Result<Vec<(String, String)>, Refusal> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    query.map(|query| query.0).map_err(|_| Refusal::Malformed("the query is not form-encoded".to_owned()))
}

fn read(query: Vec<(String, String)>) -> Result<Search, Refusal> {
    let mut flaws = Flaws::default();
    let (mut page, mut search, mut sorts) = (1, Search::all(SIZE), Vec::new());
    let mut seen = BTreeSet::new();
    for (field, value) in query {
        if field != "sort" && seen.contains(&field) {
            flaws.add(&field, "is given twice");
            continue;
        }
        match field.as_str() {
            "page" => page = flaws.take(&field, number(&value, usize::MAX)).unwrap_or(page),
            "size" => search.take = flaws.take(&field, number(&value, MOST)).unwrap_or(search.take),
            "q" => search.text = Some(value),
            "sort" => sorts.extend(flaws.take(&field, sort(&value))),
            name => match name.strip_prefix("filters") {
                Some(rest) => match flaws.take(name, filter(rest, value)) {
                    Some(Asked::Text(_)) if search.text.is_some() => flaws.add(name, "is q given twice"),
                    Some(Asked::Text(text)) => search.text = Some(text),
                    Some(Asked::Filter(filter)) => search.filters.push(filter),
                    None => {}
                },
                None => flaws.add(name, "there is no such parameter"),
            },
        }
        seen.insert(field);
    }
    if search.filters.len() > FILTERS {
        flaws.add("filters", format_args!("there are at most {FILTERS}"));
    }
    flaws.settle()?;
    search.text = search.text.filter(|text| !text.is_empty());
    search.skip = (page - 1_usize).saturating_mul(search.take);
    search.sort = sorts.into_iter().next().unwrap_or(search.sort);
    Ok(search)
}

pub(super) fn number(text: &str, most: usize) -> Result<usize, String> {
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| match most {
        usize::MAX => "must be a number from 1".to_owned(),
        most => format!("must be a number from 1 to {most}"),
    })
}

fn sort(text: &str) -> Result<Sort, &'static str> {
    let (field, way) = text.split_once(':').unwrap_or((text, "asc"));
    let order = match way {
        "asc" => Order::Ascending,
        "desc" => Order::Descending,
        _ => return Err("must be field:asc or field:desc"),
    };
    if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
        return Err("must begin with the name of a field");
    }
    Ok(Sort { field: Some(field.to_owned()).filter(|field| field != "id"), order })
}

/// What a filter asks for.
enum Asked {
    Text(String),
    Filter(Filter),
}

/// Reads `[field][OP]`, as Kestra 2.0's clients write it.
fn filter(name: &str, value: String) -> Result<Asked, &'static str> {
    let (field, test) = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|rest| rest.split_once("]["))
        .ok_or("must be filters[field][OP]")?;
    let test = match test {
        "EQUALS" => Test::Equals,
        "NOT_EQUALS" => Test::NotEquals,
        "IN" => Test::In,
        "NOT_IN" => Test::NotIn,
        "STARTS_WITH" => Test::StartsWith,
        "ENDS_WITH" => Test::EndsWith,
        "CONTAINS" => Test::Contains,
        _ => return Err("must be EQUALS, NOT_EQUALS, IN, NOT_IN, STARTS_WITH, ENDS_WITH or CONTAINS"),
    };
    match (field, test) {
        ("q", Test::Equals | Test::Contains) => Ok(Asked::Text(value)),
        ("q", _) => Err("must be EQUALS or CONTAINS: q is looked for inside of all fields"),
        (field, test) => Ok(Asked::Filter(Filter { field: field.to_owned(), test, value })),
    }
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Results<T> {
    pub(super) results: Vec<T>,
    /// How many there are on all pages.
    pub(super) total: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Fault;

    fn listing(query: &[(&str, &str)]) -> Result<Search, Refusal> {
        read(query.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn pages_count_from_one() {
        let search = Search::all(10);
        assert_eq!(listing(&[]).ok(), Some(search.clone()));
        let query = [("page", "3"), ("size", "20"), ("q", "Acme"), ("sort", "id:desc")];
        let sort = Sort { field: None, order: Order::Descending };
        let third = Search { text: Some("Acme".into()), sort, skip: 40, ..Search::all(20) };
        assert_eq!(listing(&query).ok(), Some(third));
        assert_eq!(listing(&[("q", "")]).ok(), Some(search));
        assert!(listing(&[("page", "18446744073709551615"), ("size", "1000")]).is_ok());
    }

    #[test]
    fn the_first_order_counts() {
        let sort = |field: &str, order| Sort { field: Some(field.to_owned()), order };
        let read = |query: &[(&str, &str)]| listing(query).ok().map(|search| search.sort);
        let two = [("sort", "name:desc"), ("sort", "id:asc")];
        assert_eq!(read(&two), Some(sort("name", Order::Descending)));
        assert_eq!(read(&[("sort", "name")]), Some(sort("name", Order::Ascending)));
    }

    #[test]
    fn filters_name_a_field_and_a_test() {
        let query =
            [("filters[name][STARTS_WITH]", "a"), ("filters[q][EQUALS]", "b"), ("filters[id][IN]", "c,d")];
        let Ok(search) = listing(&query) else { panic!("these are filters") };
        let filter =
            |field: &str, test, value: &str| Filter { field: field.into(), test, value: value.into() };
        let filters = vec![filter("name", Test::StartsWith, "a"), filter("id", Test::In, "c,d")];
        assert_eq!((search.text.as_deref(), search.filters), (Some("b"), filters));
        for bad in
            ["filters", "filters[name]", "filters[name][REGEX]", "filters[q][IN]", "filters[name]EQUALS"]
        {
            assert!(listing(&[(bad, "x")]).is_err(), "{bad}");
        }
        assert!(listing(&[("q", "x"), ("filters[q][EQUALS]", "x")]).is_err());
        let many: Vec<String> = (0..17).map(|nth| format!("filters[f{nth}][IN]")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
        assert!(listing(&many).is_err() && listing(&many[1..]).is_ok());
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let query = [("page", "0"), ("size", "1001"), ("sort", "name:up"), ("color", "red"), ("page", "1")];
        let Err(Refusal::Fault(Fault::Invalid(flaws))) = listing(&query) else { panic!("it is invalid") };
        let fields: Vec<_> = flaws.0.iter().map(|flaw| flaw.field.as_str()).collect();
        assert_eq!(fields, ["page", "size", "sort", "color", "page"]);
    }
}
