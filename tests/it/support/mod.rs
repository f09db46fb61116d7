//! Real servers for the tests: started on free ports, stopped when dropped.

pub mod smtp;
