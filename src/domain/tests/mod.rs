//! What happens to limits, locks, challenges and codes, one behaviour a test. The store suite holds the
//! scripts of Redis equal to these functions; here stands what the functions themselves must do.

mod admitting;
mod forgetting;
mod issuing;
mod listing;
mod operating;
mod settling;
mod verifying;
mod world;
