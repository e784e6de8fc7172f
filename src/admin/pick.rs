//! Records picked out by their ids or by what somebody has begun to type.

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::ToSchema;

use super::body::Rest;
use super::problem::Refusal;
use crate::control::{Flaws, Search};
use crate::model::Id;

/// How many of those that fit a text are shown.
const SHOWN: usize = 20;
const MOST: usize = 1000;

/// Ids of records.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
pub(super) struct Ids {
    /// Those that name nothing are passed over.
    #[schema(max_items = 1000)]
    ids: Vec<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// What somebody looks for while they type.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
pub(super) struct Autocomplete {
    /// At most 20 records that contain this text are shown; all of the first 20 when left out.
    q: Option<String>,
    /// The records of these ids are shown besides, before the others.
    #[schema(max_items = 1000)]
    ids: Option<Vec<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// What Kestra's clients send along: only what exists is shown in any case.
const KESTRA: &[&str] = &["existingOnly"];

impl Ids {
    pub(super) fn read(self) -> Result<Vec<String>, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        bounded(&self.ids, &mut flaws);
        flaws.settle()?;
        Ok(self.ids)
    }
}

impl Autocomplete {
    /// The search for the text, and the ids.
    pub(super) fn read(self) -> Result<(Search, Vec<String>), Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[KESTRA], &mut flaws);
        let ids = self.ids.unwrap_or_default();
        bounded(&ids, &mut flaws);
        flaws.settle()?;
        let text = self.q.filter(|text| !text.is_empty());
        Ok((Search { text, ..Search::all(SHOWN) }, ids))
    }
}

fn bounded(ids: &[String], flaws: &mut Flaws) {
    if ids.len() > MOST {
        flaws.add("ids", format_args!("there are at most {MOST}"));
    }
}

/// The ids among texts.
pub(super) fn parsed(texts: &[String]) -> BTreeSet<Id> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// What was asked for by id, then what else was found.
pub(super) fn joined<T, K: PartialEq>(mut named: Vec<T>, found: Vec<T>, id: impl Fn(&T) -> K) -> Vec<T> {
    for one in found {
        if named.iter().all(|other| id(other) != id(&one)) {
            named.push(one);
        }
    }
    named
}
