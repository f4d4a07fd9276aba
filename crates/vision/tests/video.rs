//! FrameSampling, folders of frames, and video files where `ffmpeg` is installed.

mod common;
#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::process::Command;

use common::{data, json, numbers};
use libtest_mimic::{Arguments, Failed, Trial};
use plimsoll_vision::{DEFAULT_MAX_PIXELS, FrameSampling, Picture, Video, VisionError};
use skipped::skipped;

fn frames_are_sampled_as_the_reference_samples_them() {
    for case in json(&data("sampling.json")).as_array().unwrap() {
        let number = |key: &str| case[key].as_f64().unwrap();
        let sampling = FrameSampling { max_frames: number("max_frames") as usize, fps: number("rate") };
        let frames = sampling.frames(number("total") as usize, number("fps"), number("total") / number("fps"));
        assert_eq!(frames, numbers(&case["frames"]), "{case}");
    }
}

fn a_folder_of_frames_is_read_in_the_order_of_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let one = std::fs::read(data("pictures/one_pixel.png")).unwrap();
    let other = std::fs::read(data("pictures/rgba16.png")).unwrap();
    for i in 0..12 {
        std::fs::write(folder.path().join(format!("f{i}.png")), if i == 10 { &other } else { &one }).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "no frame").unwrap();
    let video = Video::open_folder(folder.path(), 4.0).unwrap();
    assert_eq!((video.n_frames(), video.duration()), (12, 3.0));
    let frames: Vec<Picture> = video.frames(&[2, 10], 1).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(frames[0].pixels(), [9, 8, 7]);
    assert_eq!(frames[1].pixels(), [0x12, 0x80, 0xFF]);
}

fn a_folder_that_is_no_video_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let error = Video::open_folder(folder.path(), 1.0).unwrap_err();
    assert!(error.to_string().contains("holds no file"), "{error}");
    assert!(Video::open_folder(folder.path(), 0.0).is_err() && Video::open_folder(folder.path(), f64::NAN).is_err());
    std::fs::copy(data("pictures/one_pixel.png"), folder.path().join("1.png")).unwrap();
    std::fs::copy(data("pictures/rgb16.png"), folder.path().join("2.png")).unwrap();
    std::fs::write(folder.path().join("3.png"), "text").unwrap();
    let video = Video::open_folder(folder.path(), 1.0).unwrap();
    let read = |indices: &[usize]| video.frames(indices, DEFAULT_MAX_PIXELS).unwrap().last().unwrap().unwrap_err();
    assert!(read(&[0, 1]).to_string().contains("2.png` has 2 x 1 pixels, the first has 1 x 1"));
    assert!(matches!(read(&[2]), VisionError::NotAPicture { .. }));
    assert!(video.frames(&[3], DEFAULT_MAX_PIXELS).is_err());
}

/// In the sandbox where there is one: this program is what it starts inside itself.
fn main() {
    plimsoll_sandbox::enter_if_asked();
    let tests: &[(&str, fn())] = &[
        ("frames_are_sampled_as_the_reference_samples_them", frames_are_sampled_as_the_reference_samples_them),
        (
            "a_folder_of_frames_is_read_in_the_order_of_its_numbers",
            a_folder_of_frames_is_read_in_the_order_of_its_numbers,
        ),
        ("a_folder_that_is_no_video_says_why", a_folder_that_is_no_video_says_why),
        ("chosen_frames_of_a_file_are_read", chosen_frames_of_a_file_are_read),
        ("a_file_that_is_no_video_or_ends_early_says_so", a_file_that_is_no_video_or_ends_early_says_so),
        ("a_playlist_is_not_followed", a_playlist_is_not_followed),
        ("a_rare_codec_is_not_decoded", a_rare_codec_is_not_decoded),
        ("a_video_of_a_common_codec_with_sound_is_read", a_video_of_a_common_codec_with_sound_is_read),
        ("a_pipe_is_not_waited_for", a_pipe_is_not_waited_for),
    ];
    let trial = |(name, test): &(&str, fn())| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.iter().map(trial).collect()).exit();
}

