//! The one table: who gets what from each operation of the admin port.

use Rule::{Invited, Known, Member, Open, Power, Super};

/// Whom an operation serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Anybody; a credential is not looked at.
    Open,
    /// Anybody who is known, with what is their own or what they may see.
    Known,
    /// Whom an invitation is for: here the other tenant's Admin. It does not exist for others.
    Invited,
    /// Who has access to the tenant; it does not exist for others.
    Member,
    /// Who has a power in the tenant: its Admin, not its Viewer. It does not exist for others.
    Power,
    /// Super admins.
    Super,
}

/// An operation, whom it serves, with which status, and a body that is right. `$WORD` in a body is an id
/// of the scene; what is no JSON is sent as plain text.
pub struct Row {
    pub operation: &'static str,
    pub rule: Rule,
    pub status: u16,
    pub body: &'static str,
}

const fn row(operation: &'static str, rule: Rule, status: u16, body: &'static str) -> Row {
    Row { operation, rule, status, body }
}

impl Row {
    pub fn method(&self) -> &'static str {
        self.operation.split_once(' ').expect("a method and a path").0
    }

    /// The path as the document has it, and the query that the operation needs.
    pub fn template(&self) -> (&'static str, &'static str) {
        let (_, target) = self.operation.split_once(' ').expect("a method and a path");
        target.split_at(target.find('?').unwrap_or(target.len()))
    }

    pub fn writes(&self) -> bool {
        self.method() != "GET"
    }
}

