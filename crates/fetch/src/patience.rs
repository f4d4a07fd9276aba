//! How long is waited, how often something is tried, and how somebody says to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::error::FetchError;

/// How soon a wait notices that it is to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// How long is waited for a server.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte; then the connection is given up for a new one.
    pub stall: Duration,
    /// How often in a row something is tried that brings nothing.
    pub tries: u32,
    /// Before the second try; doubled for each further one.
    pub first_wait: Duration,
    /// Longest that is waited between two tries; who asks for longer is not asked again.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            tries: 6,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(300),
        }
    }
}

impl Patience {
    /// How long to wait before the try after `failed` ones, of which `error` was the last; `None` where it is given up.
    pub fn wait(&self, failed: u32, error: &FetchError) -> Option<Duration> {
        if !error.is_passing() || failed >= self.tries {
            return None;
        }
        let own = self.first_wait.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(self.longest_wait);
        match error.after() {
            Some(asked) if asked > self.longest_wait => None,
            Some(asked) => Some(asked.max(own)),
            None => Some(own),
        }
    }
}

/// A flag with which another thread says to stop. Clones are the same flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Says to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody did.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// [`FetchError::Cancelled`] where somebody did.
    pub(crate) fn check(&self) -> Result<(), FetchError> {
        if self.is_cancelled() { Err(FetchError::Cancelled) } else { Ok(()) }
    }

    /// Waits, unless somebody says to stop.
    pub(crate) fn sleep(&self, time: Duration) -> Result<(), FetchError> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(GLANCE));
        }
    }
}

/// The header `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    fn busy(after: Option<u64>) -> FetchError {
        let address = Address::parse("https://hub.example").unwrap();
        FetchError::Busy { address, status: 429, after: after.map(Duration::from_secs) }
    }

    #[test]
    fn waits_double_and_a_server_is_obeyed_within_reason() {
        let patience = Patience::default();
        let wait = |failed, error| patience.wait(failed, &error).map(|wait| wait.as_millis());
        assert_eq!((wait(1, busy(None)), wait(3, busy(None))), (Some(500), Some(2000)));
        assert_eq!(wait(1, busy(Some(7))), Some(7000));
        assert_eq!(wait(1, busy(Some(3600))), None, "nobody sits before a terminal for an hour");
        assert_eq!(wait(6, busy(None)), None);
        assert_eq!(wait(1, FetchError::Cancelled), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 12"), Some(Duration::from_secs(12)));
        assert_eq!(retry_after("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!((90..=100).contains(&retry_after(&soon).unwrap().as_secs()));
        assert_eq!(retry_after("soon"), None);
    }
}