/// Twelve frames at 6 a second whose left upper pixel brightens by 20 levels each.
fn clip(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    let path = folder.join("a clip.mkv");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "color=black:s=32x16:r=6:d=2"])
        .args(["-vf", "format=gbrp,geq=r='20*N':g='20*N':b='20*N',format=gbrp", "-c:v", "ffv1", "-pix_fmt", "bgr0"])
        .arg(&path)
        .status();
    match made {
        Ok(status) if status.success() => Some(path),
        _ => {
            skipped("ffmpeg is not installed");
            None
        }
    }
}

fn chosen_frames_of_a_file_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = clip(folder.path()) else { return };
    let video = Video::open_file(&path).unwrap();
    assert_eq!((video.n_frames(), video.fps(), video.duration()), (12, 6.0, 2.0));
    let frames: Vec<Picture> = video.frames(&[0, 3, 11], 512).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!((frames[0].width(), frames[0].height()), (32, 16));
    let levels: Vec<u8> = frames.iter().map(|frame| frame.pixels()[0]).collect();
    assert_eq!(levels, [0, 60, 220]);
    // A reader that is dropped early ends the program.
    let mut some = video.frames(&[0, 1, 2], 512).unwrap();
    assert!(some.next().unwrap().is_ok());
}

fn a_file_that_is_no_video_or_ends_early_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = clip(folder.path()) else { return };
    let video = Video::open_file(&path).unwrap();
    let error = video.frames(&[0, 20], 512).unwrap().last().unwrap().unwrap_err();
    assert!(error.to_string().contains("ends after 1 of the 2 frames"), "{error}");
    let error = video.frames(&[0], 511).unwrap_err();
    assert!(matches!(error, VisionError::TooLarge { .. }), "{error}");

    let bytes = std::fs::read(&path).unwrap();
    for (name, bytes) in [("text.mp4", &b"not a video"[..]), ("cut.mkv", &bytes[..100]), ("empty.mkv", b"")] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = Video::open_file(&path).unwrap_err();
        assert!(matches!(error, VisionError::Video { .. }) && error.to_string().contains(name), "{error}");
    }
    assert!(matches!(Video::open_file(&folder.path().join("none.mp4")).unwrap_err(), VisionError::Io { .. }));
}

fn a_playlist_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(clip) = clip(folder.path()) else { return };
    for (name, text) in [
        ("list.m3u8", format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n", clip.display())),
        ("list.mp4", format!("ffconcat version 1.0\nfile '{}'\n", clip.display())),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert!(Video::open_file(&path).is_err(), "{name}");
    }
}

/// A video that `ffmpeg` makes with these arguments, if it can.
fn made(folder: &std::path::Path, name: &str, arguments: &[&str]) -> Option<std::path::PathBuf> {
    let path = folder.join(name);
    let made = Command::new("ffmpeg").args(["-v", "error"]).args(arguments).arg(&path).status();
    if made.is_ok_and(|status| status.success()) {
        return Some(path);
    }
    skipped("ffmpeg is not installed, or does not write such videos");
    None
}

fn a_rare_codec_is_not_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let source = ["-f", "lavfi", "-i", "color=black:s=32x16:r=6:d=1", "-c:v", "cinepak"];
    let Some(path) = made(folder.path(), "old.mov", &source) else { return };
    let told = Video::open_file(&path).unwrap_err().to_string();
    assert!(told.contains("a stream of it is coded as cinepak, which is not decoded here"), "{told}");
}

fn a_video_of_a_common_codec_with_sound_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let source = ["-f", "lavfi", "-i", "color=white:s=32x16:r=6:d=1", "-f", "lavfi", "-i", "sine=d=1"];
    let coded = [&source[..], &["-c:v", "mpeg4", "-c:a", "aac"]].concat();
    let Some(path) = made(folder.path(), "clip.mp4", &coded) else { return };
    let video = Video::open_file(&path).unwrap();
    let frames: Vec<Picture> = video.frames(&[0, 5], 1 << 20).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(frames.iter().all(|frame| frame.pixels()[0] > 240), "{:?}", frames[0].pixels().first());
}

fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.mp4");
    if !Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        return skipped("there is no mkfifo");
    }
    let told = Video::open_file(&path).unwrap_err().to_string();
    assert!(told.contains("a pipe or a device"), "{told}");
}
