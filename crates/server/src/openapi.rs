//! The description of `/api/v1` by OpenAPI 3.1, whose schemas are JSON Schema 2020-12 as the types themselves give them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use plimsoll_panel::digest::Digest;
use plimsoll_panel::pages::MOST_USERS;
use plimsoll_panel::store::Listed;
use plimsoll_panel::{Report, Sealed};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::api::{Error, Kept, Model, OneModel};
use crate::app::App;

/// A size; gigabytes where there is no unit.
const MEMORY: &str = r"^[0-9]{1,8}(\.[0-9]{1,6})?( ?(B|kB|MB|GB|KiB|MiB|GiB))?$";

/// What every question about models may carry: the fields of the form on the pages, with what each may hold.
fn demand_parameters(devices: &[&str]) -> Vec<Value> {
    let chosen = |names: &[&str]| json!({ "type": "string", "enum": names });
    let like = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    [
        ("use", "commercial where nothing is said", chosen(&["research", "internal", "commercial"])),
        ("users", "monthly users", json!({ "type": "integer", "minimum": 0, "maximum": MOST_USERS })),
        ("region", "two letters, or EU", like("^[A-Za-z]{2}$")),
        ("workload", "without it phone on a phone, else chat", chosen(&["chat", "batch", "phone"])),
        ("memory", "memory at most: gigabytes, or a size with its unit, such as 512MB", like(MEMORY)),
        ("decode", "decoded tokens per second at least", like(r"^[0-9]{1,9}(\.[0-9]{1,6})?$")),
        ("accuracy", "right answers at least, in per cent", like(r"^(100|[0-9]{1,2}(\.[0-9]{1,6})?)$")),
        (
            "need",
            "further needs, as `plimsoll compare --need` takes them: `prefill>100, start<2s`",
            json!({ "type": "string" }),
        ),
        ("device", "a device of the catalogue; without it the machine that answers", chosen(devices)),
    ]
    .map(|(name, about, schema)| parameter("query", name, about, schema))
    .to_vec()
}

/// `/api/openapi.json`
pub async fn openapi(State(app): State<Arc<App>>) -> Json<Value> {
    let devices: Vec<&str> =
        ["here"].into_iter().chain(app.catalog.devices().map(|device| device.id.as_str())).collect();
    Json(description(&devices))
}

fn description(devices: &[&str]) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.meta_schema = None;
        settings.definitions_path = "/components/schemas".into();
    });
    let mut schemas = settings.into_generator();
    let error = schemas.subschema_for::<Error>().to_value();
    let mut paths = Map::new();
    let mut route = |path: &str, about: &str, parameters: Vec<Value>, body: Value, refusals: &[(&str, &str)]| {
        let mut responses = Map::new();
        responses.insert("200".to_owned(), response("As asked", body));
        for (status, what) in refusals {
            responses.insert((*status).to_owned(), response(what, error.clone()));
        }
        responses.insert(
            "default".to_owned(),
            response("The token is missing, or there was too much at once", error.clone()),
        );
        let id = path.trim_start_matches("/api/v1/").replace(['/', '{', '}'], "_");
        let get = json!({
            "summary": about, "operationId": id.trim_matches('_'), "parameters": parameters, "responses": responses,
        });
        paths.insert(path.to_owned(), json!({ "get": get }));
    };
    let demand = || demand_parameters(devices);
    let text = || json!({ "type": "string", "minLength": 1 });
    let with = |name: &str, about: &str| {
        let mut all = vec![parameter("path", name, about, text())];
        all.extend(demand());
        all
    };
    let (bad, nobody) = (("400", "A field holds what it may not"), ("404", "No such model"));
    let changed = ("409", "Evidence is not what its hash says");
    route(
        "/api/v1/models",
        "Every model of the catalogue held against a device, with its licence and its last verdict.",
        demand(),
        list::<Model>(&mut schemas),
        &[bad],
    );
    route(
        "/api/v1/models/{id}",
        "One model: its card, its licence, what is predicted, what the panel says, and the comparisons that it was in.",
        with("id", "as in addresses, an alias, or a name on the hub"),
        schemas.subschema_for::<OneModel>().to_value(),
        &[bad, nobody, changed],
    );
    route(
        "/api/v1/comparisons",
        "Comparisons of this store, the latest first.",
        Vec::new(),
        list::<Listed>(&mut schemas),
        &[],
    );
    route(
        "/api/v1/compare/{pair}",
        "The latest comparison of two models with everything measured and what the panel says, as `plimsoll compare --json` \
         prints it.",
        with("pair", "`a-vs-b`, in either order"),
        schemas.subschema_for::<Sealed<Report>>().to_value(),
        &[bad, ("404", "Never compared here"), changed],
    );
    route(
        "/api/v1/records/{id}",
        "Any record by its id, checked against its hash: a measurement with its samples, a run, a comparison, a review.",
        vec![parameter("path", "id", "a hash", text())],
        schemas.subschema_for::<Kept>().to_value(),
        &[bad, ("404", "No such record"), changed],
    );
    route(
        "/api/v1/digest",
        "Verdicts that changed within a week.",
        Vec::new(),
        schemas.subschema_for::<Digest>().to_value(),
        &[changed],
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Measurements of open-weight models on this machine, and what a panel makes of them. The forms of \
                records are those of `plimsoll … --json`.",
        },
        "paths": paths,
        "components": { "schemas": schemas.take_definitions(true) },
    })
}

fn list<T: schemars::JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    json!({ "type": "array", "items": schemas.subschema_for::<T>() })
}

fn response(about: &str, schema: Value) -> Value {
    json!({ "description": about, "content": { "application/json": { "schema": schema } } })
}

fn parameter(place: &str, name: &str, about: &str, schema: Value) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "description": about, "schema": schema })
}
