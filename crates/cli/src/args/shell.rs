//! `plimsoll completions` and `plimsoll man`

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// `completions`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll completions bash > ~/.local/share/bash-completion/completions/plimsoll\n  plimsoll completions zsh > ~/.zfunc/_plimsoll     (a folder of $fpath)\n  plimsoll completions fish > ~/.config/fish/completions/plimsoll.fish"
)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  plimsoll man | man -l -\n  plimsoll man ~/.local/share/man/man1")]
pub struct Man {
    /// Folder for the pages of all commands [default: the page of the program, printed]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}
