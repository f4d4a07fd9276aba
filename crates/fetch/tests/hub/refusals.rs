//! Who may see what, where a token goes, and what names may be.

use plimsoll_fetch::{FetchError, Hub, HubOptions, Token};

use crate::client::{Client, bytes, mock, options};
use crate::mock::{Fault, Mock};

/// The answer to every request, with the code that the hub gives.
fn answering(status: u16, code: &'static str) -> Mock {
    let mock = mock();
    mock.script(move |_, _| Some(Fault::Says(status, vec![("X-Error-Code", code.to_owned())], "")));
    mock
}

#[test]
fn a_gated_model_says_where_its_terms_are_accepted() {
    let mock = answering(401, "GatedRepo");
    let error = Client::of(&mock).pull().unwrap_err().to_string();
    assert!(error.contains(&format!("{}/org/name", mock.endpoint)) && error.contains("and a token"), "{error}");
    let mock = answering(403, "GatedRepo");
    let error = Client::with_token(&mock).pull().unwrap_err().to_string();
    assert!(error.contains("with the account of the token") && !error.contains("hf_secret"), "{error}");
    assert_eq!(mock.requests().len(), 1, "it is not asked again");
}

#[test]
fn refusals_are_told_apart() {
    let told = |status, code, token| {
        let mock = answering(status, code);
        let client = if token { Client::with_token(&mock) } else { Client::of(&mock) };
        client.plan().unwrap_err()
    };
    assert!(matches!(told(401, "", false), FetchError::Unknown { token_given: false, .. }));
    assert!(matches!(told(401, "RepoNotFound", false), FetchError::Unknown { token_given: false, .. }));
    assert!(matches!(told(401, "", true), FetchError::Unknown { token_given: true, .. }));
    assert!(matches!(told(401, "RepoNotFound", true), FetchError::NotFound { what: "repository", .. }));
    assert!(matches!(told(404, "RevisionNotFound", false), FetchError::NotFound { what: "revision", .. }));
    assert!(matches!(told(404, "EntryNotFound", false), FetchError::NotFound { what: "file", .. }));
    assert!(matches!(told(403, "", true), FetchError::Refused { status: 403, .. }));
    assert!(matches!(told(418, "", false), FetchError::Refused { status: 418, .. }));
}

#[test]
fn a_token_goes_to_the_hub_and_to_nobody_else() {
    let (mock, cdn) = (mock(), mock());
    mock.change(|inside| inside.cdn = Some(cdn.endpoint.clone()));
    let mut client = Client::with_token(&mock);
    let pulled = client.pull().unwrap();
    client.assert_whole(&mock, &pulled);
    assert!(mock.requests().iter().all(|request| request.header("authorization") == Some("Bearer hf_secret")));
    assert!(cdn.requests().len() > 4);
    assert!(cdn.requests().iter().all(|request| request.header("authorization").is_none()));
    assert!(cdn.requests().iter().all(|request| request.header("accept-encoding") == Some("identity")));
}

#[test]
fn a_token_is_not_sent_unencrypted_and_never_shown() {
    let token = || Token::new("hf_secret").unwrap();
    let error = Hub::new("http://hub.example", HubOptions { token: Some(token()), ..options() }).unwrap_err();
    assert!(matches!(error, FetchError::OpenToken { .. }) && !format!("{error} {error:?}").contains("hf_secret"));
    let hub = Hub::new("https://hub.example", HubOptions { token: Some(token()), ..options() }).unwrap();
    assert!(!format!("{hub:?}").contains("hf_secret"), "{hub:?}");
    assert!(Hub::new("http://hub.example", options()).is_ok(), "a mirror in the house, without a token");
}

#[test]
fn redirects_are_followed_within_reason() {
    let mock = mock();
    let to = |location: &'static str| move || Some(Fault::Says(302, vec![("Location", location.to_owned())], ""));
    let once = to("/org/name/resolve/main/config.json");
    mock.script(
        move |request, _| if request.path.contains("c0ffee") && request.is_for("config.json") { once() } else { None },
    );
    let pulled = Client::of(&mock).pull().unwrap();
    assert!(pulled.folder.ends_with(mock.commit()));
    let round = to("/round");
    mock.script(move |_, _| round());
    let before = mock.requests().len();
    let error = Client::of(&mock).plan().unwrap_err();
    assert!(error.to_string().contains("one redirect too many"), "{error}");
    assert_eq!(mock.requests().len() - before, 6);
    let file = to("file:///etc/passwd");
    mock.script(move |_, _| file());
    assert!(Client::of(&mock).plan().unwrap_err().to_string().contains("only https and http"));
    mock.script(|_, _| Some(Fault::Says(302, Vec::new(), "")));
    assert!(Client::of(&mock).plan().unwrap_err().to_string().contains("does not say where"));
}

#[test]
fn a_signed_address_is_not_shown() {
    let (mock, cdn) = (mock(), mock());
    mock.change(|inside| inside.cdn = Some(cdn.endpoint.clone()));
    cdn.script(|_, _| Some(Fault::Says(403, Vec::new(), "")));
    let error = Client::of(&mock).pull().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
}

#[test]
fn hostile_names_are_refused_where_they_would_be_files_and_are_nothing_elsewhere() {
    for name in ["../../../x-Q4_K_M.gguf", "/tmp/x-Q4_K_M.gguf", "a\\..\\x-Q4_K_M.gguf", "C:x-Q4_K_M.gguf", "nul.gguf"]
    {
        let mock = Mock::new(&[(name, bytes(10), true)]);
        let client = Client::of(&mock);
        let error = client.plan().unwrap_err();
        assert!(matches!(error, FetchError::HostileName(_)), "{name}: {error}");
        assert_eq!(mock.requests().len(), 1, "the listing alone");
        assert!(!client.cache.folder("org/name").exists(), "nothing was written");
    }
    let mock = mock();
    mock.change(|inside| {
        let file = inside.files["config.json"].clone();
        inside.files.insert("../../evil.py".to_owned(), file);
    });
    assert!(Client::of(&mock).pull().is_ok(), "what is not needed is not looked at");
}

#[test]
fn a_listing_that_is_none_is_refused_with_its_address() {
    let mock = mock();
    for text in ["<html>", "{\"sha\":\"../..\",\"siblings\":[]}", "{}"] {
        mock.script(move |_, _| Some(Fault::Says(200, Vec::new(), text)));
        let error = Client::of(&mock).plan().unwrap_err();
        assert!(matches!(error, FetchError::Answer { .. }), "{text}: {error}");
        assert!(error.to_string().starts_with(&mock.endpoint), "{error}");
    }
}
