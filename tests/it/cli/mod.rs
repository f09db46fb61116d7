//! The commands, run as processes: what they print, and how they end.

mod audit;
mod cleanup;
mod deployment;
mod front;
mod mail;
mod preview;
mod program;
mod report;
mod shells;
mod smoke;
mod status;
