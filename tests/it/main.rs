//! The behaviour of the whole. Each file is one behaviour; each test is named as a sentence of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says where"
)]

mod policy_files;
