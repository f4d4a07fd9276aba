//! Connections: how many, how patient, and how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::patient::Patient;
use crate::places::Places;

/// Connections at once.
const CONNECTIONS: usize = 512;
/// The last of these have to be quick, so that there is always room soon.
const RESERVED: usize = 128;
/// Connections of one network.
const EACH: usize = 128;
/// A client that takes longer to say what it wants is let go.
const HEADERS: Duration = Duration::from_secs(10);
const HEADERS_RESERVED: Duration = Duration::from_secs(2);
/// What is under way when the server is told to stop has this long.
const ENDING: Duration = Duration::from_secs(5);
/// What one hears that has too many connections.
const ENOUGH: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 46\r\n\
    Content-Type: text/plain\r\n\r\ntoo many connections from this network at once";

/// Goes with a request that came in on one of the last connections: it gets its answer, and nothing that lasts.
#[derive(Debug, Clone, Copy)]
pub struct Hurried;

/// Accepts connections until `stop` is there.
pub async fn serve(listener: TcpListener, routes: Router, stop: impl Future<Output = ()>) {
    let (room, graceful) = (Arc::new(Semaphore::new(CONNECTIONS)), GracefulShutdown::new());
    let networks = Places::new(CONNECTIONS, EACH);
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, from, place)) = accepted else { continue };
        let Some(share) = networks.take(from.ip()) else {
            let _ = stream.try_write(ENOUGH); // whether it is heard or not, the connection ends
            continue;
        };
        let is_hurried = room.available_permits() < RESERVED;
        let routes = routes.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(from));
            if is_hurried {
                request.extensions_mut().insert(Hurried);
            }
            routes.clone().oneshot(request)
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        let headers = if is_hurried { HEADERS_RESERVED } else { HEADERS };
        builder.timer(TokioTimer::new()).header_read_timeout(headers).keep_alive(!is_hurried);
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(Patient::new(stream)), service));
        tokio::spawn(async move {
            let _ = connection.await; // a client that went away is no fault
            drop((place, share));
        });
    }
    let _ = tokio::time::timeout(ENDING, graceful.shutdown()).await;
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, from)) => Some((stream, from, place)),
        Err(_) => {
            // Out of file handles, most likely: a moment later some are free again.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
