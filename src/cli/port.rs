//! An admin port as commands use it: what they ask of it, and how the answer is shown. Knows no kind of
//! record.

use http::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use super::client::{Answer, Call, Client};
use super::fault::Failure;
use super::show::{Format, print};

/// Where a command's records are, and how they are shown.
pub struct Port {
    pub client: Client,
    pub output: Format,
    /// The tenant that is meant; none for the instance.
    pub tenant: Option<String>,
}

/// The fields of a record.
pub type Fields = Map<String, Value>;

impl Port {
    /// Makes a record and shows it.
    pub async fn create(&self, path: &str, fields: Fields) -> Result<(), Failure> {
        self.show(&self.client.post(path, &Value::Object(fields)).await?)
    }

    /// Shows a record.
    pub async fn get(&self, path: &str) -> Result<(), Failure> {
        self.show(&self.client.get(path).await?)
    }

    /// Changes some fields of a record, where the admin port changes single fields.
    pub async fn patch(&self, path: &str, if_match: Option<&str>, fields: Fields) -> Result<(), Failure> {
        let body = Value::Object(fields);
        let call = Call { method: Method::PATCH, path, if_match, body: Some(&body) };
        self.show(&self.client.send(call).await?)
    }

    /// Changes a record where the admin port only replaces whole ones: reads it, changes that, and
    /// writes it back if nobody else has changed it since.
    pub async fn edit(
        &self,
        path: &str,
        if_match: Option<&str>,
        change: impl FnOnce(&mut Fields) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Answer { mut document, etag, .. } = self.client.get(path).await?;
        if let Some(fields) = document.as_object_mut() {
            change(fields)?;
        }
        let if_match = if_match.or(etag.as_deref());
        let call = Call { method: Method::PUT, path, if_match, body: Some(&document) };
        self.show(&self.client.send(call).await?)
    }

    pub fn show(&self, answer: &Answer) -> Result<(), Failure> {
        print(&self.output.record(answer)?)
    }
}

/// The fields that a form has a value for.
pub fn fields(form: &impl Serialize) -> Result<Fields, Failure> {
    let form = serde_json::to_value(form).map_err(anyhow::Error::from)?;
    let Value::Object(mut fields) = form else { return Ok(Fields::new()) };
    fields.retain(|_, value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    });
    Ok(fields)
}
