//! Tests of tests: what is read, and what is found.
