//! The Helm chart, the image and their examples. What they look like is asked in Python (`tests/chart/`), with
//! the real Helm and Kubernetes' own schemas; here the program runs as the chart would have it.

mod mounted;

use std::path::Path;
use std::process::Command;

use crate::support::sidecar::Folder;

/// Python with what `make test` installs.
pub fn python() -> Command {
    let mut command = Command::new(std::env::var("OTP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned()));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart"));
    command.env("OTP_SIDECAR_BINARY", env!("CARGO_BIN_EXE_otp-sidecar"));
    command
}

/// Runs the checks of one file.
fn check(file: &str) {
    let cache = Folder::new();
    let output = python()
        .args(["-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", file])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Helm keeps what it was told of repositories; not here.
        .env("HELM_CACHE_HOME", cache.path())
        .env("HELM_CONFIG_HOME", cache.path())
        .env("HELM_DATA_HOME", cache.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" passed"), "nothing was checked: {said}");
}

#[test]
fn helm_and_kubernetes_take_every_variant_of_the_chart() {
    check("test_forms.py");
}

#[test]
fn the_objects_of_the_chart_say_what_they_should() {
    check("test_parts.py");
}

#[test]
fn the_chart_refuses_what_cannot_be_right() {
    check("test_refusals.py");
}

#[test]
fn the_chart_carries_the_shipped_rules_dashboards_and_policy() {
    check("test_shipped.py");
}

#[test]
fn a_pod_of_the_chart_has_the_time_to_end_in_order() {
    check("test_end.py");
}

#[test]
fn manifests_that_people_have_are_injected_with_the_sidecar_of_the_chart() {
    check("test_inject.py");
}

#[test]
fn the_examples_of_the_page_about_deploying_render() {
    check("test_documents.py");
}

#[test]
fn the_notes_of_an_installation_name_what_is_there() {
    check("test_notes.py");
}

#[test]
fn the_image_is_complete_and_the_compose_file_names_what_is_there() {
    check("test_image.py");
}
