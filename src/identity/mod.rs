//! Who is calling, and from where.

pub mod client_addr;
