//! The fields of a request, taken one by one: what is left at the end is known to nobody, and refused.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Names further from a known one than this share of their letters are not taken for a slip.
const NEAR: f64 = 0.75;

/// The fields that are not taken yet.
pub struct Fields {
    left: Map<String, Value>,
    known: Vec<&'static str>,
    /// What stands before their names in errors.
    place: String,
}

impl Fields {
    /// Those of a body. A field that is null is one that is not there, as clients send it for what they leave out.
    ///
    /// # Errors
    /// It is no JSON object.
    pub fn of_body(body: &[u8]) -> Result<Fields, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Fields::of(fields)),
            Ok(_) => Err(ApiError::body("the body has to be a JSON object")),
            Err(error) => Err(ApiError::body(format!("the body is no JSON: {error}"))),
        }
    }

    /// Those of an object.
    pub fn of(left: Map<String, Value>) -> Fields {
        Fields::at(String::new(), left)
    }

    /// Those of an object within the request, which errors call `place`.
    ///
    /// # Errors
    /// It is no object.
    pub fn within(place: &str, value: Value) -> Result<Fields, ApiError> {
        match value {
            Value::Object(fields) => Ok(Fields::at(format!("{place}."), fields)),
            _ => Err(ApiError::bad(place, format!("`{place}` has to be an object"))),
        }
    }

    fn at(place: String, mut left: Map<String, Value>) -> Fields {
        left.retain(|_, value| !value.is_null());
        Fields { left, known: Vec::new(), place }
    }

    /// What errors call a field.
    pub fn param(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    /// The text that says which kind of object it is.
    ///
    /// # Errors
    /// There is none.
    pub fn kind(&mut self) -> Result<String, ApiError> {
        self.need("type")
    }

    /// A field, if it is there.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>, ApiError> {
        self.known.push(name);
        let Some(value) = self.left.shift_remove(name) else { return Ok(None) };
        serde_json::from_value(value)
            .map(Some)
            .map_err(|error| ApiError::bad(self.param(name), format!("`{name}`: {error}")))
    }

    /// A field that has to be there.
    ///
    /// # Errors
    /// It is missing, or of another kind.
    pub fn need<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, ApiError> {
        self.take(name)?.ok_or_else(|| ApiError::bad(self.param(name), format!("`{name}` is missing")))
    }

    /// Fields whose meaning is to have no effect on an answer: names of users, hints for caches.
    pub fn accept(&mut self, names: &[&'static str]) {
        for name in names {
            self.known.push(name);
            self.left.shift_remove(*name);
        }
    }

    /// A field that is accepted where it asks for what happens anyway.
    ///
    /// # Errors
    /// It asks for something else.
    pub fn accept_only(&mut self, name: &'static str, values: &[Value]) -> Result<(), ApiError> {
        self.known.push(name);
        match self.left.shift_remove(name) {
            Some(value) if !values.contains(&value) => {
                let given = values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(" or ");
                Err(ApiError::bad(self.param(name), format!("`{name}` can only be {given} here, and is `{value}`")))
            }
            _ => Ok(()),
        }
    }

    /// A field that is known and not honoured.
    ///
    /// # Errors
    /// It is there.
    pub fn refuse(&mut self, name: &'static str, why: &str) -> Result<(), ApiError> {
        self.known.push(name);
        match self.left.contains_key(name) {
            true => Err(ApiError::bad(self.param(name), format!("`{name}` is not honoured here: {why}"))),
            false => Ok(()),
        }
    }

    /// A field that is known and not honoured, but where it says nothing.
    ///
    /// # Errors
    /// It says something.
    pub fn refuse_unless(&mut self, name: &'static str, nothing: &[Value], why: &str) -> Result<(), ApiError> {
        if self.left.get(name).is_some_and(|value| nothing.contains(value)) {
            self.left.shift_remove(name);
        }
        self.refuse(name, why)
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// There is a field that nobody took.
    pub fn end(self) -> Result<(), ApiError> {
        let Some(name) = self.left.keys().next() else { return Ok(()) };
        let likeness = |known: &&&str| (strsim::normalized_levenshtein(name, known) * 1000.0) as u32;
        let near = self.known.iter().max_by_key(likeness);
        let near = near.filter(|known| strsim::normalized_levenshtein(name, known) >= NEAR);
        let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let whole = if self.place.is_empty() { "this request" } else { self.place.trim_end_matches('.') };
        Err(ApiError::bad(self.param(name), format!("`{name}` is no field of {whole}{hint}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::of_body(value.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn null_is_absent_and_what_nobody_takes_is_refused_with_what_was_meant() {
        let mut some = fields(json!({"a": null, "temperatur": 1}));
        assert_eq!(some.take::<f32>("a").unwrap(), None);
        assert_eq!(some.take::<f32>("temperature").unwrap(), None);
        let error = some.end().unwrap_err();
        assert_eq!(error.param.as_deref(), Some("temperatur"));
        assert!(error.message.ends_with("did you mean `temperature`?"), "{error}");
        assert!(!fields(json!({"zzz": 1})).end().unwrap_err().message.contains("mean"));
    }

    #[test]
    fn a_field_of_another_kind_is_named() {
        assert_eq!(fields(json!({"n": "x"})).take::<u32>("n").unwrap_err().param.as_deref(), Some("n"));
        assert_eq!(fields(json!({})).need::<u32>("n").unwrap_err().message, "`n` is missing");
        assert!(fields(json!({"store": true})).accept_only("store", &[json!(false)]).is_err());
        assert!(fields(json!({"store": false})).accept_only("store", &[json!(false)]).is_ok());
        assert!(Fields::of_body(b"[]").is_err() && Fields::of_body(b"{").is_err());
    }
}
