//! JSON bodies: read within bounds, and every fault told with the field that has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::Desk;
use super::once::Once;
use super::problem::Refusal;
use crate::control::{Fault, Flaws};

/// The largest body, in bytes.
const MOST: usize = 256 * 1024;
/// The largest body that may be long. As values it can take twenty times that.
const MOST_OF_LONG: usize = 8 * 1024 * 1024;
/// Long bodies at once; more wait.
pub(super) const LONG_AT_ONCE: usize = 4;
const IN_TIME: Duration = Duration::from_secs(10);

/// A JSON body. The content type is required: a browser sends it to another origin only after
/// asking, and nobody here answers such a question.
pub(super) struct Body<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        json(request, MOST).await.map(Body)
    }
}

/// A JSON body where whole files of records come, and the place that it takes.
pub(super) struct LongBody<T>(pub T, pub OwnedSemaphorePermit);

impl<T: DeserializeOwned> FromRequest<Arc<Desk>> for LongBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Refusal> {
        let place = desk.long_bodies.clone().acquire_owned().await.map_err(|_| Fault::Broken)?;
        Ok(LongBody(json(request, MOST_OF_LONG).await?, place))
    }
}

async fn json<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Refusal> {
    if !is(request.headers(), &["application/json", "application/merge-patch+json"]) {
        return Err(Refusal::MediaType);
    }
    parse(&within(request.into_body(), most).await?)
}

/// Whether a body is sent as one of these types.
pub(super) fn is(headers: &HeaderMap, wanted: &[&str]) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(text)), None) = (types.next().map(|value| value.to_str()), types.next()) else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    wanted.iter().any(|one| essence.eq_ignore_ascii_case(one))
}

/// A body, read whole, within bounds.
pub(super) async fn bytes(body: axum::body::Body) -> Result<Bytes, Refusal> {
    within(body, MOST).await
}

async fn within(body: axum::body::Body, most: usize) -> Result<Bytes, Refusal> {
    let whole = tokio::time::timeout(IN_TIME, Limited::new(body, most).collect());
    match whole.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { most }),
        Ok(Err(_)) => Err(Refusal::Malformed("the body broke off".to_owned())),
        Err(_elapsed) => Err(Refusal::SlowBody),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice::<Once>(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Fault::invalid("body", error).into(),
        _ => no_json(&error),
    })?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            serde_json::error::Category::Data => {
                Fault::invalid(if path == "." { "body".to_owned() } else { path }, error).into()
            }
            _ => no_json(&error),
        }
    })?;
    json.end().map_err(|error| no_json(&error))?;
    Ok(value)
}

/// A part of a body that was read as JSON only; its faults are told of with `at` before them.
pub(super) fn part<T: DeserializeOwned>(value: Value, at: &str, flaws: &mut Flaws) -> Option<T> {
    let read = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { at.to_owned() } else { format!("{at}.{path}") };
        flaws.add(&field, error.into_inner());
    });
    read.ok()
}

fn no_json(error: &serde_json::Error) -> Refusal {
    Refusal::Malformed(format!("the body is no JSON: {error}"))
}

/// The fields of a body that its type does not name.
#[derive(Default, Deserialize)]
#[serde(transparent)]
#[expect(clippy::zero_sized_map_values, reason = "serde flattens into maps only")]
pub(super) struct Rest(BTreeMap<String, IgnoredAny>);

impl Rest {
    /// Refuses each field that is not among the tolerated ones.
    pub(super) fn refuse(&self, tolerated: &[&[&str]], flaws: &mut Flaws) {
        for field in self.0.keys() {
            if !tolerated.iter().any(|names| names.contains(&field.as_str())) {
                flaws.add(field, "there is no such field");
            }
        }
    }
}

/// Tells a field that is null (`Some(None)`) from one that is not there.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
