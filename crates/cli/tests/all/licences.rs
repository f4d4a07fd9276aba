//! What the workspace is built from: every dependency comes from crates.io under a licence that `deny.toml` allows.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A dependency under another licence, or from elsewhere, as `cargo metadata` tells it; none if it may be used.
fn objection(package: &Value, allowed: &[String]) -> Option<String> {
    let of = |key: &str| package[key].as_str().unwrap_or_default();
    let name = format!("{} {}", of("name"), of("version"));
    if of("source") != REGISTRY {
        return Some(format!("{name} comes from {:?}", of("source")));
    }
    let Ok(licence) = Expression::parse_mode(of("license"), ParseMode::LAX) else {
        return Some(format!("{name} states no licence expression: {:?}", of("license")));
    };
    let may = licence.evaluate(|requirement| allowed.contains(&requirement.to_string()));
    (!may).then(|| format!("{name} is under {licence}"))
}

fn allowed(root: &Path) -> Vec<String> {
    let deny: toml::Table = std::fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap();
    deny["licenses"]["allow"].clone().try_into().unwrap()
}

#[test]
fn every_dependency_comes_from_the_registry_under_an_allowed_licence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let own = metadata["workspace_members"].as_array().unwrap();
    let dependencies: Vec<_> =
        metadata["packages"].as_array().unwrap().iter().filter(|package| !own.contains(&package["id"])).collect();
    assert!(dependencies.len() > 100, "{} dependencies", dependencies.len());
    let objections: Vec<_> = dependencies.iter().filter_map(|package| objection(package, &allowed(&root))).collect();
    assert_eq!(objections, Vec::<String>::new());
}

#[test]
fn another_licence_or_another_source_is_objected_to() {
    let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned()];
    let package = |licence: &str, source: &str| serde_json::json!({ "name": "x", "version": "1.0.0", "license": licence, "source": source });
    assert_eq!(objection(&package("MIT/Apache-2.0", REGISTRY), &allowed), None);
    assert_eq!(objection(&package("GPL-3.0-only OR MIT", REGISTRY), &allowed), None);
    for (licence, source) in [("GPL-3.0-only", REGISTRY), ("MIT AND ISC", REGISTRY), ("", REGISTRY), ("MIT", "git+x")] {
        assert!(objection(&package(licence, source), &allowed).is_some(), "{licence} from {source}");
    }
}
