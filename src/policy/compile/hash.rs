//! The hash that tells whether two replicas run the same policy.

use sha2::{Digest, Sha256};

use crate::domain::id::{PolicyHash, hex};
use crate::policy::source::SourceFile;

/// The hash of a set: names without their folder, lengths and contents, in the order of the set.
pub(super) fn of(files: &[SourceFile]) -> PolicyHash {
    let mut hasher = Sha256::new();
    for file in files {
        for part in [file.file_name(), &file.text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let digest = hasher.finalize();
    PolicyHash::from_hex(hex(&digest).get(..16).unwrap_or_default())
}
