//! Of how much in the context memory is measured.

use std::path::PathBuf;

use anyhow::{Context, bail};
use plimsoll_lab::bench::Filling;
use plimsoll_lab::compare::ModelUnderTest;
use plimsoll_lab::suite::Image;
use plimsoll_models::Vision;
use plimsoll_panel::shown_text;

use crate::args::FillingArgs;
use crate::{model, piped};

impl FillingArgs {
    /// The pictures read, and how many tokens there will be.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&self) -> anyhow::Result<Filling> {
        let read = |path: &PathBuf| {
            let name = path.display().to_string();
            let bytes = piped::file(path).context("picture")?;
            Ok(Image::new(&name, bytes))
        };
        Ok(Filling { tokens: self.context, pictures: self.images.iter().map(read).collect::<anyhow::Result<_>>()? })
    }

    /// That every model can be filled so, before anything is measured.
    ///
    /// # Errors
    /// A model has less context, or does not see; a file is no picture.
    pub fn check(&self, filling: &Filling, under_test: &[ModelUnderTest]) -> anyhow::Result<()> {
        for picture in &filling.pictures {
            picture.picture()?;
        }
        for ModelUnderTest { argument, checkpoint, .. } in under_test {
            let name = || shown_text(argument, 120);
            if self.context.is_some() {
                model::context(checkpoint, self.context).with_context(name)?;
            }
            if !filling.pictures.is_empty() && Vision::of(checkpoint, None)?.is_none() {
                bail!("{} reads text only, and --image is to be shown to all", name());
            }
        }
        Ok(())
    }
}
