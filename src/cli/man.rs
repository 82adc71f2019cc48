//! `ivsight man`: the manual pages, made from the help.

use std::io::Write;

use super::Exit;
use super::args::{self, Man};
use super::error::Failure;
use super::output::Output;

/// Prints the page of the program, or writes a page for each command.
pub(crate) fn run(args: &Man, output: &Output) -> Result<Exit, Failure> {
    let command = args::command();
    match &args.folder {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            std::io::stdout().lock().write_all(&page)?;
        }
        Some(folder) => {
            let written = std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder));
            written.map_err(|error| {
                Failure::new(format!("cannot write manual pages to `{}`", folder.display()))
                    .because(error)
            })?;
            output.note(&format!("try `man -l {}`", folder.join("ivsight.1").display()));
        }
    }
    Ok(Exit::Done)
}
