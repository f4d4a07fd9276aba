//! What to do about files of models and pictures that cannot be read.

use std::io;

use plimsoll_formats::FormatError;
use plimsoll_vision::VisionError;

/// About a model's files; `None` where the message says it all.
pub fn format_hint(error: &FormatError) -> Option<String> {
    Some(match error {
        FormatError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "check the path; MODEL is a folder in Hugging Face's layout or a .gguf file".to_owned()
        }
        FormatError::Io { .. } => return None,
        FormatError::NoModel { .. } => {
            "give a folder with config.json and *.safetensors, or the path of one .gguf file".to_owned()
        }
        FormatError::VocabularyOnly { .. } => {
            "`plimsoll tokenize` takes it; to run a model, give a folder with config.json and *.safetensors, or the path of \
             one .gguf file"
                .to_owned()
        }
        FormatError::Malformed { .. } | FormatError::Overlap { .. } => {
            "the file is damaged, renamed, or of a version that is not read: fetch it again under its own name and \
             compare its checksum"
                .to_owned()
        }
        FormatError::Truncated { .. } => {
            "the download was probably cut off: fetch the file again and compare its size".to_owned()
        }
        FormatError::Tensor { .. } => {
            "the file does not fit its own description: fetch it again, or convert it again from the original"
                .to_owned()
        }
        FormatError::MissingTensor { .. } => {
            "the checkpoint is incomplete, or its config names another architecture than its weights have"
                .to_owned()
        }
        FormatError::Vision { .. } => "name the mmproj file that was converted with this model: --mmproj PATH".to_owned(),
        FormatError::Part { .. } => "put all parts of the model into one folder under their own names".to_owned(),
        FormatError::UnknownArchitecture { .. } => {
            "this architecture is not supported yet: choose a checkpoint of one that is known".to_owned()
        }
        FormatError::Hyperparam(e) if e.found == "nothing" => {
            format!("the file lacks `{}`: take it from the model's published files, or convert them again", e.key)
        }
        FormatError::Hyperparam(_) => {
            "the value is damaged, or asks for something that is not supported; neither is guessed around: compare it \
             with the model's published configuration"
                .to_owned()
        }
    })
}

/// About a picture, a video, or the settings of how they are prepared; `None` where the message says it all.
pub fn picture_hint(error: &VisionError) -> Option<String> {
    Some(match error {
        VisionError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => "check the path".to_owned(),
        VisionError::NotAPicture { .. } => "convert it to PNG or JPEG first".to_owned(),
        VisionError::Undecodable { .. } => {
            "the file is damaged or was cut off: fetch it again, or save it again with another program".to_owned()
        }
        VisionError::TooLarge { .. } => "make the picture smaller, or raise the limit with --max-pixels".to_owned(),
        VisionError::Setting { found, key, .. } if found == "nothing" => {
            format!("the file lacks `{key}`: take it from the model's published files")
        }
        VisionError::Setting { .. } | VisionError::Malformed { .. } => {
            "compare the file with the model's published configuration; a value that is not understood is not \
             guessed around"
                .to_owned()
        }
        VisionError::NoProgram { .. } => {
            "install the package `ffmpeg`, or give a folder of frames with --fps".to_owned()
        }
        VisionError::TimedOut { .. } | VisionError::Video { .. } => {
            "check that the file plays, or extract its frames into a folder and give that with --fps".to_owned()
        }
        VisionError::Shape { .. } => "crop the picture, or make it less long".to_owned(),
        VisionError::Io { .. }
        | VisionError::Places { .. }
        | VisionError::NoVideo(_)
        | VisionError::Reference { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_does_not_exist_and_a_file_that_is_no_model_come_with_a_hint() {
        let absent = io::Error::from(io::ErrorKind::NotFound);
        let absent = FormatError::Io { file: "model.gguf".to_owned(), action: "open", source: absent };
        assert!(format_hint(&absent).unwrap().contains("check the path"));
        let nope = FormatError::Malformed { file: "model.gguf".to_owned(), what: "is none".to_owned() };
        assert!(format_hint(&nope).unwrap().contains("fetch it again"));
    }

    #[test]
    fn a_picture_that_is_too_large_is_told_the_flag() {
        let error = VisionError::TooLarge { file: "a.png".to_owned(), width: 2, height: 2, max_pixels: 1, max_side: 1 };
        assert!(picture_hint(&error).unwrap().contains("--max-pixels"));
    }
}
