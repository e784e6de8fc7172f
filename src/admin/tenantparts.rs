//! Parts of tenants on the wire: state, labels, options, and who becomes Admin.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::body::nullable;
use crate::control::{Edit, Flaws, LabelName, LabelValue, MethodNames, OptionsChange, OwnUpstreams};
use crate::model::{ServiceOptions, TenantState, UserName, UserNameError};

/// Whether a tenant's requests are served.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = TenantState)]
pub(super) enum State {
    Active,
    Suspended,
}

impl From<TenantState> for State {
    fn from(state: TenantState) -> State {
        match state {
            TenantState::Active => State::Active,
            TenantState::Suspended => State::Suspended,
        }
    }
}

impl From<State> for TenantState {
    fn from(state: State) -> TenantState {
        match state {
            State::Active => TenantState::Active,
            State::Suspended => TenantState::Suspended,
        }
    }
}

pub(super) type LabelsForm = BTreeMap<String, Option<String>>;

/// What differs for a tenant at a service.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceOptions)]
pub(super) struct OptionsShown {
    /// The tenant's own back ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["http://cortex-acme:9009"]))]
    upstreams: Option<Vec<String>>,
    /// The methods that are let through.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["GET", "POST"]))]
    methods: Option<Vec<String>>,
    /// The largest body of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_body_bytes: Option<u64>,
}

impl From<ServiceOptions> for OptionsShown {
    fn from(options: ServiceOptions) -> Self {
        let upstreams = options.upstreams.map(|all| all.into_iter().map(String::from).collect());
        let methods = options.methods.map(|names| names.into_iter().collect());
        OptionsShown { upstreams, methods, max_body_bytes: options.max_body_bytes }
    }
}

/// What shall differ for a tenant at a service. Null means: as the service has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object with \"upstreams\", \"methods\" or \"max_body_bytes\"")]
#[schema(as = ServiceOptionsForm)]
pub(super) struct OptionsForm {
    /// Other back ends, as in the configuration: `http://host:port/base`.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 16)]
    upstreams: Option<Option<Vec<String>>>,
    /// The methods that are let through; others are answered 405. GET has HEAD with it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<Method>>, min_items = 1)]
    methods: Option<Option<Vec<String>>>,
    /// The largest body of a request; larger ones are answered 413.
    #[serde(default, alias = "maxBodyBytes", deserialize_with = "nullable")]
    #[schema(value_type = Option<u64>)]
    max_body_bytes: Option<Option<u64>>,
}

/// The options at one service, or null to take them out.
pub(super) struct MaybeOptions;

impl PartialSchema for MaybeOptions {
    fn schema() -> RefOr<Schema> {
        let nothing = ObjectBuilder::new().schema_type(Type::Null);
        OneOfBuilder::new().item(nothing).item(Ref::from_schema_name(OptionsForm::name())).into()
    }
}

impl ToSchema for MaybeOptions {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("MaybeServiceOptions")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OptionsForm::name().into_owned(), OptionsForm::schema()));
        OptionsForm::schemas(schemas);
    }
}

/// A method that can be let through.
#[derive(ToSchema)]
#[expect(dead_code, reason = "stands for texts in the document; control reads them")]
#[schema(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// A user: by name, or as an object.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "is a user's name, or an object with \"username\" or \"email\"")]
#[schema(as = TenantAdmin)]
pub(super) enum AdminForm {
    #[schema(example = "ann@example.com")]
    Name(String),
    User(AdminUser),
}

/// A user who exists.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantAdminUser)]
pub(super) struct AdminUser {
    /// `email` is accepted as this field's name too.
    #[serde(alias = "email")]
    #[schema(example = "ann@example.com", max_length = 254)]
    username: String,
}

impl AdminForm {
    pub(super) fn read(&self) -> Result<UserName, UserNameError> {
        match self {
            AdminForm::Name(name) | AdminForm::User(AdminUser { username: name }) => UserName::parse(name),
        }
    }
}

/// Labels, instead of those that were there or beside them.
pub(super) fn read_labels(
    form: Option<LabelsForm>,
    whole: bool,
    flaws: &mut Flaws,
) -> Edit<LabelName, LabelValue> {
    let clear = whole || form.is_none();
    let mut read = |(name, value): (String, Option<String>)| {
        let field = format!("labels.{name}");
        let value = value.map(|value| flaws.take(&field, LabelValue::parse(value)).unwrap_or_default());
        Some((flaws.take(&field, LabelName::parse(name))?, value))
    };
    let entries = form.unwrap_or_default().into_iter().filter_map(&mut read).collect();
    Edit { clear, entries }
}

/// Options, instead of those that were there or beside them.
pub(super) fn read_options(
    form: Option<BTreeMap<String, Option<OptionsForm>>>,
    whole: bool,
    flaws: &mut Flaws,
) -> Edit<String, OptionsChange> {
    let clear = whole || form.is_none();
    let mut read = |(service, form): (String, Option<OptionsForm>)| {
        let change = form.map(|form| form.read(&service, flaws));
        (service, change)
    };
    let entries = form.unwrap_or_default().into_iter().map(&mut read).collect();
    Edit { clear, entries }
}

impl OptionsForm {
    fn read(self, service: &str, flaws: &mut Flaws) -> OptionsChange {
        let upstreams = self.upstreams.map(|texts| {
            let read = OwnUpstreams::parse(texts?.iter().map(String::as_str));
            flaws.take(&format!("options.{service}.upstreams"), read)
        });
        let methods = self.methods.map(|names| {
            let read = MethodNames::parse(names?.iter().map(String::as_str));
            flaws.take(&format!("options.{service}.methods"), read)
        });
        OptionsChange { upstreams, methods, max_body_bytes: self.max_body_bytes }
    }
}
