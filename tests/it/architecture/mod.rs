//! Keeps the house in order: who may name whom, how long a file gets, what pure modules never do.
//!
//! The rules read the sources as text, with comments, literals and test code taken out. They see the
//! names that are written, not the types that are inferred. The second half of this folder breaks
//! each rule once on purpose, since a rule that cannot fail keeps nothing.

mod circles;
mod rules;
mod seeded;
mod source;

use source::{Map, Source};

fn check(rule: fn(&[Source]) -> Vec<String>) {
    let violations = rule(&source::read_all());
    assert!(violations.is_empty(), "\n  {}\n", violations.join("\n  "));
}

#[test]
fn a_module_names_only_those_before_it() {
    check(rules::imports);
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    check(circles::circles);
}

#[test]
fn pure_modules_contain_no_effects() {
    check(rules::forbidden_words);
}

#[test]
fn no_file_is_longer_than_500_lines() {
    check(rules::length);
}

#[test]
fn modules_have_plain_names_and_say_what_they_own() {
    check(rules::names);
}

#[test]
fn nothing_reaches_two_levels_up() {
    check(rules::grandparents);
}

#[test]
fn the_crate_root_only_lists_the_modules_in_dependency_order() {
    check(rules::root);
}

#[test]
fn the_map_in_architecture_md_shows_every_module_and_no_other() {
    let violations = rules::map(&source::read_all(), &Map::read());
    assert!(violations.is_empty(), "\n  {}\n", violations.join("\n  "));
}
