//! The shipped alerts: their rules, the tests of these rules, their pages, and all of it against a real
//! Prometheus and a real Alertmanager.

mod alertmanager;
mod end_to_end;
mod guide;
mod rendered;
mod rules;
mod runbooks;
mod scraping;
mod shipped;
mod signals;
