//! Lists: how they are asked for and how they are answered.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::problem::Refusal;
use crate::control::{Flaws, Search, Sort};
use crate::store::Order;

const SIZE: usize = 10;
const MOST: usize = 1000;

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
    /// Only entries that contain this text, in any case.
    q: Option<String>,
    /// By id, `id:asc` or `id:desc`.
    #[param(default = "id:asc", pattern = "^id(:asc|:desc)?$")]
    sort: Option<String>,
}

/// The query of a list, read.
pub(super) struct Listing(pub Search);

impl<S: Sync> FromRequestParts<S> for Listing {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Refusal::Malformed("the query is not form-encoded".to_owned()))?;
        read(query.0).map(Listing)
    }
}

fn read(query: Vec<(String, String)>) -> Result<Search, Refusal> {
    let mut flaws = Flaws::default();
    let (mut page, mut size, mut text, mut order) = (1, SIZE, None, Order::Ascending);
    let mut seen: Vec<String> = Vec::new();
    for (field, value) in query {
        if seen.contains(&field) {
            flaws.add(&field, "is given twice");
            continue;
        }
        match field.as_str() {
            "page" => page = flaws.take(&field, number(&value, usize::MAX)).unwrap_or(page),
            "size" => size = flaws.take(&field, number(&value, MOST)).unwrap_or(size),
            "q" => text = Some(value).filter(|text| !text.is_empty()),
            "sort" => order = flaws.take(&field, order_of(&value)).unwrap_or(order),
            _ => flaws.add(&field, "there is no such parameter"),
        }
        seen.push(field);
    }
    flaws.settle()?;
    let sort = Sort { field: None, order };
    Ok(Search { text, filters: Vec::new(), sort, skip: (page - 1).saturating_mul(size), take: size })
}

fn number(text: &str, most: usize) -> Result<usize, String> {
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| match most {
        usize::MAX => "must be a number from 1".to_owned(),
        most => format!("must be a number from 1 to {most}"),
    })
}

fn order_of(text: &str) -> Result<Order, &'static str> {
    match text {
        "id" | "id:asc" => Ok(Order::Ascending),
        "id:desc" => Ok(Order::Descending),
        _ => Err("must be id:asc or id:desc"),
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
    fn all_that_is_wrong_is_told() {
        let query = [("page", "0"), ("size", "1001"), ("sort", "name:asc"), ("color", "red"), ("page", "1")];
        let Err(Refusal::Fault(Fault::Invalid(flaws))) = listing(&query) else { panic!("it is invalid") };
        let fields: Vec<_> = flaws.0.iter().map(|flaw| flaw.field.as_str()).collect();
        assert_eq!(fields, ["page", "size", "sort", "color", "page"]);
    }
}