pub static ROWS: &[Row] = &[
    row("GET /-/healthy", Open, 200, ""),
    row("GET /-/ready", Open, 200, ""),
    row("GET /metrics", Open, 200, ""),
    row("GET /api/v1/openapi.json", Open, 200, ""),
    // signing in, and the first set-up
    row("POST /login", Open, 200, r#"{"username": "$BOSS_NAME", "password": "$PASSWORD"}"#),
    row("POST /logout", Known, 204, ""),
    row("GET /api/v1/auths", Open, 200, ""),
    row("GET /api/v1/setup", Open, 200, ""),
    row(
        "POST /api/v1/setup",
        Open,
        405,
        r#"{"username": "late@example.com", "password": "Planted-0ther-pass"}"#,
    ),
    row("POST /api/v1/validate-password", Open, 200, "Planted-0ther-pass"),
    // one's own account
    row("GET /api/v1/me", Known, 200, ""),
    row("PATCH /api/v1/me", Known, 200, r#"{"firstName": "New"}"#),
    row(
        "PUT /api/v1/me/password",
        Known,
        200,
        r#"{"oldPassword": "$PASSWORD", "newPassword": "Planted-0ther-pass"}"#,
    ),
    row("GET /api/v1/me/invitations", Known, 200, ""),
    row("GET /api/v1/me/api-tokens", Known, 200, ""),
    row("POST /api/v1/me/api-tokens", Known, 201, r#"{"name": "new"}"#),
    row("DELETE /api/v1/me/api-tokens/{token}", Known, 204, ""),
    // tenants
    row("GET /api/v1/tenants", Known, 200, ""),
    row("GET /api/v1/tenants/search", Known, 200, ""),
    row("POST /api/v1/tenants", Super, 200, r#"{"id": "gamma"}"#),
    row("GET /api/v1/tenants/{id}", Member, 200, ""),
    row("PUT /api/v1/tenants/{id}", Power, 200, r#"{"name": "New"}"#),
    row("PATCH /api/v1/tenants/{id}", Power, 200, r#"{"name": "New"}"#),
    row("DELETE /api/v1/tenants/{id}", Super, 204, ""),
    // the instance's keys and issuers
    row("GET /api/v1/keys", Super, 200, ""),
    row("POST /api/v1/keys", Super, 201, r#"{"id": "new", "public_key": "$PEM"}"#),
    row("GET /api/v1/keys/{id}", Super, 200, ""),
    row("PUT /api/v1/keys/{id}", Super, 200, r#"{"description": "new"}"#),
    row("DELETE /api/v1/keys/{id}", Super, 204, ""),
    row("GET /api/v1/issuers", Super, 200, ""),
    row("POST /api/v1/issuers", Super, 201, r#"{"id": "new", "issuer": "https://idp.example.com/new"}"#),
    row("GET /api/v1/issuers/{id}", Super, 200, ""),
    row("PUT /api/v1/issuers/{id}", Super, 200, r#"{"issuer": "https://idp.example.com/new"}"#),
    row("DELETE /api/v1/issuers/{id}", Super, 204, ""),
    row("POST /api/v1/explain", Super, 200, r#"{"url": "http://127.0.0.1/t/acme/x"}"#),
    // all of it as documents
    row("POST /api/v1/apply", Super, 200, r#"{"documents": [{"kind": "User", "email": "new@example.com"}]}"#),
    row("GET /api/v1/export", Super, 200, ""),
    // the instance's service accounts
    row("GET /api/v1/service-accounts", Super, 200, ""),
    row("POST /api/v1/service-accounts", Super, 200, r#"{"name": "new", "tenants": ["acme"]}"#),
    row("GET /api/v1/service-accounts/{id}", Super, 200, ""),
    row("PATCH /api/v1/service-accounts/{id}", Super, 200, r#"{"description": "new"}"#),
    row("PATCH /api/v1/service-accounts/{id}/superadmin", Super, 200, r#"{"superAdmin": true}"#),
    row("DELETE /api/v1/service-accounts/{id}", Super, 204, ""),
    row("GET /api/v1/service-accounts/{id}/api-tokens", Super, 200, ""),
    row("POST /api/v1/service-accounts/{id}/api-tokens", Super, 201, r#"{"name": "new"}"#),
    row("DELETE /api/v1/service-accounts/{id}/api-tokens/{token}", Super, 204, ""),
    // users
    row("GET /api/v1/users", Super, 200, ""),
    row("POST /api/v1/users", Super, 201, r#"{"email": "new@example.com"}"#),
    row("GET /api/v1/users/{id}", Super, 200, ""),
    row("PUT /api/v1/users/{id}", Super, 200, r#"{"email": "new@example.com"}"#),
    row("PATCH /api/v1/users/{id}", Super, 200, r#"{"firstName": "New"}"#),
    row("DELETE /api/v1/users/{id}", Super, 204, ""),
    row("DELETE /api/v1/users/{id}/auths/{auth}", Super, 200, ""),
    row("DELETE /api/v1/users/{id}/refresh-token", Super, 204, ""),
    row("PATCH /api/v1/users/{id}/password", Super, 200, r#"{"password": "Planted-0ther-pass"}"#),
    row("PATCH /api/v1/users/{id}/superadmin", Super, 200, r#"{"superAdmin": true}"#),
    row("PATCH /api/v1/users/{id}/restricted", Super, 200, r#"{"restricted": true}"#),
    row("PATCH /api/v1/users/{id}/disabled", Super, 200, r#"{"disabled": true}"#),
    row("GET /api/v1/users/{id}/api-tokens", Super, 200, ""),
    row("POST /api/v1/users/{id}/api-tokens", Super, 201, r#"{"name": "new"}"#),
    row("DELETE /api/v1/users/{id}/api-tokens/{token}", Super, 204, ""),
    row("POST /api/v1/users/{id}/unlock", Super, 204, ""),
    // what was done
    row("GET /api/v1/auditlogs/search", Super, 200, ""),
    row("GET /api/v1/auditlogs/export", Super, 200, ""),
    row("GET /api/v1/auditlogs/verify", Super, 200, ""),
    row("GET /api/v1/auditlogs/history/{id}", Super, 200, ""),
    row("GET /api/v1/auditlogs/{number}", Super, 200, ""),
    row("GET /api/v1/auditlogs/{number}/diff", Super, 200, ""),
    row("GET /api/v1/{tenant}/auditlogs/search", Power, 200, ""),
    row("GET /api/v1/{tenant}/auditlogs/export", Power, 200, ""),
    row("GET /api/v1/{tenant}/auditlogs/history/{id}", Power, 200, ""),
    row("GET /api/v1/{tenant}/auditlogs/{number}", Power, 200, ""),
    row("GET /api/v1/{tenant}/auditlogs/{number}/diff", Power, 200, ""),
    // invitations
    row(
        "POST /api/v1/{tenant}/invitations",
        Power,
        201,
        r#"{"email": "new@example.com", "roles": [{"id": "$ROLE"}], "groups": ["$GROUP"]}"#,
    ),
    row("GET /api/v1/{tenant}/invitations/search", Power, 200, ""),
    row("GET /api/v1/{tenant}/invitations/email/{email}", Power, 200, ""),
    row("GET /api/v1/{tenant}/invitations/{id}", Power, 200, ""),
    row("DELETE /api/v1/{tenant}/invitations/{id}", Power, 204, ""),
    row("POST /api/v1/invitation/create/{ticket}", Open, 200, r#"{"password": "Planted-0ther-pass"}"#),
    row("POST /api/v1/invitation/accept/{ticket}", Invited, 200, ""),
    // a tenant's keys and issuers
    row("GET /api/v1/{tenant}/keys", Power, 200, ""),
    row("POST /api/v1/{tenant}/keys", Power, 201, r#"{"id": "new", "public_key": "$PEM", "role": "$ROLE"}"#),
    row("GET /api/v1/{tenant}/keys/{id}", Power, 200, ""),
    row("PUT /api/v1/{tenant}/keys/{id}", Power, 200, r#"{"role": "$ROLE"}"#),
    row("DELETE /api/v1/{tenant}/keys/{id}", Power, 204, ""),
    row("GET /api/v1/{tenant}/issuers", Power, 200, ""),
    row(
        "POST /api/v1/{tenant}/issuers",
        Power,
        201,
        r#"{"id": "new", "issuer": "https://idp.example.com/new"}"#,
    ),
    row("GET /api/v1/{tenant}/issuers/{id}", Power, 200, ""),
    row("PUT /api/v1/{tenant}/issuers/{id}", Power, 200, r#"{"issuer": "https://idp.example.com/new"}"#),
    row("DELETE /api/v1/{tenant}/issuers/{id}", Power, 204, ""),
    // a tenant's service accounts
    row("GET /api/v1/{tenant}/service-accounts", Power, 200, ""),
    row(
        "POST /api/v1/{tenant}/service-accounts",
        Power,
        200,
        r#"{"name": "new", "groups": [{"id": "$GROUP"}]}"#,
    ),
    row("GET /api/v1/{tenant}/service-accounts/{id}", Power, 200, ""),
    row(
        "PUT /api/v1/{tenant}/service-accounts/{id}",
        Power,
        200,
        r#"{"name": "new", "groups": [{"id": "$GROUP"}]}"#,
    ),
    row("DELETE /api/v1/{tenant}/service-accounts/{id}", Power, 200, ""),
    row("GET /api/v1/{tenant}/service-accounts/{id}/api-tokens", Power, 200, ""),
    row("POST /api/v1/{tenant}/service-accounts/{id}/api-tokens", Power, 201, r#"{"name": "new"}"#),
    row("DELETE /api/v1/{tenant}/service-accounts/{id}/api-tokens/{token}", Power, 204, ""),
    // who has access to a tenant
    row("GET /api/v1/{tenant}/tenant-access", Power, 200, ""),
    row("POST /api/v1/{tenant}/tenant-access", Power, 204, r#"{"email": "guest@example.com"}"#),
    row("POST /api/v1/{tenant}/tenant-access/autocomplete", Power, 200, r#"{"ids": ["$MACHINE"]}"#),
    row("GET /api/v1/{tenant}/tenant-access/{userId}", Power, 200, ""),
    row("PUT /api/v1/{tenant}/tenant-access/{userId}", Power, 201, ""),
    row("DELETE /api/v1/{tenant}/tenant-access/{userId}", Power, 204, ""),
    // roles, and what can be in them
    row("GET /api/v1/{tenant}/acls/permissions", Member, 200, ""),
    row("GET /api/v1/{tenant}/acls/actions", Member, 200, ""),
    row("GET /api/v1/{tenant}/acls/templates", Member, 200, ""),
    row("GET /api/v1/{tenant}/roles", Power, 200, ""),
    row(
        "POST /api/v1/{tenant}/roles",
        Power,
        200,
        r#"{"name": "new", "permissions": {"metrics": ["read"]}}"#,
    ),
    row("GET /api/v1/{tenant}/roles/search", Power, 200, ""),
    row("POST /api/v1/{tenant}/roles/autocomplete", Power, 200, r#"{"ids": ["$ROLE"]}"#),
    row("POST /api/v1/{tenant}/roles/ids", Power, 200, r#"{"ids": ["$ROLE"]}"#),
    row("GET /api/v1/{tenant}/roles/{id}", Power, 200, ""),
    row(
        "PUT /api/v1/{tenant}/roles/{id}",
        Power,
        200,
        r#"{"name": "new", "permissions": {"metrics": ["read"]}}"#,
    ),
    row("DELETE /api/v1/{tenant}/roles/{id}", Power, 204, ""),
    // bindings
    row("GET /api/v1/{tenant}/bindings", Power, 200, ""),
    row(
        "POST /api/v1/{tenant}/bindings",
        Power,
        200,
        r#"{"type": "GROUP", "externalId": "$GROUP", "roleId": "$ROLE"}"#,
    ),
    row(
        "POST /api/v1/{tenant}/bindings/bulk",
        Power,
        200,
        r#"[{"type": "USER", "externalId": "$MACHINE", "roleId": "$ROLE"}]"#,
    ),
    row("GET /api/v1/{tenant}/bindings/search", Power, 200, ""),
    row("GET /api/v1/{tenant}/bindings/{id}", Power, 200, ""),
    row("DELETE /api/v1/{tenant}/bindings/{id}", Power, 204, ""),
    // groups, and who is in them
    row("GET /api/v1/{tenant}/groups", Power, 200, ""),
    row("POST /api/v1/{tenant}/groups", Power, 200, r#"{"name": "new", "membersId": ["$MACHINE"]}"#),
    row("GET /api/v1/{tenant}/groups/search", Power, 200, ""),
    row("POST /api/v1/{tenant}/groups/autocomplete", Power, 200, r#"{"ids": ["$GROUP"]}"#),
    row("POST /api/v1/{tenant}/groups/ids", Power, 200, r#"{"ids": ["$GROUP"]}"#),
    row("GET /api/v1/{tenant}/groups/{id}", Power, 200, ""),
    row("PUT /api/v1/{tenant}/groups/{id}", Power, 200, r#"{"name": "new"}"#),
    row("DELETE /api/v1/{tenant}/groups/{id}", Power, 200, ""),
    row("GET /api/v1/{tenant}/groups/{id}/members", Power, 200, ""),
    row("PUT /api/v1/{tenant}/groups/{id}/members/{userId}", Power, 200, ""),
    row("DELETE /api/v1/{tenant}/groups/{id}/members/{userId}", Power, 200, ""),
    row("PUT /api/v1/{tenant}/groups/{id}/members/membership/{userId}?membership=OWNER", Power, 200, ""),
    row("PUT /api/v1/{tenant}/users/{id}/groups", Power, 204, r#"{"groupIds": ["$GROUP"]}"#),
];
