//! Video files, decoded by the programs `ffprobe` and `ffmpeg`.
//!
//! They run in the sandbox of [`plimsoll_sandbox`] where there is one, with nothing to see but the video and nothing to
//! write to, and by limits on memory and time elsewhere. They may open local files of container formats alone, in which a
//! crafted playlist is not followed anywhere, and use few of their decoders. Frames come one by one through a pipe as PPM
//! pictures, whose headers say how large they are once a rotation has been applied.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use plimsoll_formats::open_regular;
use plimsoll_sandbox::{Confinement, Limits};

use super::codecs::{BESIDE, VIDEO};
use crate::{DEFAULT_MAX_PIXELS, Picture, VisionError};

/// Containers that hold one video each; lists and network formats are left out.
const FORMATS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,gif,apng,ivf,h264,hevc,av1,obu,m4v,mxf,nut";
/// On the clock.
const PROBE_SECONDS: u64 = 120;
const DECODE_SECONDS: u64 = 900;
/// Threads that a decoder may have: each holds frames of its own.
const THREADS: u64 = 2;
/// Address space of a program: 8K video at 10 bits, with as many frames to refer to as a level allows, takes half of it.
///, in bytes.
const MEMORY: u64 = 2 << 30;
/// Bytes of a program's messages that are kept, and of `ffprobe`'s answer.
const MAX_TEXT: u64 = 64 << 10;
/// Frames that a video may have: a day at 120 a second.
const MAX_FRAMES: u64 = 24 * 3600 * 120;

/// How each program is held; none where it is not installed.
static FFPROBE: LazyLock<Option<Confinement>> = LazyLock::new(|| Confinement::of("ffprobe", &["-version"]));
static FFMPEG: LazyLock<Option<Confinement>> = LazyLock::new(|| Confinement::of("ffmpeg", &["-version"]));

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
        let probe = held("ffprobe", &FFPROBE, path)?;
        let command = probe.command(limits(PROBE_SECONDS), path, |input| {
            let mut arguments = restricted(input, &format!("{VIDEO},{BESIDE}"), DEFAULT_MAX_PIXELS);
            let asked = "stream=width,height,nb_read_packets,avg_frame_rate,r_frame_rate";
            let all = ["-select_streams", "v:0", "-count_packets", "-of", "json", "-show_entries", asked];
            arguments.extend(all.map(OsString::from));
            arguments
        });
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

    /// See [`super::Video::lacks_walls`].
    pub(super) fn lacks_walls(&self) -> Option<&str> {
        FFMPEG.as_ref().or(FFPROBE.as_ref()).and_then(Confinement::lacks_walls)
    }

    /// Starts decoding; `indices` ascend.
    pub(super) fn frames(&self, indices: &[usize], max_pixels: u64) -> Result<FramePipe, VisionError> {
        let name = self.path.display().to_string();
        crate::picture::check_size(&name, self.size.0, self.size.1, max_pixels)?;
        let chosen: Vec<String> = indices.iter().map(|index| format!("eq(n,{index})")).collect();
        let seconds = DECODE_SECONDS;
        let command = held("ffmpeg", &FFMPEG, &self.path)?.command(limits(seconds), &self.path, |input| {
            let mut arguments: Vec<OsString> =
                ["-nostdin", "-threads", &THREADS.to_string()].map(OsString::from).into();
            arguments.extend(restricted(input, VIDEO, max_pixels));
            let (select, count) = (format!("select='{}'", chosen.join("+")), indices.len().to_string());
            let out =
                ["-map", "0:v:0", "-an", "-sn", "-dn", "-vf", &select, "-fps_mode", "passthrough", "-frames:v", &count];
            arguments.extend(out.map(OsString::from));
            let ppm = ["-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"];
            arguments.extend(ppm.map(OsString::from));
            arguments
        });
        let program = Program::start("ffmpeg", command, &self.path, seconds)?;
        Ok(FramePipe { program, max_pixels, expected: indices.len(), read: 0 })
    }
}

/// How `program` is held, if it is installed.
fn held(
    program: &'static str,
    found: &'static Option<Confinement>,
    file: &Path,
) -> Result<&'static Confinement, VisionError> {
    let missing = || VisionError::NoProgram { program, file: file.display().to_string() };
    found.as_ref().ok_or_else(missing)
}

/// What a program may take that has so much time on the clock.
fn limits(seconds: u64) -> Limits {
    Limits { memory: MEMORY, cpu: seconds * THREADS, file: 0, threads: 64 * THREADS, ..Limits::default() }
}

/// Reads `input`, silent but for errors, without network and playlists, by these decoders, refusing larger frames.
fn restricted(input: &Path, decoders: &str, max_pixels: u64) -> Vec<OsString> {
    // A decoder counts the pixels of whole blocks: twice as many allow for that, and frames are counted again.
    let pixels = max_pixels.saturating_mul(2).min(i32::MAX as u64).to_string();
    let silent = ["-hide_banner", "-v", "error", "-protocol_whitelist", "file", "-format_whitelist", FORMATS];
    let mut arguments: Vec<OsString> = silent.map(OsString::from).into();
    arguments.extend(["-codec_whitelist", decoders, "-max_pixels", &pixels, "-i"].map(OsString::from));
    // The protocol is named so that no path is taken for an option or another protocol.
    let mut named = OsString::from("file:");
    named.push(input);
    arguments.push(named);
    arguments
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
        let mut child = command.spawn().map_err(|e| VisionError::io(Path::new(name), "run", e))?;
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
        if status.is_some_and(ran_out_of_time) {
            let seconds = self.seconds * THREADS;
            return Err(VisionError::TimedOut { file: self.file.clone(), program: self.name, seconds });
        }
        // That a sound is not decoded is as it should be, and says nothing of the video.
        // A library of Debian's warns that it cannot lock memory, and locks none for a video.
        let told = messages.lines().filter(|line| !line.contains("using insecure memory"));
        let (refused, others): (Vec<&str>, Vec<&str>) = told.partition(|line| line.contains("not on whitelist"));
        match (status, others.iter().find(|line| !line.contains("message repeated")).or(refused.last())) {
            (Some(status), _) if status.success() => Ok(()),
            (_, Some(message)) if refused.contains(message) => {
                let codec = message.split(['(', ')']).nth(1).unwrap_or("something rare");
                Err(VisionError::video(
                    &self.file,
                    format!("a stream of it is coded as {codec}, which is not decoded here"),
                ))
            }
            (_, Some(message)) if message.contains("Cannot allocate memory") => {
                let gigabytes = MEMORY >> 30;
                let what = format!("{} would take more than the {gigabytes} GB of memory that it may", self.name);
                Err(VisionError::video(&self.file, what))
            }
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

/// Whether the limit of time on the processor ended a program; a sandbox tells it as 128 and the signal's number.
fn ran_out_of_time(status: ExitStatus) -> bool {
    const SIGXCPU: i32 = 24;
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    signal == Some(SIGXCPU) || status.code() == Some(128 + SIGXCPU)
}

impl Drop for Program {
    fn drop(&mut self) {
        self.done = None;
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}
