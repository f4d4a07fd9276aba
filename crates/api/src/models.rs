//! The models that are served, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::worker::Served;

/// Two models, or a model and another name, are called the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two models would be called `{0}`")]
pub struct NamesClash(pub String);

/// The models that are served, and other names for them.
#[derive(Default)]
pub struct Models {
    served: BTreeMap<String, Arc<Served>>,
    aliases: BTreeMap<String, String>,
}

impl Models {
    /// Adds a model.
    ///
    /// # Errors
    /// There is one of this name.
    pub fn add(&mut self, name: &str, served: Served) -> Result<(), NamesClash> {
        self.free(name)?;
        self.served.insert(name.to_owned(), Arc::new(served));
        Ok(())
    }

    /// Has a model answer to another name too, as clients ask for names that they have built in.
    ///
    /// # Errors
    /// There is one of this name.
    ///
    /// # Panics
    /// If no model is called `name`.
    pub fn alias(&mut self, alias: &str, name: &str) -> Result<(), NamesClash> {
        assert!(self.served.contains_key(name), "`{name}` is served");
        self.free(alias)?;
        self.aliases.insert(alias.to_owned(), name.to_owned());
        Ok(())
    }

    fn free(&self, name: &str) -> Result<(), NamesClash> {
        match self.served.contains_key(name) || self.aliases.contains_key(name) {
            true => Err(NamesClash(name.to_owned())),
            false => Ok(()),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.served.is_empty()
    }

    /// What models answer to, their own names first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.served.keys().chain(self.aliases.keys()).map(String::as_str)
    }

    /// Has `recorder` count what is asked of each model and answered, under the model's own name. Histograms are to have the
    /// buckets of [`HISTOGRAMS`](crate::HISTOGRAMS).
    pub fn measure(&self, recorder: &dyn metrics::Recorder) {
        self.served.iter().for_each(|(name, served)| served.measure(recorder, name));
    }

    /// Has what [`Models::measure`] counts tell how busy the models are now; no model is waited for.
    pub fn publish(&self) {
        self.served.values().for_each(|served| served.publish());
    }

    /// Answers that wait or are in the making.
    pub fn answering(&self) -> usize {
        self.served.values().map(|served| served.open()).sum()
    }

    /// Gives up what is under way, whose readers are told so, and answers nothing more.
    pub fn end(&self) {
        self.served.values().for_each(|served| served.end());
    }

    /// The model of a request, with its own name.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn find(&self, name: &str) -> Result<(&str, Arc<Served>), ApiError> {
        let own = self.aliases.get(name).map_or(name, String::as_str);
        match self.served.get_key_value(own) {
            Some((name, served)) => Ok((name, Arc::clone(served))),
            None => Err(ApiError::no_model(name, &self.names().collect::<Vec<&str>>())),
        }
    }

    fn described(&self, name: &str) -> Result<Value, ApiError> {
        let (own, served) = self.find(name)?;
        Ok(json!({
            "id": name,
            "object": "model",
            "created": served.created,
            "owned_by": "plimsoll",
            "root": own,
            "context_length": served.context,
        }))
    }
}

/// `GET /v1/models`
pub async fn list(State(models): State<Arc<Models>>) -> Result<Json<Value>, ApiError> {
    let described = models.names().map(|name| models.described(name)).collect::<Result<Vec<Value>, _>>()?;
    Ok(Json(json!({ "object": "list", "data": described })))
}

/// `GET /v1/models/{id}`
pub async fn one(State(models): State<Arc<Models>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    models.described(&name).map(Json)
}
