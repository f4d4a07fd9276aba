//! Pictures and videos in messages: they come in the request, which is all that is taken from a stranger.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_engine::ImageInput;
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture, Video};
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::fields::Fields;

/// A picture or a video as it was sent, not decoded yet: that takes time, which nobody else is to wait for.
#[derive(Debug, Clone)]
pub struct Sent {
    bytes: Vec<u8>,
    kind: Kind,
    /// The field that has it.
    place: String,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Picture,
    Video,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Picture => "picture",
            Kind::Video => "video",
        }
    }
}

impl Sent {
    /// Decodes it; blocks.
    ///
    /// # Errors
    /// It is none that is read here.
    pub fn decoded(self) -> Result<ImageInput, ApiError> {
        let Sent { bytes, kind, place } = self;
        let bad = |what: String| ApiError::bad(place.as_str(), what);
        match kind {
            Kind::Picture => {
                let picture = Picture::decode("the picture", &bytes, DEFAULT_MAX_PIXELS);
                picture.map(ImageInput::Picture).map_err(|error| bad(error.to_string()))
            }
            Kind::Video => {
                let video = Video::of_bytes("the video", &bytes).map_err(|error| bad(error.to_string()))?;
                // A stranger's video is read by programs with a long history.
                if let Some(why) = video.lacks_walls() {
                    return Err(bad(format!("videos are only read where ffmpeg stands in a sandbox: {why}")));
                }
                Ok(ImageInput::Video { video, sampling: None, max_pixels: DEFAULT_MAX_PIXELS })
            }
        }
    }
}

/// Replaces the parts of messages that show something by those that templates read; returns what they show, in order.
///
/// # Errors
/// It is elsewhere, or a part is of another kind than text, pictures and videos.
pub fn taken_out(messages: &mut Value) -> Result<Vec<Sent>, ApiError> {
    let mut sent = Vec::new();
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
                    sent.push(shown(fields, "image_url", Kind::Picture, &place)?);
                    *part = json!({ "type": "image" });
                }
                Some("video_url") => {
                    sent.push(shown(fields, "video_url", Kind::Video, &place)?);
                    *part = json!({ "type": "video" });
                }
                kind => {
                    let kind = kind.unwrap_or("(none)");
                    let what = format!(
                        "parts of the type `{kind}` are not read here; `text`, `image_url` and `video_url` are"
                    );
                    return Err(ApiError::bad(format!("{place}.type"), what));
                }
            }
        }
    }
    Ok(sent)
}

fn shown(part: &mut Map<String, Value>, field: &str, kind: Kind, place: &str) -> Result<Sent, ApiError> {
    let place = format!("{place}.{field}");
    let url = match part.remove(field) {
        // Some clients send the URL itself.
        Some(Value::String(url)) => url,
        Some(image @ Value::Object(_)) => {
            let mut image = Fields::within(&place, image)?;
            image.accept_only("detail", &["auto".into(), "high".into()])?;
            image.take::<String>("url")?.unwrap_or_default()
        }
        _ => String::new(),
    };
    of_url(&url, kind, &format!("{place}.url"))
}

/// A picture in a `data:` URL; the field `place` has it.
///
/// # Errors
/// It is elsewhere, or not in base64.
pub fn in_url(url: &str, place: &str) -> Result<Sent, ApiError> {
    of_url(url, Kind::Picture, place)
}

fn of_url(url: &str, kind: Kind, place: &str) -> Result<Sent, ApiError> {
    let Some(data) = url.strip_prefix("data:") else {
        let name = kind.name();
        let what = format!("a {name} has to be in the request, as a `data:` URL: nothing is fetched from elsewhere");
        return Err(ApiError::bad(place, what));
    };
    let Some((_, encoded)) = data.split_once(";base64,") else {
        return Err(ApiError::bad(place, "a `data:` URL has to be in base64"));
    };
    of_base64(encoded, kind, place)
}

/// A picture in base64; the field `place` has it.
///
/// # Errors
/// It is not in base64.
pub fn in_base64(encoded: &str, place: &str) -> Result<Sent, ApiError> {
    of_base64(encoded, Kind::Picture, place)
}

fn of_base64(encoded: &str, kind: Kind, place: &str) -> Result<Sent, ApiError> {
    let encoded: Vec<u8> = encoded.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(encoded).map_err(|error| ApiError::bad(place, format!("no base64: {error}")))?;
    Ok(Sent { bytes, kind, place: place.to_owned() })
}
