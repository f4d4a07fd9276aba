//! The same over TLS, with an authority of its own. In a process of its own: which authorities are trusted is said by
//! its environment, `SSL_CERT_FILE` as everywhere.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use plimsoll_fetch::{Cache, Cancel, Hub, HubOptions, Reference, Token, Want};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::client::{LARGE, bytes, mock, options};
use crate::mock::Mock;

/// Where the child finds the hub and its cache.
const HUB: &str = "PLIMSOLL_TEST_HUB";
const CACHE: &str = "PLIMSOLL_TEST_CACHE";

fn tls(file: &str) -> String {
    format!("{}/tests/hub/tls/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// What the child does: run by the other test, in a process of its own.
#[test]
#[ignore = "a child of the tests below"]
fn child() {
    let Ok(endpoint) = std::env::var(HUB) else { return };
    let token = Some(Token::new("hf_secret").unwrap());
    let hub = Hub::new(&endpoint, HubOptions { token, ..options() }).unwrap();
    let cache = Cache::at(std::env::var(CACHE).unwrap());
    let Ok(Reference::Hub(reference)) = "org/name".parse() else { unreachable!() };
    let cancel = Cancel::default();
    let listing = hub.listing(&reference, &cancel).unwrap_or_else(|error| panic!("{error}"));
    let plan = hub.plan(&listing, &Want::default(), &cache, &|_| None, &cancel).unwrap();
    hub.pull(&plan, &cache, &mut |_| {}, &cancel).unwrap();
}

/// The address at which `mock` is spoken to over TLS.
fn secured(mock: &Mock) -> String {
    let chain = vec![CertificateDer::from_pem_file(tls("localhost.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(tls("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mock = mock.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mock, connection) = (mock.clone(), ServerConnection::new(config.clone()).unwrap());
            thread::spawn(move || mock.serve(StreamOwned::new(connection, stream)));
        }
    });
    format!("https://localhost:{}", address.port())
}

fn pull(endpoint: &str, cache: &Path, authority: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "secure::child", "--ignored", "--nocapture"])
        .env(HUB, endpoint)
        .env(CACHE, cache)
        .env("SSL_CERT_FILE", tls(authority))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap()
}

#[test]
fn files_come_over_tls_and_a_token_with_them() {
    let (mock, cache) = (mock(), tempfile::tempdir().unwrap());
    let output = pull(&secured(&mock), cache.path(), "ca.pem");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let weights = Cache::at(cache.path()).snapshot("org/name", &mock.commit()).join("model.safetensors");
    assert!(std::fs::read(weights).unwrap() == bytes(LARGE));
    assert!(mock.requests().iter().all(|request| request.header("authorization") == Some("Bearer hf_secret")));
}

#[test]
fn an_authority_that_is_not_trusted_is_told_and_nothing_is_asked() {
    let (mock, cache) = (mock(), tempfile::tempdir().unwrap());
    // A certificate that is no authority's.
    let output = pull(&secured(&mock), cache.path(), "localhost.key");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("https://localhost:"), "{said}");
    assert!(said.contains("certificate"), "{said}");
    assert_eq!(mock.requests().len(), 0);
}

#[test]
fn another_name_than_the_certificate_has_is_refused() {
    let (mock, cache) = (mock(), tempfile::tempdir().unwrap());
    let endpoint = secured(&mock).replace("localhost", "127.0.0.1");
    let output = pull(&endpoint, cache.path(), "ca.pem");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("certificate"), "{said}");
    assert_eq!(mock.requests().len(), 0);
}
