//! Every page, as HTML that stands by itself in one file or in a site around it.
//!
//! Pages work without a script; the site's own script only adds to them. Nothing on them is styled or scripted inline
//! where a site serves them, so that its Content-Security-Policy can forbid both.

mod catalogue;
mod compare;
mod digest;
mod field;
mod items;
mod measured;
mod model;
mod notice;
mod runs;
mod shown;

pub use catalogue::{CataloguePage, Entry};
pub use compare::{Community, ComparePage, Contender};
pub use digest::{Change, DigestPage, atom};
pub use field::FieldPage;
pub use model::ModelPage;
pub use notice::{BookmarksPage, NoticePage, ProgressPage};
pub use runs::RunPage;

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("../../templates/plimsoll.css");

/// What stands around a page.
#[derive(Debug, Clone, Copy)]
pub enum Chrome<'a> {
    /// Nothing: the page is one file, style included.
    File,
    /// A site: navigation, style and script by address.
    Site(Site<'a>),
}

/// What a page of the site has to know of its reader.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Goes with every form, against forms that others make a reader send.
    pub csrf: &'a str,
    /// The page's own path.
    pub path: &'a str,
    /// Whether the reader marked this page.
    pub bookmarked: bool,
}

impl<'a> Chrome<'a> {
    fn site(&self) -> Option<Site<'a>> {
        match self {
            Chrome::File => None,
            Chrome::Site(site) => Some(*site),
        }
    }
}
