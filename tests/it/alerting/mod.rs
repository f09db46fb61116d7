//! The shipped alerts: their rules, their tests, their pages, and all of it against real servers.

mod scraping;
