//! The commands, run as processes: what they print, and how they end.

mod audit;
mod front;
mod mail;
mod preview;
mod program;
mod shells;
mod smoke;
