//! Every rule, broken once on purpose.

use super::circles::circles;
use super::rules;
use super::source::{Map, Source};

fn broken_by(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
    rule(&[Source::new(path, text)])
}

#[track_caller]
fn assert_broken(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) {
    assert!(!broken_by(rule, path, text).is_empty(), "nothing was found in {path}:\n{text}");
}

#[track_caller]
fn assert_kept(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(broken_by(rule, path, text), Vec::<String>::new());
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    assert_broken(rules::imports, "store/memory.rs", "use crate::policy::snapshot::Route;");
    assert_broken(rules::imports, "store/memory.rs", "use crate::{domain::time::Timestamp, policy::Route};");
    assert_broken(rules::imports, "store/memory.rs", "use crate::{\n    domain,\n    policy as p,\n};");
    assert_broken(rules::imports, "store/memory.rs", "fn f(route: &crate::policy::snapshot::Route) {}");
    assert_broken(rules::imports, "store/mod.rs", "use super::policy::snapshot::Route;");
    assert_broken(rules::imports, "domain/code.rs", "pub use crate :: store :: contract;");
    assert_broken(rules::imports, "main.rs", "use otp_sidecar::store::contract;");
    assert_broken(rules::imports, "surprise.rs", "");
    assert_kept(rules::imports, "store/memory.rs", "use crate::{domain::time::Timestamp, telemetry};");
    assert_kept(rules::imports, "store/redis/keys.rs", "use super::policy;");
}

#[test]
fn what_comments_literals_and_tests_say_is_not_code() {
    assert_kept(rules::imports, "store/memory.rs", "// crate::policy\n/* crate::policy */ /// crate::policy");
    assert_kept(
        rules::imports,
        "store/memory.rs",
        r##"const A: &str = "crate::policy"; const B: &str = r#"" crate::policy"#;"##,
    );
    assert_kept(rules::imports, "store/memory.rs", "#[cfg(test)]\nmod tests {\n    use crate::policy::x;\n}");
    assert_kept(rules::imports, "store/memory/tests.rs", "use crate::policy::x;");
    assert_broken(rules::imports, "store/memory.rs", "const A: char = '\"'; use crate::policy::x;");
    assert_broken(rules::imports, "store/memory.rs", "const A: &str = \"\\\"\"; use crate::policy::x;");
    assert_broken(rules::imports, "store/memory.rs", "fn f<'a>(a: &'a str) { crate::policy::x(a) } // '");
    assert_broken(rules::imports, "store/memory.rs", "#[cfg(test)]\nmod tests;\nuse crate::policy::x;");
    assert_broken(
        rules::imports,
        "store/memory.rs",
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::policy::x;",
    );
}

fn circles_in(files: &[(&str, &str)]) -> Vec<String> {
    circles(&files.iter().map(|(path, text)| Source::new(path, text)).collect::<Vec<_>>())
}

#[test]
fn a_circle_is_found_over_several_files() {
    let (a, b) = (("proxy/a.rs", "use super::b::B;"), ("proxy/b.rs", "use crate::proxy::c::C;"));
    let found = circles_in(&[a, b, ("proxy/c.rs", "fn f(a: super::a::A) {}")]);
    assert_eq!(found, ["proxy/a.rs -> proxy/b.rs -> proxy/c.rs -> proxy/a.rs"]);
    assert!(circles_in(&[a, b, ("proxy/c.rs", "")]).is_empty());
    let tested = "#[cfg(test)]\nmod tests { use super::a::A; }\n// crate::proxy::a::A\npub(super) fn f() {}";
    assert!(circles_in(&[a, b, ("proxy/c.rs", tested)]).is_empty());
    assert!(circles_in(&[a, b, ("proxy/c/tests.rs", "use crate::proxy::a::A;")]).is_empty());
}

#[test]
fn a_folder_and_a_file_beside_it_can_be_a_circle() {
    let folder = ("policy/document/mod.rs", "mod tree;\nuse tree::Node;\nuse super::diagnostic::At;");
    let tree = ("policy/document/tree.rs", "use crate::policy::diagnostic::At;");
    let parent = ("policy/mod.rs", "pub mod diagnostic;\npub mod document;");
    let beside = |text| ("policy/diagnostic.rs", text);
    let named = circles_in(&[parent, folder, tree, beside("use super::document::File;")]);
    assert_eq!(named, ["policy/diagnostic.rs -> policy/document/mod.rs -> policy/diagnostic.rs"]);
    let inside = circles_in(&[parent, folder, tree, beside("use super::{document::tree::Node, x};")]);
    assert_eq!(inside, ["policy/diagnostic.rs -> policy/document/tree.rs -> policy/diagnostic.rs"]);
    assert!(circles_in(&[parent, folder, tree, beside("use super::source::File;")]).is_empty());
}

