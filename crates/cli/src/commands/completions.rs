//! `plimsoll completions` and `plimsoll man`: what a shell and `man` are told of this program.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use clap::CommandFactory;

use crate::args::{Args, Completions, Man};

/// Prints the script with which a shell completes commands, flags and paths.
pub fn run(command: &Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    let all = Args::command();
    // What is hidden from the help is nothing to be completed either.
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut shown = clap::Command::new("plimsoll").version(env!("CARGO_PKG_VERSION")).subcommands(shown);
    shown = shown.args(all.get_arguments().cloned());
    clap_complete::generate(command.shell, &mut shown, "plimsoll", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}

/// Prints the manual page of the program, or writes it and one for each command into a folder.
pub fn man(command: &Man) -> anyhow::Result<()> {
    let Some(folder) = &command.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command()).render(&mut page)?;
        std::io::stdout().lock().write_all(&page)?;
        return Ok(());
    };
    if !folder.is_dir() {
        bail!("{}: no such folder for the manual pages", folder.display());
    }
    clap_mangen::generate_to(Args::command(), folder).with_context(|| folder.display().to_string())?;
    writeln!(std::io::stdout().lock(), "manual pages in {}; `man {}` reads one", folder.display(), page(folder))?;
    Ok(())
}

/// A path that `man` takes for one.
fn page(folder: &Path) -> String {
    let path = folder.join("plimsoll.1");
    if path.is_absolute() || path.starts_with(".") || path.starts_with("..") {
        path.display().to_string()
    } else {
        format!("./{}", path.display())
    }
}
