//! `tenantry diff`: whether what there is is what documents say.

use serde_json::Value;

use super::apply::difference;
use super::connect::Connect;
use super::documents::{Files, Passwords, is_empty, print};
use super::fault::Failure;

#[derive(clap::Args, Debug)]
pub struct Diff {
    #[command(flatten)]
    files: Files,
    /// Count as a difference what belongs to the documents' tenants and is in none of their lists
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    connect: Connect,
}

pub async fn run(args: &Diff) -> Result<(), Failure> {
    let client = args.connect.client()?;
    let mut whole = Value::Null;
    for mut documents in args.files.read()?.parts()? {
        // Whether a password is the right one is nobody's to see.
        Passwords::taken(&mut documents)?;
        let mut plan = difference(&client, &documents, args.prune).await?;
        if whole.is_null() {
            whole = plan;
            continue;
        }
        for list in ["changes", "parts"] {
            if let (Some(all), Some(these)) = (whole[list].as_array_mut(), plan[list].as_array_mut()) {
                all.append(these);
            }
        }
    }
    print(&whole, args.connect.output)?;
    if is_empty(&whole) { Ok(()) } else { Err(Failure::Differs) }
}
