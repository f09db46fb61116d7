//! The behaviour of the whole. Each file is one behaviour; each test is named as a sentence of it.

mod delivery;
mod support;