#[test]
fn a_circle_through_a_parent_is_found_unless_it_stays_in_its_folder() {
    let parent = ("enforce/mod.rs", "mod a;\nmod b;\nuse a::A;\nfn f() { self::b::f() }");
    let (a, b) = (("enforce/a.rs", "use super::Enforcer;"), ("enforce/b.rs", "use super::{Enforcer, a::A};"));
    assert!(circles_in(&[parent, a, b]).is_empty());
    let found = circles_in(&[parent, ("enforce/a.rs", "use super::{Enforcer, b};"), b]);
    assert_eq!(found, ["enforce/a.rs -> enforce/b.rs -> enforce/a.rs"]);
    let outside = ("enforcer.rs", "use crate::enforce::Enforcer;");
    let found = circles_in(&[parent, ("enforce/a.rs", "use crate::enforcer::X;"), outside]);
    assert_eq!(found, ["enforce/a.rs -> enforcer.rs -> enforce/mod.rs -> enforce/a.rs"]);
}

#[test]
fn effects_are_found_in_pure_modules_and_only_there() {
    for effect in [
        "use tokio::sync::mpsc;",
        "let now = std::time::SystemTime::now();",
        "let now = Instant::now();",
        "std::env::var(name)",
        "use std::fs;",
        "tracing::info!(x);",
        "rand::random()",
        "println!();",
        "use hyper::body;",
        "async fn f() {}",
    ] {
        assert_broken(rules::forbidden_words, "domain/code.rs", effect);
        assert_broken(rules::forbidden_words, "policy/verify.rs", effect);
        assert_kept(rules::forbidden_words, "server/data.rs", effect);
    }
    assert_broken(rules::forbidden_words, "domain/code.rs", "#[derive(serde::Serialize)]");
    assert_broken(rules::forbidden_words, "store/memory.rs", "use http::Method;");
    assert_kept(rules::forbidden_words, "policy/facts.rs", "use http::Method; let operand = brand;");
}

#[test]
fn a_long_file_is_found() {
    assert_broken(rules::length, "store/memory.rs", &"\n".repeat(501));
    assert_kept(rules::length, "store/memory.rs", &"\n".repeat(500));
}

#[test]
fn an_empty_name_and_a_missing_opening_are_found() {
    for path in ["store/util.rs", "store/helpers/mod.rs", "server/connection_manager.rs", "common.rs"] {
        assert_broken(rules::names, path, "//! Something.");
    }
    assert_broken(rules::names, "store/memory.rs", "use std::fmt;");
    assert_kept(rules::names, "store/memory.rs", "//! Something.");
}

#[test]
fn two_levels_up_are_found() {
    assert_broken(rules::grandparents, "store/redis/keys.rs", "use super::super::contract::Store;");
    assert_broken(rules::grandparents, "store/redis/keys.rs", "fn f(s: super::super::S) {}");
    assert_broken(rules::grandparents, "store/redis/keys.rs", "use super::{super::contract, x};");
    assert_kept(rules::grandparents, "store/redis/keys.rs", "use super::reply::Reply;");
}

#[test]
fn anything_but_modules_in_order_is_found_at_the_root() {
    assert_broken(rules::root, "lib.rs", "pub use domain::code::Code;");
    assert_broken(rules::root, "lib.rs", "mod domain;");
    assert_broken(rules::root, "lib.rs", "pub mod store;\npub mod domain;");
    assert_broken(rules::root, "lib.rs", "pub mod surprise;");
    assert_kept(
        rules::root,
        "lib.rs",
        "//! Map.\n#![forbid(unsafe_code)]\npub mod domain;\n#[cfg(feature = \"demo\")]\npub mod lab;",
    );
}

#[test]
fn the_map_and_the_sources_are_compared_both_ways() {
    let sources = || {
        ["store/mod.rs", "store/memory.rs", "store/redis/mod.rs", "store/redis/keys.rs", "store/tests.rs"]
            .map(|path| Source::new(path, ""))
    };
    let map = |text: &str| Map::parse(&format!("# Title\n```text\n{text}\n```\n"));
    let complete = "store/  who remembers\n  store/memory.rs  one mutex\n  store/redis/  scripts";
    assert_eq!(rules::map(&sources(), &map(complete)), Vec::<String>::new());
    assert_eq!(rules::map(&sources(), &map("store/\nstore/memory.rs")).len(), 2);
    assert_eq!(rules::map(&sources(), &map("store/\nstore/redis/")), ["store/memory.rs is not on the map"]);
    assert_eq!(rules::map(&sources(), &map(&format!("{complete}\nstore/gone.rs"))).len(), 1);
}

#[test]
fn the_table_of_dependencies_has_an_order() {
    assert_eq!(rules::table(), Vec::<String>::new());
}
