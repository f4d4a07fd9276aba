//! Video files, decoded by the programs `ffprobe` and `ffmpeg`.
//!
//! They are started directly, never through a shell, and may open local files of container formats alone: a crafted
//! playlist is not followed anywhere. Frames come one by one through a pipe as PPM pictures, whose headers say how large
//! they are once a rotation has been applied.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use plimsoll_formats::open_regular;

use crate::{DEFAULT_MAX_PIXELS, Picture, VisionError};

/// Containers that hold one video each; lists and network formats are left out.
const FORMATS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,gif,apng,ivf,h264,hevc,av1,obu,m4v,mxf,nut";
const PROBE_SECONDS: u64 = 120;
const DECODE_SECONDS: u64 = 1800;
/// Bytes of a program's messages that are kept, and of `ffprobe`'s answer.
const MAX_TEXT: u64 = 64 << 10;
/// Frames that a video may have: a day at 120 a second.
const MAX_FRAMES: u64 = 24 * 3600 * 120;

/// A file that `ffprobe` took for a video.
#[derive(Debug, Clone)]
pub(super) struct VideoFile {
    path: PathBuf,
    /// Pixels across and down, before a rotation.
    size: (u64, u64),
}

impl VideoFile {
    /// The file, its number of frames and its frames a second.
    pub(super) fn probe(path: &Path) -> Result<(Self, usize, f64), VisionError> {
        let name = path.display().to_string();
        // ffprobe's own words for a missing file would come last.
        open_regular(path).map_err(|e| VisionError::io(path, "open", e))?;
        let mut command = restricted("ffprobe", path, DEFAULT_MAX_PIXELS);
        command.args(["-select_streams", "v:0", "-count_packets", "-of", "json", "-show_entries"]);
        command.args(["stream=width,height,nb_read_packets,avg_frame_rate,r_frame_rate"]);
        let mut program = Program::start("ffprobe", command, path, PROBE_SECONDS)?;
        let mut text = String::new();
        let read = program.stdout.by_ref().take(MAX_TEXT).read_to_string(&mut text);
        program.finish()?;
        read.map_err(|e| VisionError::io(path, "read", e))?;
        let answer: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| VisionError::video(&name, "ffprobe's answer is not JSON"))?;
        let stream = &answer["streams"][0];
        if stream.is_null() {
            return Err(VisionError::video(&name, "it has no video stream"));
        }
        let side = |key: &str| stream[key].as_u64().unwrap_or(0);
        let size = (side("width"), side("height"));
        let rate = |key: &str| stream[key].as_str().and_then(fraction);
        let fps = rate("avg_frame_rate").or_else(|| rate("r_frame_rate"));
        let n_frames = stream["nb_read_packets"].as_str().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        match fps {
            Some(fps) if (1..=MAX_FRAMES).contains(&n_frames) => {
                Ok((Self { path: path.to_owned(), size }, n_frames as usize, fps))
            }
            Some(_) => Err(VisionError::video(&name, format!("it has {n_frames} frames"))),
            None => Err(VisionError::video(&name, "it does not say how many frames a second has")),
        }
    }

    /// Starts decoding; `indices` ascend.
    pub(super) fn frames(&self, indices: &[usize], max_pixels: u64) -> Result<FramePipe, VisionError> {
        let name = self.path.display().to_string();
        crate::picture::check_size(&name, self.size.0, self.size.1, max_pixels)?;
        let chosen: Vec<String> = indices.iter().map(|index| format!("eq(n,{index})")).collect();
        let mut command = restricted("ffmpeg", &self.path, max_pixels);
        command.args(["-map", "0:v:0", "-an", "-sn", "-dn", "-vf"]);
        command.arg(format!("select='{}'", chosen.join("+")));
        command.args(["-fps_mode", "passthrough", "-frames:v", &indices.len().to_string()]);
        command.args(["-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"]);
        let program = Program::start("ffmpeg", command, &self.path, DECODE_SECONDS)?;
        Ok(FramePipe { program, max_pixels, expected: indices.len(), read: 0 })
    }
}

/// `program` reading `path`, silent but for errors, without network and playlists, refusing larger frames.
fn restricted(program: &'static str, path: &Path, max_pixels: u64) -> Command {
    let mut command = Command::new(program);
    if program == "ffmpeg" {
        command.arg("-nostdin");
    }
    command.args(["-hide_banner", "-v", "error", "-protocol_whitelist", "file", "-format_whitelist", FORMATS]);
    // A decoder counts the pixels of whole blocks: twice as many allow for that, and frames are counted again.
    command.arg("-max_pixels").arg(max_pixels.saturating_mul(2).min(i32::MAX as u64).to_string());
    // The protocol is named so that no path is taken for an option or another protocol.
    let mut input = std::ffi::OsString::from("file:");
    input.push(path);
    command.arg("-i").arg(input);
    command
}

/// `30000/1001` as a number greater than 0.
fn fraction(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let value = above.parse::<f64>().ok()? / below.parse::<f64>().ok()?;
    (value.is_finite() && value > 0.0).then_some(value)
}

