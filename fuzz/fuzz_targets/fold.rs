//! Folding takes any bytes, ends, and gives no other plain path, which alone can name a route, when done again.
//! `cargo +nightly fuzz run fold`
#![no_main]

use libfuzzer_sys::fuzz_target;
use otp_sidecar::policy::fold::{Folded, fold, is_plain};

fuzz_target!(|path: &[u8]| {
    let Folded::Readings(readings) = fold(path) else { return };
    assert!(!is_plain(path) || readings.len() == 1);
    for reading in &readings {
        // A reading may need more decodings of its own than were left for it.
        if let Folded::Readings(again) = fold(reading) {
            // Broken bytes at the end of a reading may pair differently without the slash that followed them.
            assert!(again.iter().all(|form| readings.contains(form) || !is_plain(form)));
        }
    }
});
