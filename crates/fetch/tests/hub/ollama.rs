//! Ollama's store and registry.

use std::fs;
use std::path::Path;

use plimsoll_fetch::{
    Cancel, FetchError, LayerKind, OllamaReference, OllamaRegistry, OllamaStore, Reference, State, Want,
};
use serde_json::json;

use crate::client::{Client, LARGE, bytes, mock, options};
use crate::mock::{Fault, File, Mock};

fn reference(text: &str) -> OllamaReference {
    match text.parse().unwrap() {
        Reference::Ollama(ollama) => ollama,
        Reference::Hub(_) => panic!("{text}"),
    }
}

/// A registry with the model `tiny`, whose blobs are elsewhere.
fn registry() -> (Mock, Mock) {
    let files = [
        ("model", bytes(LARGE)),
        ("template", b"{{ .Prompt }}".to_vec()),
        ("params", b"{\"temperature\":0.2}".to_vec()),
        ("license", b"Apache".to_vec()),
    ];
    let files: Vec<_> = files.into_iter().map(|(kind, bytes)| (kind, File::new(bytes, true))).collect();
    let layer = |media: String, file: &File| json!({ "mediaType": media, "digest": format!("sha256:{}", file.sha256), "size": file.bytes.len() });
    let layers: Vec<_> =
        files.iter().map(|(kind, file)| layer(format!("application/vnd.ollama.image.{kind}"), file)).collect();
    let config = File::new(b"{\"model_format\":\"gguf\"}".to_vec(), true);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": layer("application/vnd.docker.container.image.v1+json".to_owned(), &config), "layers": layers,
    });
    let (registry, blobs) = (Mock::new(&[]), Mock::new(&[]));
    blobs.change(|inside| {
        for file in files.iter().map(|(_, file)| file).chain([&config]) {
            inside.files.insert(file.sha256.clone(), file.clone());
        }
    });
    let manifest: &'static str = manifest.to_string().leak();
    let cdn = blobs.endpoint.clone();
    registry.script(move |request, _| {
        if request.path == "/v2/library/tiny/manifests/latest" {
            assert!(request.header("accept").unwrap().contains("docker"));
            return Some(Fault::Says(200, Vec::new(), manifest));
        }
        let blob = request.path.strip_prefix("/v2/library/tiny/blobs/sha256:");
        Some(match blob {
            Some(blob) => Fault::Says(307, vec![("Location", format!("{cdn}/cdn/{blob}?Signature=secret"))], ""),
            None => Fault::Says(404, Vec::new(), ""),
        })
    });
    (registry, blobs)
}

fn pull(registry: &Mock, store: &Path) -> Result<plimsoll_fetch::OllamaModel, FetchError> {
    let (asked, store) = (OllamaRegistry::new(&registry.endpoint, options()).unwrap(), OllamaStore::at(store));
    let plan = asked.plan(&reference("ollama:tiny"), &store, &Cancel::default())?;
    asked.pull(&plan, &store, &mut |_| {}, &Cancel::default())
}

