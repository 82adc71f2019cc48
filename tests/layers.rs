//! The layers of `lib.rs`, held against the imports: data flows one way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rows of the table in `lib.rs`: a module, and the modules that it may name.
fn layers() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(source("lib.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[0].trim_end_matches("`]").to_owned();
        let knows = cells[2].split(", ").map(str::to_owned).filter(|name| name != "nothing");
        (name, knows.collect())
    })
    .collect()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries.flat_map(|entry| files(&entry.unwrap().path())).collect()
}

/// The modules of the crate that a file names in its code.
fn named(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

#[test]
fn a_module_names_only_those_that_its_row_allows() {
    let layers = layers();
    assert_eq!(layers.len(), 10, "one row for each module: {layers:?}");
    for (module, knows) in &layers {
        let (file, folder) = (source(&format!("{module}.rs")), source(module));
        let path = if folder.is_dir() { folder } else { file };
        for file in files(&path) {
            // What a test needs to make its data is no dependency.
            if file.ends_with("tests.rs") {
                continue;
            }
            for name in named(&file) {
                let is_allowed = name == *module || knows.contains(&name);
                assert!(is_allowed, "{} names `{name}`, which is not below it", file.display());
            }
        }
    }
}

#[test]
fn libraries_keep_to_their_layer() {
    let homes = [
        ("aws_sdk_ivsrealtime", vec!["api"]),
        ("aws_config", vec!["api"]),
        ("deltalake_core", vec!["lake"]),
        ("datafusion", vec!["query", "lake/snapshot/"]),
        ("axum", vec!["sim"]),
        ("clap", vec!["cli"]),
        ("clap_complete", vec!["cli"]),
        ("reedline", vec!["cli/prompt"]),
        ("indicatif", vec!["cli"]),
    ];
    for file in files(&source("")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let place = file.strip_prefix(source("")).unwrap().display().to_string();
        for (library, homes) in &homes {
            let is_named = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains(&format!("{library}::")));
            let is_home = homes.iter().any(|home| place.starts_with(home));
            assert!(!is_named || is_home, "{place} names `{library}`");
        }
    }
}
