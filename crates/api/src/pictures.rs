//! Pictures in messages: data URLs, which are all that is taken from a stranger.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_engine::ImageInput;
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture};
use serde_json::{Map, Value, json};

use crate::error::ApiError;

/// Replaces the parts of messages that show pictures by those that templates read; returns the pictures, in order.
///
/// # Errors
/// One is elsewhere, cannot be read, or a part is of another kind than text and pictures.
pub fn taken_out(messages: &mut Value) -> Result<Vec<ImageInput>, ApiError> {
    let mut pictures = Vec::new();
    for (at, message) in messages.as_array_mut().into_iter().flatten().enumerate() {
        let Some(Value::Array(parts)) = message.get_mut("content") else { continue };
        for (i, part) in parts.iter_mut().enumerate() {
            let place = format!("messages[{at}].content[{i}]");
            let Value::Object(fields) = part else {
                return Err(ApiError::bad(place, "a part of a message has to be an object with a `type`"));
            };
            match fields.get("type").and_then(Value::as_str) {
                Some("text" | "refusal") => {}
                Some("image_url") => {
                    pictures.push(picture(fields, &place)?);
                    *part = json!({ "type": "image" });
                }
                kind => {
                    let kind = kind.unwrap_or("(none)");
                    let what = format!("parts of the type `{kind}` are not read here; `text` and `image_url` are");
                    return Err(ApiError::bad(format!("{place}.type"), what));
                }
            }
        }
    }
    Ok(pictures)
}

fn picture(part: &Map<String, Value>, place: &str) -> Result<ImageInput, ApiError> {
    // Some clients send the URL itself.
    let url = match part.get("image_url") {
        Some(Value::String(url)) => url,
        Some(Value::Object(image)) => image.get("url").and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    };
    in_url(url, &format!("{place}.image_url.url"))
}

/// A picture in a `data:` URL; the field `place` has it.
///
/// # Errors
/// It is elsewhere, or none that is read here.
pub fn in_url(url: &str, place: &str) -> Result<ImageInput, ApiError> {
    let Some(data) = url.strip_prefix("data:") else {
        let what =
            "a picture has to be in the request, as `data:image/png;base64,…`: nothing is fetched from elsewhere";
        return Err(ApiError::bad(place, what));
    };
    let Some((_, encoded)) = data.split_once(";base64,") else {
        return Err(ApiError::bad(place, "a `data:` URL has to be in base64"));
    };
    decoded(encoded, place)
}

/// A picture in base64; the field `place` has it.
///
/// # Errors
/// It is none that is read here.
pub fn decoded(encoded: &str, place: &str) -> Result<ImageInput, ApiError> {
    let encoded: Vec<u8> = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(encoded).map_err(|error| ApiError::bad(place, format!("no base64: {error}")))?;
    let picture = Picture::decode("the picture", &bytes, DEFAULT_MAX_PIXELS)
        .map_err(|error| ApiError::bad(place, error.to_string()))?;
    Ok(ImageInput::Picture(picture))
}
