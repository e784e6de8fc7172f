//! Documents on the wire: what belongs together stands in one, and names stand in place of ids. Read
//! into what control carries out, and written from what there is.

mod instance;
mod names;
mod show;
mod tenant;

use serde_json::Value;
use utoipa::openapi::{AllOfBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::part;
use super::problem::Refusal;
use super::{issuerform, keyform};
use crate::control::apply::{Document, Says};
use crate::control::{Fault, Flaws};

pub(super) use show::{document, fields};

/// A document, for readers of the OpenAPI document; [`read`] reads one.
pub(super) struct AnyForm;

impl PartialSchema for AnyForm {
    fn schema() -> RefOr<Schema> {
        let forms = [tenant::Form::name(), instance::UserForm::name(), instance::AccountForm::name()];
        let forms =
            forms.into_iter().map(Ref::from_schema_name).fold(OneOfBuilder::new(), OneOfBuilder::item);
        // These are shared with routes that have no kinds.
        let kinds = [("Key", keyform::Draft::name()), ("Issuer", issuerform::Draft::name())];
        let about = "What shall be. What a document leaves out stays as it is, and in a new record is the \
                     default; but keys and issuers are whole: what they leave out is the default.";
        let kinds = kinds.into_iter().fold(forms, |all, (kind, form)| {
            let word =
                ObjectBuilder::new().schema_type(utoipa::openapi::Type::String).enum_values(Some([kind]));
            let kind = ObjectBuilder::new().property("kind", word).required("kind");
            all.item(AllOfBuilder::new().item(Ref::from_schema_name(form)).item(kind))
        });
        kinds.description(Some(about)).into()
    }
}

impl ToSchema for AnyForm {
    fn name() -> std::borrow::Cow<'static, str> {
        "Document".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((tenant::Form::name().into_owned(), tenant::Form::schema()));
        tenant::Form::schemas(schemas);
        schemas.push((instance::UserForm::name().into_owned(), instance::UserForm::schema()));
        instance::UserForm::schemas(schemas);
        schemas.push((instance::AccountForm::name().into_owned(), instance::AccountForm::schema()));
        instance::AccountForm::schemas(schemas);
        schemas.push((keyform::Draft::name().into_owned(), keyform::Draft::schema()));
        keyform::Draft::schemas(schemas);
        schemas.push((issuerform::Draft::name().into_owned(), issuerform::Draft::schema()));
        issuerform::Draft::schemas(schemas);
    }
}

/// Reads documents; everything that is wrong with any of them is told of at once.
pub(super) fn read(documents: Vec<Value>) -> Result<Vec<Document>, Refusal> {
    let mut flaws = Flaws::default();
    let read = documents.into_iter().enumerate().filter_map(|(nth, value)| {
        let at = format!("documents[{nth}]");
        let says = says(value, &at, &mut flaws)?;
        Some(Document { at, says })
    });
    let read: Vec<Document> = read.collect();
    flaws.settle()?;
    Ok(read)
}

fn says(mut value: Value, at: &str, flaws: &mut Flaws) -> Option<Says> {
    let Some(fields) = value.as_object_mut() else {
        flaws.add(at, "is a map of fields, with the kind of the document as \"kind\"");
        return None;
    };
    let kind = fields.get("kind").and_then(Value::as_str).map(str::to_owned);
    if let Some("Key" | "Issuer") = kind.as_deref() {
        fields.remove("kind");
    }
    match kind.as_deref() {
        Some("Tenant") => part::<tenant::Form>(value, at, flaws)?.read(at, flaws),
        Some("User") => part::<instance::UserForm>(value, at, flaws)?.read(at, flaws),
        Some("ServiceAccount") => {
            part::<instance::AccountForm>(value, at, flaws)?.read(at, flaws).map(Says::ServiceAccount)
        }
        Some("Key") => {
            let key = part::<keyform::Form>(value, at, flaws)?.create(None);
            told(key, at, flaws).map(|key| Says::Key(Box::new(key)))
        }
        Some("Issuer") => {
            let issuer = part::<issuerform::Form>(value, at, flaws)?.create(None);
            told(issuer, at, flaws).map(|(id, terms)| Says::Issuer(id, Box::new(terms)))
        }
        other => {
            let field = format!("{at}.kind");
            let found = other.map_or_else(|| "missing".to_owned(), |kind| format!("{kind:?}"));
            flaws.add(
                &field,
                format!("is {found}, and has to be one of Tenant, User, ServiceAccount, Key and Issuer"),
            );
            None
        }
    }
}

/// What a form gave, or none and its flaws with `at` before them.
fn told<T>(read: Result<T, Refusal>, at: &str, flaws: &mut Flaws) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(Refusal::Fault(Fault::Invalid(theirs))) => {
            flaws.add_all(&format!("{at}."), theirs);
            None
        }
        Err(other) => {
            flaws.add(at, other);
            None
        }
    }
}
