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
    let mut answer = args.connect.client()?.get(&Place::path(&["me"])).await?;
    // It is for pages in a browser, and half of what a session proves itself with.
    if let Some(me) = answer.document.as_object_mut() {
        me.remove("csrfToken");
    }
    print(&args.connect.output.record(&answer)?)
}
