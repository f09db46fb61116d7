//! Folding takes any bytes and ends; a plain path has one reading; folding what is ASCII in all its readings
//! gives no plain path, which alone can name a route, that was not among them.
//! `cargo +nightly fuzz run fold`
#![no_main]

use libfuzzer_sys::fuzz_target;
use otp_sidecar::policy::fold::{Folded, fold, is_plain};

fuzz_target!(|path: &[u8]| {
    let Folded::Readings(readings) = fold(path) else { return };
    assert!(!is_plain(path) || readings.len() == 1);
    // Broken UTF-8 pairs differently once case, white space or a last slash is gone.
    if !readings.iter().all(|reading| reading.is_ascii()) {
        return;
    }
    for reading in &readings {
        // A reading may need more decodings of its own than were left for it.
        if let Folded::Readings(again) = fold(reading) {
            assert!(again.iter().all(|form| readings.contains(form) || !is_plain(form)));
        }
    }
});
