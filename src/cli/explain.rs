//! `tenantry explain`: what the gateway would do with a request, and why.

use serde_json::{Value, json};

use super::client::{Place, printable};
use super::connect::Aside;
use super::fault::Failure;
use super::prompt;
use super::show::{Format, print};

/// `--url` and `--user` are the request's; the admin port has options of its own.
#[derive(clap::Args, Debug)]
pub struct Explain {
    /// The URL of the request, as its caller sends it
    #[arg(long, value_name = "URL")]
    url: String,
    /// The method of the request
    #[arg(long, default_value = "GET", value_name = "METHOD")]
    method: String,
    /// The API token or JSON Web Token that comes with it; - reads it from standard input
    #[arg(long, value_name = "TOKEN", conflicts_with = "user")]
    token: Option<String>,
    /// The user who sends it, whose credential is taken to be right
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    aside: Aside,
}

pub async fn run(args: &Explain) -> Result<(), Failure> {
    let mut question = json!({ "url": args.url, "method": args.method });
    if let Some(token) = &args.token {
        question["token"] = if token == "-" {
            prompt::token_in()?.reveal().into()
        } else {
            prompt::overheard("token", "say - and write it to standard input");
            token.as_str().into()
        };
    }
    if let Some(user) = &args.user {
        question["user"] = user.as_str().into();
    }
    let connect = args.aside.connect();
    let answer = connect.client()?.post(&Place::path(&["explain"]), &question).await?;
    match connect.output {
        Format::Table => print(&told(&answer.document)),
        Format::Json | Format::Yaml => print(&connect.output.record(&answer)?),
    }
}

/// One line for each step, and the end of it.
fn told(explanation: &Value) -> String {
    let text = |value: &Value| printable(value.as_str().unwrap_or_default());
    let mut lines = String::new();
    for step in explanation["steps"].as_array().into_iter().flatten() {
        let mark = if step["passed"] == Value::Bool(true) { ' ' } else { '!' };
        lines += &format!("{mark} {:<11} {}\n", text(&step["step"]), text(&step["detail"]));
    }
    match explanation["status"].as_u64() {
        None => lines + "allowed\n",
        Some(status) => lines + &format!("refused: {status} ({})\n", text(&explanation["reason"])),
    }
}