/// Frames as `ffmpeg` writes them.
#[derive(Debug)]
pub(super) struct FramePipe {
    program: Program,
    max_pixels: u64,
    expected: usize,
    read: usize,
}

impl FramePipe {
    pub(super) fn next(&mut self) -> Option<Result<Picture, VisionError>> {
        if self.read == self.expected {
            return None;
        }
        let name = self.program.file.clone();
        let frame = ppm(&mut self.program.stdout, &name, self.max_pixels);
        self.read += 1;
        Some(match frame {
            Ok(Some(frame)) => Ok(frame),
            Err(failure @ VisionError::TooLarge { .. }) => Err(failure),
            // Why the program stopped says more than that it did.
            Err(failure) => Err(self.program.finish().err().unwrap_or(failure)),
            Ok(None) => Err(self.program.finish().err().unwrap_or_else(|| {
                let read = self.read - 1;
                VisionError::video(&name, format!("it ends after {read} of the {} frames wanted", self.expected))
            })),
        })
    }
}

/// The next PPM picture; `None` at the end.
fn ppm(from: &mut impl BufRead, file: &str, max_pixels: u64) -> Result<Option<Picture>, VisionError> {
    let broken = || VisionError::video(file, "ffmpeg's answer ends inside a frame");
    let mut header = String::new();
    for line in 0..3 {
        let read = from.by_ref().take(64).read_line(&mut header).map_err(|_| broken())?;
        if read == 0 {
            return if line == 0 { Ok(None) } else { Err(broken()) };
        }
    }
    let words: Vec<&str> = header.split_whitespace().collect();
    let ["P6", width, height, "255"] = words[..] else { return Err(broken()) };
    let (Ok(width), Ok(height)) = (width.parse::<u64>(), height.parse::<u64>()) else { return Err(broken()) };
    crate::picture::check_size(file, width, height, max_pixels)?;
    let mut pixels = vec![0; (width * height * 3) as usize];
    from.read_exact(&mut pixels).map_err(|_| broken())?;
    Ok(Some(Picture::new(width as usize, height as usize, pixels)))
}

/// A running program whose standard output is read, and which is ended when its time is up or nobody wants it.
#[derive(Debug)]
struct Program {
    name: &'static str,
    file: String,
    seconds: u64,
    child: Arc<Mutex<Child>>,
    stdout: BufReader<ChildStdout>,
    messages: Option<JoinHandle<String>>,
    timed_out: Arc<AtomicBool>,
    done: Option<mpsc::Sender<()>>,
}

impl Program {
    fn start(name: &'static str, mut command: Command, file: &Path, seconds: u64) -> Result<Self, VisionError> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => VisionError::NoProgram { program: name, file: file.display().to_string() },
            _ => VisionError::io(Path::new(name), "run", e),
        })?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            let _ = child.kill();
            return Err(VisionError::video(&file.display().to_string(), format!("{name} has no output")));
        };
        let child = Arc::new(Mutex::new(child));
        let timed_out = Arc::new(AtomicBool::new(false));
        let (done, waiting) = mpsc::channel();
        let (victim, late) = (Arc::clone(&child), Arc::clone(&timed_out));
        std::thread::spawn(move || {
            if waiting.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
                late.store(true, Ordering::Relaxed);
                let _ = victim.lock().unwrap_or_else(PoisonError::into_inner).kill();
            }
        });
        let messages = std::thread::spawn(move || {
            let mut stderr = stderr;
            let mut text = Vec::new();
            let _ = stderr.by_ref().take(MAX_TEXT).read_to_end(&mut text);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self {
            name,
            file: file.display().to_string(),
            seconds,
            child,
            stdout: BufReader::new(stdout),
            messages: Some(messages),
            timed_out,
            done: Some(done),
        })
    }

    /// Waits for the program to end, and says how it failed, if it did. One that has much more to say is ended.
    fn finish(&mut self) -> Result<(), VisionError> {
        let drained = std::io::copy(&mut self.stdout.by_ref().take(MAX_TEXT), &mut std::io::sink());
        if drained.is_ok_and(|bytes| bytes == MAX_TEXT) {
            let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        }
        let status = self.wait();
        self.done = None;
        let messages = self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if self.timed_out.load(Ordering::Relaxed) {
            return Err(VisionError::TimedOut { file: self.file.clone(), program: self.name, seconds: self.seconds });
        }
        match (status, messages.lines().next()) {
            (Some(status), _) if status.success() => Ok(()),
            (_, Some(message)) => Err(VisionError::video(&self.file, format!("{}: {message}", self.name))),
            (_, None) => Err(VisionError::video(&self.file, format!("{} failed without a message", self.name))),
        }
    }

    /// The lock is taken anew for each look, so that the watch can end the program meanwhile.
    fn wait(&mut self) -> Option<std::process::ExitStatus> {
        loop {
            let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            match status {
                Ok(Some(status)) => return Some(status),
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.done = None;
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}