#[test]
fn a_model_is_pulled_into_the_layout_of_ollama_and_read_from_it() {
    let ((registry, blobs), dir) = (registry(), tempfile::tempdir().unwrap());
    let store = OllamaStore::at(dir.path());
    assert_eq!(store.find(&reference("ollama:tiny")).unwrap(), None);
    let pulled = pull(&registry, dir.path()).unwrap();
    assert_eq!(pulled.manifest, dir.path().join("manifests/registry.ollama.ai/library/tiny/latest"));
    assert!(fs::read(&pulled.weights).unwrap() == bytes(LARGE));
    assert_eq!(pulled.text(&LayerKind::Template).as_deref(), Some("{{ .Prompt }}"));
    assert_eq!(pulled.text(&LayerKind::Params).as_deref(), Some("{\"temperature\":0.2}"));
    assert_eq!((pulled.projector.as_ref(), pulled.text(&LayerKind::System)), (None, None));
    assert_eq!(store.models(), vec![pulled.clone()]);
    assert!(pulled.is_complete());
    let names: Vec<_> = fs::read_dir(dir.path().join("blobs")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(names.len() == 5 && names.iter().all(|name| name.len() == "sha256-".len() + 64), "{names:?}");
    let before = blobs.requests().len();
    let again = OllamaRegistry::new(&registry.endpoint, options()).unwrap();
    let plan = again.plan(&reference("ollama:tiny"), &store, &Cancel::default()).unwrap();
    assert!(plan.is_here() && plan.to_fetch() == 0);
    assert_eq!(pull(&registry, dir.path()).unwrap(), pulled);
    assert_eq!(blobs.requests().len(), before);
}

#[test]
fn a_model_has_its_name_only_when_all_of_it_is_there() {
    let ((registry, blobs), dir) = (registry(), tempfile::tempdir().unwrap());
    let weights = File::new(bytes(LARGE), true).sha256;
    blobs.script(move |request, nth| (request.is_for(&weights) && nth > 2).then(|| Fault::Says(403, Vec::new(), "")));
    pull(&registry, dir.path()).unwrap_err();
    let store = OllamaStore::at(dir.path());
    assert!(store.models().is_empty());
    blobs.script(|_, _| None);
    let plan = OllamaRegistry::new(&registry.endpoint, options()).unwrap();
    let plan = plan.plan(&reference("ollama:tiny"), &store, &Cancel::default()).unwrap();
    let State::Partly { bytes } = plan.layers.last().unwrap().state else { panic!("{:?}", plan.layers) };
    assert_eq!(plan.to_fetch(), LARGE as u64 - bytes);
    assert!(pull(&registry, dir.path()).unwrap().is_complete());
}

#[test]
fn there_is_no_such_model_and_no_such_manifest() {
    let ((registry, _blobs), dir) = (registry(), tempfile::tempdir().unwrap());
    let asked = OllamaRegistry::new(&registry.endpoint, options()).unwrap();
    let store = OllamaStore::at(dir.path());
    let error = asked.plan(&reference("ollama:other"), &store, &Cancel::default()).unwrap_err();
    assert!(error.to_string().contains("there is no such model"), "{error}");
    registry.script(|_, _| Some(Fault::Says(200, Vec::new(), "{\"layers\":[]}")));
    let error = asked.plan(&reference("ollama:tiny"), &store, &Cancel::default()).unwrap_err();
    assert!(error.to_string().contains("no weights"), "{error}");
}

#[test]
fn a_blob_that_two_models_have_stays_when_one_is_removed() {
    let ((registry, _blobs), dir) = (registry(), tempfile::tempdir().unwrap());
    let pulled = pull(&registry, dir.path()).unwrap();
    let other = pulled.manifest.with_file_name("other");
    let text = fs::read_to_string(&pulled.manifest).unwrap();
    let license = File::new(b"Apache".to_vec(), true).sha256;
    let without = text.replace(&license, &"0".repeat(64));
    fs::write(&other, without).unwrap();
    let store = OllamaStore::at(dir.path());
    assert_eq!(store.remove(&pulled).unwrap(), 6, "the licence alone");
    assert!(pulled.weights.is_file() && !pulled.manifest.exists());
    let [rest] = store.models().try_into().unwrap();
    assert!(!rest.is_complete(), "its licence was never there");
    fs::write(other.with_file_name("broken"), "{").unwrap();
    assert!(store.remove(&rest).is_err() && rest.weights.is_file(), "whose the blobs are cannot be said");
}

#[test]
fn what_ollama_has_is_not_fetched_from_the_hub_again() {
    let ((registry, _blobs), dir) = (registry(), tempfile::tempdir().unwrap());
    pull(&registry, dir.path()).unwrap();
    let store = OllamaStore::at(dir.path());
    let hub = mock();
    let mut client = Client::of(&hub);
    let listing = client.hub.listing(&client.reference, &client.cancel).unwrap();
    let find = |digest: &plimsoll_fetch::Digest| store.blob_of(digest);
    let plan = client.hub.plan(&listing, &Want::default(), &client.cache, &find, &client.cancel).unwrap();
    assert_eq!(plan.to_fetch(), 50);
    let pulled = client.do_plan(&plan, |_| {}).unwrap();
    client.assert_whole(&hub, &pulled);
    assert_eq!(hub.gets("model.safetensors").len(), 0);
}
