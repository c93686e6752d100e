//! `docs/operations.md` has every figure and every error, and none that is not there.

use super::*;
use std::collections::BTreeSet;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
const ERRORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kv-api/src/error.rs");

/// The first cells of the table between two marks, without their backquotes.
fn listed(name: &str) -> Vec<String> {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once(&format!("<!-- {name} -->")).unwrap_or_else(|| panic!("no mark of {name}"));
    let (table, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap_or_else(|| panic!("no end of {name}"));
    table.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| row.split('`').next().unwrap().into()).collect()
}

/// As the table has a figure.
fn row(figure: &kv_api::Figure) -> String {
    let kind = match figure.kind {
        kv_api::FigureKind::Counter => "counter",
        kv_api::FigureKind::Gauge => "gauge",
    };
    format!("| `{}` | {kind}, {} | {} |", figure.name, figure.unit, figure.description)
}

#[tokio::test]
async fn every_figure_is_explained() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    let page = std::fs::read_to_string(PAGE).unwrap();
    let figures = store.statistics().figures;
    let rows: Vec<_> = figures.iter().map(row).collect();
    let missing: Vec<_> = rows.iter().filter(|row| !page.contains(row.as_str())).map(String::as_str).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks, between the marks of figures:\n{}", missing.join("\n"));
    let names: BTreeSet<_> = figures.iter().map(|figure| figure.name.to_owned()).collect();
    let listed: BTreeSet<_> = listed("figures").into_iter().collect();
    assert_eq!(listed, names, "a figure that is listed and not there");
    Ok(())
}

#[test]
fn every_error_has_its_advice() {
    let source = std::fs::read_to_string(ERRORS).unwrap();
    let (_, variants) = source.split_once("pub enum Error {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let starts = variants
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(char::is_uppercase));
    let names: Vec<String> = starts.map(|line| line.split([' ', ',', '{']).next().unwrap().to_owned()).collect();
    assert!(names.len() > 20, "{names:?}");
    assert_eq!(listed("errors"), names, "in the order of kv-api's source");
}
