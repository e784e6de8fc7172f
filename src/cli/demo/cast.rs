//! Who appears in the demo: two tenants, each with a key pair of its own and a token. They are made as
//! any operator would make them, through the admin port.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::folder::Folder;
use crate::cli::client::{Client, Place};
use crate::cli::fault::Failure;
use crate::cli::keypair::{self, KeypairKind};
use crate::cli::signer::{Claims, Signer};
use crate::model::{Secret, TenantClaim, Timestamp};

/// How long a token is good for: longer than any demo.
const TTL: Duration = Duration::from_secs(24 * 3600);

/// One tenant.
pub struct Player {
    pub token: Secret,
    /// Where the token stands, so that a pasted line can be short.
    pub token_file: PathBuf,
    pub key_file: PathBuf,
}

pub struct Cast {
    pub acme: Player,
    pub globex: Player,
}

impl Cast {
    pub async fn assemble(client: &Client, folder: &Folder) -> Result<Self, Failure> {
        Ok(Cast {
            acme: player(client, folder, "acme", "Acme Corporation").await?,
            globex: player(client, folder, "globex", "Globex Corporation").await?,
        })
    }
}

async fn player(client: &Client, folder: &Folder, id: &'static str, name: &str) -> Result<Player, Failure> {
    let tenant = json!({ "id": id, "name": name });
    client.post(&Place::path(&["tenants"]), &tenant).await?;
    let pair = keypair::generate(KeypairKind::P256)?;
    let signer = Signer::read(&pair).context("a new key pair cannot be read")?;
    let key =
        json!({ "public_key": signer.public().pem(), "tenants": [id], "description": "made by the demo" });
    client.post(&Place::path(&["keys"]), &key).await?;
    let token = Secret::new(signer.sign(&claims(id))?);
    let write = |name: String, text: &str| {
        folder.write(&name, text).context("cannot write into the temporary directory")
    };
    Ok(Player {
        token_file: write(format!("{id}.jwt"), token.reveal())?,
        key_file: write(format!("{id}.pem"), &pair)?,
        token,
    })
}

fn claims(tenant: &str) -> Claims {
    let now = Timestamp::now();
    Claims {
        issued: now,
        expires: Timestamp::from_seconds(now.seconds() + TTL.as_secs()),
        audience: None,
        issuer: "tenantry".to_owned(),
        claim: TenantClaim::default(),
        tenant: tenant.to_owned(),
    }
}
