//! `tenantry diff`: whether what there is is what documents say.

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
    let mut documents = args.files.read()?;
    // Whether a password is the right one is nobody's to see.
    Passwords::taken(&mut documents)?;
    let plan = difference(&args.connect.client()?, &documents, args.prune).await?;
    print(&plan, args.connect.output)?;
    if is_empty(&plan) { Ok(()) } else { Err(Failure::Differs) }
}
