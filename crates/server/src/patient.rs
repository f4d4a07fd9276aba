//! A connection whose other end may take so long to read an answer and no longer: who asks and does not read would hold its
//! place for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What is written at one go, a few hundred kilobytes at most, is to be read within this: a slow line takes some seconds.
const READING: Duration = Duration::from_secs(30);

/// A stream that fails once what was written to it is not read for too long.
pub struct Patient<S> {
    stream: S,
    /// How long what is written may take to be read.
    patience: Duration,
    /// When it is too late; set while something is left that could not be written.
    late: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// The same stream, watched.
    pub fn new(stream: S) -> Patient<S> {
        Patient { stream, patience: READING, late: None }
    }

    /// `polled`, or that it took too long. Parts that go through do not buy more time, for one byte would every so often.
    fn watched<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        let patience = self.patience;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(patience)));
        late.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watched(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = polled {
            self.late = None;
        }
        self.watched(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watched(context, polled)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Writes a hundred bytes through a pipe of eight, of which the other end reads one every so often.
    async fn written(every: Duration, patience: Duration) -> io::Result<()> {
        let (ours, mut theirs) = duplex(8);
        let reading = tokio::spawn(async move {
            while theirs.read_u8().await.is_ok() {
                sleep(every).await;
            }
        });
        let mut stream = Patient { patience, ..Patient::new(ours) };
        stream.write_all(&[7; 100]).await?;
        let flushed = stream.flush().await;
        reading.abort();
        flushed
    }

    #[tokio::test]
    async fn who_does_not_read_or_reads_a_byte_now_and_then_is_let_go() {
        let (short, hour) = (Duration::from_millis(20), Duration::from_secs(3600));
        assert!(written(Duration::ZERO, hour).await.is_ok());
        // A byte each millisecond is nearly a hundred milliseconds; a busy machine makes it more.
        for slow in [Duration::from_millis(1), hour] {
            assert_eq!(written(slow, short).await.unwrap_err().kind(), io::ErrorKind::TimedOut, "{slow:?}");
        }
    }

    #[tokio::test]
    async fn each_answer_has_its_own_time() {
        let (ours, mut theirs) = duplex(8);
        let mut stream = Patient::new(ours);
        for _ in 0..3 {
            assert!(stream.late.is_none(), "nothing waits to be read");
            let mut both = tokio::spawn(async move {
                stream.write_all(&[7; 50]).await.unwrap();
                let waited = stream.late.is_some();
                stream.flush().await.unwrap();
                (stream, waited)
            });
            // The pipe is full before anything is read.
            assert!(tokio::time::timeout(Duration::from_millis(1), &mut both).await.is_err());
            theirs.read_exact(&mut [0; 50]).await.unwrap();
            let waited;
            (stream, waited) = both.await.unwrap();
            assert!(waited, "somebody was waited for");
        }
    }
}
