//! What shells and readers of manuals get of the command line, made from its tree.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap_complete::Shell;

use super::fault::Failure;
use super::show::unwritten;

#[derive(clap::Args, Debug)]
pub struct Completions {
    /// The shell that is to complete
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(clap::Args, Debug)]
pub struct Man {
    /// Write a page for each command into this directory, instead of the first page to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn completions(args: &Completions, mut tree: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut tree, "tenantry", &mut script);
    written(&script)
}

pub fn man(args: &Man, tree: clap::Command) -> Result<(), Failure> {
    match &args.dir {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(tree).render(&mut page).context("cannot write the page")?;
            written(&page)
        }
        Some(dir) => {
            let about = || format!("cannot write the pages into {}", dir.display());
            fs::create_dir_all(dir).with_context(about)?;
            clap_mangen::generate_to(tree, dir).with_context(about)?;
            Ok(())
        }
    }
}

fn written(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(unwritten)
}
