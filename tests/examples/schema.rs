//! The rows that examples print against the page that lists their fields.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Types of fields by name, as the page gives them; those of every row apart.
fn page() -> (BTreeMap<String, Vec<String>>, Vec<String>) {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/output.md")).unwrap();
    let (mut fields, mut common, mut section) = (BTreeMap::new(), Vec::new(), "");
    for line in text.lines() {
        section = line.strip_prefix("## ").unwrap_or(section);
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, types, meaning, _] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|n| n.strip_suffix('`')) else { continue };
        assert!(!meaning.is_empty(), "{name} has no meaning");
        let types: Vec<String> = types.split(" or ").map(String::from).collect();
        for kind in &types {
            assert!(["integer", "number", "string", "boolean", "object", "array", "null"].contains(&kind.as_str()), "{name}: {kind}");
        }
        if section == "In every row" {
            common.push(name.to_string());
        }
        assert!(fields.insert(name.to_string(), types).is_none(), "{name} is listed twice");
    }
    (fields, common)
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_u64() || value.as_f64().is_some_and(|v| v >= 9e15),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => value.is_null(),
    }
}

#[test]
fn the_page_names_the_common_fields() {
    let (fields, common) = page();
    assert_eq!(common.len(), 11);
    assert!(fields.len() > 100 && common.iter().all(|name| fields.contains_key(name)));
}

/// `.ci/examples` puts what the examples print into the folder `ONESTEP_ROWS`.
#[test]
#[ignore = "reads rows that .ci/examples has written"]
fn rows_are_as_the_page_says() {
    let (fields, common) = page();
    let folder = std::env::var("ONESTEP_ROWS").expect("ONESTEP_ROWS names the folder of rows");
    let mut examples = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let shown = path.display();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = 0;
        if path.extension().is_some_and(|e| e == "csv") {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let header = reader.headers().unwrap().clone();
            assert!(header.iter().all(|name| fields.contains_key(name)), "{shown}: {header:?}");
            assert!(common.iter().all(|name| header.iter().any(|h| h == name)), "{shown}: {header:?}");
            // The reader refuses records of another length.
            for record in reader.records() {
                lines += record.unwrap().len().min(1);
            }
        } else {
            for line in text.lines() {
                let row: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{shown}: {e}: {line}"));
                let row = row.as_object().unwrap();
                for (name, value) in row {
                    let types = fields.get(name).unwrap_or_else(|| panic!("{shown}: {name} is not on the page"));
                    assert!(types.iter().any(|kind| is_of(value, kind)), "{shown}: {name} is {value}, not {types:?}");
                }
                for name in &common {
                    assert!(row.contains_key(name), "{shown}: no {name} in {line}");
                }
                examples.insert(row["example"].as_str().unwrap().to_string());
                lines += 1;
            }
            let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert!(text.lines().rev().skip(1).all(|line| line.ends_with("\"summary\":null}")), "{shown}: a summary before the last row");
            assert!(last.get("summary").is_some(), "{shown}");
        }
        assert!(lines > 0, "{shown} holds no rows");
    }
    assert!(examples.len() >= 10, "{examples:?}");
}
