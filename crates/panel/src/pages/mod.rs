//! Every page, as HTML that stands by itself in one file or in a site around it.
//!
//! Pages work without a script; the site's own script only adds to them. Nothing on them is styled or scripted inline
//! where a site serves them, so that its Content-Security-Policy can forbid both.

mod bars;
mod catalogue;
mod chat;
mod compare;
mod demand;
mod digest;
mod field;
mod items;
mod measured;
mod model;
mod notice;
mod runs;
mod shown;
mod waterline;

pub use catalogue::{Afloat, CataloguePage, Choices, Entry, Filters, Sorted};
pub use chat::ChatPage;
pub use compare::{Community, ComparePage, Contender};
pub use demand::{DemandForm, DemandQuery, DeviceGroup, MOST_USERS, device_groups};
pub use digest::{Change, DigestPage, MailOffer, atom};
pub use field::FieldPage;
pub use model::{Checkpoint, ModelPage};
pub use notice::{Action, BookmarksPage, NoticePage, ProgressPage};
pub use runs::RunPage;

/// The style sheet of all pages.
pub const STYLE: &str = concat!(
    include_str!("../../templates/plimsoll.css"),
    include_str!("../../templates/catalogue.css"),
    include_str!("../../templates/chat.css")
);

/// Where pages of a site find what they ask for besides themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    /// [`STYLE`].
    pub style: String,
    /// The script that follows a comparison under way.
    pub script: String,
    /// The script of the page on which one talks with models.
    pub chat: String,
    /// The icon.
    pub icon: String,
}

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
    /// Whether models answer here, so that there is somebody to talk with.
    pub talks: bool,
    /// What the page asks for besides itself.
    pub assets: &'a Assets,
}

impl<'a> Chrome<'a> {
    fn site(&self) -> Option<Site<'a>> {
        match self {
            Chrome::File => None,
            Chrome::Site(site) => Some(*site),
        }
    }
}

/// Whether an option of a select is the one that is chosen.
fn is_chosen(id: impl AsRef<str>, chosen: impl AsRef<str>) -> bool {
    id.as_ref() == chosen.as_ref()
}
