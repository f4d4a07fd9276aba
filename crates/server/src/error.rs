//! What went wrong, for a person or a program.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use plimsoll_api::{ApiError, Surface, shaped};
use plimsoll_panel::pages::{Chrome, DemandQuery, NoticePage, Site};
use plimsoll_panel::shown_text;
use plimsoll_panel::store::{StoreError, VoteError};
use serde_json::json;

use crate::assets::ASSETS;

/// Characters of what is said.
const LONGEST: usize = 400;

/// What was most likely meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The model's name in addresses.
    pub id: String,
    /// The spelling that is like what was asked for.
    pub name: String,
    /// The page that was most likely wanted.
    pub address: String,
}

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// No model has this name; which was meant most likely, if any is like it.
    #[error("no model is called `{name}` here{}", .near.as_ref().map_or(String::new(), |near| format!("; did you mean `{}`?", near.name)))]
    Unknown {
        /// As it was asked for.
        name: String,
        /// The model that is called almost so.
        near: Option<Near>,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Bad(String),
    /// The reader may not.
    #[error("{0}")]
    Forbidden(String),
    /// The token is missing or another.
    #[error("this server asks for a token: open the address that `plimsoll serve` printed")]
    Unauthorised,
    /// Too much at once.
    #[error("{0}")]
    TooMany(String),
    /// Evidence that is not what its hash says.
    #[error("{0}")]
    Tampered(String),
    /// What was sent is in no form that is read here.
    #[error("{1}")]
    Unread(StatusCode, String),
    /// It would take longer than a reader waits.
    #[error("it took too long; try again in a moment")]
    Slow,
    /// Nothing new is begun.
    #[error("the server is ending and takes no new requests; try again in a moment")]
    Ending,
    /// The page is for another kind of request.
    #[error("this address is for a form to be sent to: nothing can be read there")]
    Method,
    /// A fault of the server or its disk.
    #[error("{0}")]
    Internal(String),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Missing { .. } => Problem::NotFound(error.to_string()),
            StoreError::Tampered { .. } | StoreError::Unfit { .. } | StoreError::TooLarge { .. } => {
                Problem::Tampered(error.to_string())
            }
            _ => Problem::Internal(error.to_string()),
        }
    }
}

impl From<VoteError> for Problem {
    fn from(error: VoteError) -> Problem {
        match error {
            VoteError::TooMany => Problem::TooMany(error.to_string()),
            VoteError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Problem::NotFound(_) | Problem::Unknown { .. } => StatusCode::NOT_FOUND,
            Problem::Bad(_) => StatusCode::BAD_REQUEST,
            Problem::Forbidden(_) => StatusCode::FORBIDDEN,
            Problem::Unauthorised => StatusCode::UNAUTHORIZED,
            Problem::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Problem::Tampered(_) => StatusCode::CONFLICT,
            Problem::Unread(status, _) => *status,
            Problem::Slow | Problem::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Problem::Method => StatusCode::METHOD_NOT_ALLOWED,
            Problem::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The same for a client of one of the models' APIs.
    pub fn to_api(&self, surface: Surface) -> Response {
        let error = match self {
            Problem::Unauthorised => {
                let message = "a key is needed: `Authorization: Bearer KEY`, or `x-api-key: KEY`";
                ApiError { code: Some("invalid_api_key"), ..ApiError::new(self.status(), message) }
            }
            problem => ApiError::new(self.status(), problem.to_string()),
        };
        self.with_retry(shaped(surface, &error))
    }

    /// With the time after which it is worth another try, where that is known.
    fn with_retry(&self, mut response: Response) -> Response {
        let seconds = match self {
            Problem::TooMany(_) => "60",
            Problem::Ending => "5",
            _ => return response,
        };
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(seconds));
        response
    }

    fn heading(&self) -> &'static str {
        match self {
            Problem::NotFound(_) | Problem::Unknown { .. } => "Not here",
            Problem::Bad(_) | Problem::Unread(..) => "That could not be read",
            Problem::Slow => "That took too long",
            Problem::Ending => "The server is ending",
            Problem::Method => "Nothing to read here",
            Problem::Forbidden(_) | Problem::Unauthorised => "Not allowed",
            Problem::TooMany(_) => "Too much at once",
            Problem::Tampered(_) => "The checker rejects this evidence",
            Problem::Internal(_) => "Something went wrong here",
        }
    }

    /// With the page that was most likely wanted asked for the same as this one.
    pub fn asking(mut self, query: &DemandQuery) -> Problem {
        if let Problem::Unknown { near: Some(near), .. } = &mut self {
            near.address += &query.query();
        }
        self
    }

    /// In words; where an address was made long to annoy, its two ends.
    fn words(&self) -> String {
        let words = self.to_string();
        if words.len() > LONGEST { shown_text(&words, LONGEST) } else { words }
    }
}

/// Goes with an answer that says on a page what went wrong, for programs that want it otherwise.
#[derive(Clone)]
struct ErrorText(String);

/// The same answer as JSON, where it says what went wrong.
pub fn as_json(mut response: Response) -> Response {
    let Some(ErrorText(error)) = response.extensions_mut().remove::<ErrorText>() else { return response };
    let mut answer = (response.status(), Json(json!({ "error": error }))).into_response();
    if let Some(after) = response.headers_mut().remove(header::RETRY_AFTER) {
        answer.headers_mut().insert(header::RETRY_AFTER, after);
    }
    answer
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let chrome = Chrome::Site(Site { csrf: "", path: "", bookmarked: false, talks: false, assets: &ASSETS });
        let words = self.words();
        let (about, meant) = match &self {
            Problem::Unknown { name, near: Some(near) } => (
                format!("no model is called `{}` here", shown_text(name, LONGEST)),
                Some((near.address.as_str(), near.name.as_str())),
            ),
            _ => (words.clone(), None),
        };
        let page = NoticePage { chrome, heading: self.heading(), about: &about, meant, action: None }.html();
        let mut response = (self.status(), Html(page)).into_response();
        response.extensions_mut().insert(ErrorText(words));
        self.with_retry(response)
    }
}
