//! All spellings of the protected paths.

use super::{Attacks, Means, protected};
use crate::spellings::{combined_spellings, spellings};

/// The path on which changes are also tried in pairs.
const COMBINED: &str = "/api/wallet/verify-otp";

pub fn add(attacks: &mut Attacks) {
    for path in protected() {
        let mut targets = spellings(path);
        if path == COMBINED {
            targets.extend(combined_spellings(path));
        }
        for target in targets {
            // A raw line end or space would end the request line; framing has those.
            if !target.is_empty() && !target.iter().any(|b| matches!(b, b'\r' | b'\n' | b' ')) {
                attacks.one(Means::Path, attacks.ordinary(path).target(target));
            }
        }
    }
}
