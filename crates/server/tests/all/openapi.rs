//! The description of the API, held against what the API answers.

use crate::running::{Running, running};
use serde_json::{Value, json};

fn answer(server: &Running, path: &str) -> Value {
    let answer = server.get(path);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
}

/// The schema of a route's answer with this status, whole: with everything that it refers to.
fn schema(description: &Value, path: &str, status: &str) -> Value {
    let body = &description["paths"][path]["get"]["responses"][status]["content"]["application/json"]["schema"];
    assert!(body.is_object(), "{path} {status}");
    let mut whole = body.clone();
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    whole["components"] = description["components"].clone();
    whole
}

#[test]
fn every_answer_is_as_the_description_says() {
    let server = running();
    let description = answer(&server, "/api/openapi.json");
    assert_eq!(description["openapi"], "3.1.0");
    let paths = description["paths"].as_object().unwrap();
    let record = format!("/api/v1/records/{}", server.comparison);
    let asked = [
        ("/api/v1/models", "200", "/api/v1/models?device=rpi5-8gb"),
        ("/api/v1/models", "400", "/api/v1/models?use=war"),
        ("/api/v1/models", "400", "/api/v1/models?users=99999999999999999999"),
        ("/api/v1/models", "400", "/api/v1/models?use=research&use=internal"),
        ("/api/v1/models/{id}", "400", "/api/v1/models/%ff"),
        ("/api/v1/models/{id}", "200", "/api/v1/models/demo-large"),
        ("/api/v1/models/{id}", "200", "/api/v1/models/HuggingFaceTB/SmolLM3-3B?device=pixel-10"),
        ("/api/v1/models/{id}", "404", "/api/v1/models/nobody"),
        ("/api/v1/comparisons", "200", "/api/v1/comparisons"),
        ("/api/v1/compare/{pair}", "200", "/api/v1/compare/demo-small-vs-demo-large?need=memory%3C2GB"),
        ("/api/v1/compare/{pair}", "404", "/api/v1/compare/smollm3-vs-demo-large"),
        ("/api/v1/records/{id}", "200", &record),
        ("/api/v1/records/{id}", "404", "/api/v1/records/0000"),
        ("/api/v1/records/{id}", "400", "/api/v1/records/%ff"),
        ("/api/v1/compare/{pair}", "400", "/api/v1/compare/%ff?use=research"),
        ("/api/v1/digest", "200", "/api/v1/digest"),
    ];
    for (path, status, address) in asked {
        let response = server.get(address);
        assert_eq!(response.status.to_string(), status, "{address}");
        let schema = jsonschema::validator_for(&schema(&description, path, status)).unwrap();
        let value: Value = serde_json::from_str(&response.body).unwrap();
        let faults: Vec<String> =
            schema.iter_errors(&value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{address}: {faults:?}");
    }
    let missed: Vec<&String> = paths.keys().filter(|path| !asked.iter().any(|(asked, ..)| asked == path)).collect();
    assert!(missed.is_empty(), "described and not asked here: {missed:?}");
}

#[test]
fn a_value_that_the_description_allows_is_taken_and_one_beyond_it_is_not() {
    let server = running();
    let description = answer(&server, "/api/openapi.json");
    let parameters = description["paths"]["/api/v1/models"]["get"]["parameters"].as_array().unwrap();
    let status = |name: &str, value: &str| server.get(&format!("/api/v1/models?{name}={value}")).status;
    for parameter in parameters {
        let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
        for value in schema["enum"].as_array().into_iter().flatten().take(4) {
            assert_eq!(status(name, value.as_str().unwrap()), 200, "{name}={value}");
        }
        if schema["enum"].is_array() {
            assert_eq!(status(name, "something-else"), 400, "{name}");
        }
        if let (Some(least), Some(most)) = (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            assert_eq!((status(name, &least.to_string()), status(name, &most.to_string())), (200, 200), "{name}");
            assert_eq!((status(name, "-1"), status(name, &(most + 1).to_string())), (400, 400), "{name}");
        }
    }
    let long = "9".repeat(400);
    for (name, good, bad) in
        [("decode", "12.5", &*long), ("memory", "512MB", &*long), ("accuracy", "99.5", "101"), ("region", "de", "dex")]
    {
        let schema = &parameters.iter().find(|one| one["name"] == name).unwrap()["schema"];
        let schema = jsonschema::validator_for(schema).unwrap();
        assert!(schema.is_valid(&json!(good)) && !schema.is_valid(&json!(bad)), "{name}");
        assert_eq!((status(name, good), status(name, bad)), (200, 400), "{name}");
    }
}

#[test]
fn an_answer_that_lacks_something_is_told_from_one_that_does_not() {
    let server = running();
    let description = answer(&server, "/api/openapi.json");
    let schema = jsonschema::validator_for(&schema(&description, "/api/v1/compare/{pair}", "200")).unwrap();
    let report = answer(&server, "/api/v1/compare/demo-large-vs-demo-small");
    assert!(schema.is_valid(&report));
    for pointer in
        ["/judgement/reviews/0/opinions/0", "/models/0/quality/overall/rate", "/device", "/background/0/terms"]
    {
        let mut damaged = report.clone();
        *damaged.pointer_mut(pointer).unwrap() = json!({});
        assert!(!schema.is_valid(&damaged), "{pointer}");
    }
}

#[test]
fn no_answer_is_left_without_a_schema() {
    let description = answer(&running(), "/api/openapi.json");
    let schemas = description["components"]["schemas"].as_object().unwrap();
    assert!(schemas.len() > 60, "{}", schemas.len());
    for (name, schema) in schemas {
        let says =
            ["properties", "enum", "oneOf", "anyOf", "const", "$ref"].iter().any(|key| schema.get(key).is_some());
        let is_plain = schema["type"].as_str().is_some_and(|kind| kind != "object");
        assert!(says || is_plain, "{name}: {schema}");
    }
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let name = reference.strip_prefix("#/components/schemas/").unwrap_or_else(|| panic!("{reference}"));
        assert!(schemas.contains_key(name), "{reference} leads nowhere");
    }
}
