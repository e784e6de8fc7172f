//! `tenantry me`: who the admin port takes the caller for.

use super::client::Place;
use super::connect::Connect;
use super::fault::Failure;
use super::show::print;

#[derive(clap::Args, Debug)]
pub struct Me {
    #[command(flatten)]
    connect: Connect,
}

pub async fn run(args: &Me) -> Result<(), Failure> {
    let answer = args.connect.client()?.get(&Place::path(&["me"])).await?;
    print(&args.connect.output.record(&answer)?)
}
