//! The flags of the audit log.

use std::path::{Path, PathBuf};

use clap::Args;

use super::duration;
use crate::telemetry::audit::settings::{AuditSettings, Destination};

/// The shortest file that is worth rotating.
const SHORTEST: usize = 64 * 1024;

/// Flags of the audit log of `otp-sidecar serve`.
#[derive(Debug, Args)]
pub struct AuditFlags {
    /// Where audit lines go (docs/audit.md): a file, or stdout [default: nowhere]. SIGHUP opens the file anew.
    #[arg(long, env = "OTP_SIDECAR_AUDIT", value_name = "PATH|stdout")]
    pub audit: Option<PathBuf>,

    /// The audit file is rotated before it gets longer than this.
    #[arg(long, env = "OTP_SIDECAR_AUDIT_MAX_SIZE", default_value = "100MiB", value_name = "SIZE")]
    pub audit_max_size: String,

    /// The audit file is rotated when it is older than this.
    #[arg(long, env = "OTP_SIDECAR_AUDIT_MAX_AGE", default_value = "24h", value_name = "TIME")]
    pub audit_max_age: String,

    /// How many rotated audit files are kept, compressed.
    #[arg(long, env = "OTP_SIDECAR_AUDIT_KEEP", default_value_t = 30, value_name = "N")]
    pub audit_keep: usize,

    /// How many audit lines may wait for the disk; more are lost and counted, and no request waits.
    #[arg(long, env = "OTP_SIDECAR_AUDIT_QUEUE", default_value_t = 8_192, value_name = "N")]
    pub audit_queue: usize,
}

impl AuditFlags {
    /// Without an audit log.
    #[cfg(feature = "demo")]
    pub fn off() -> Self {
        Self {
            audit: None,
            audit_max_size: "100MiB".to_owned(),
            audit_max_age: "24h".to_owned(),
            audit_keep: 30,
            audit_queue: 8_192,
        }
    }

    /// Checks every flag, also when there is no audit log. `wrong` is told each problem.
    pub(super) fn check(self, mut wrong: impl FnMut(&str, String)) -> Option<AuditSettings> {
        let max_size = match duration::size(&self.audit_max_size) {
            Ok(size) if size >= SHORTEST => size as u64,
            Ok(_) => return told(wrong("audit-max-size", "must be at least 64KiB".to_owned())),
            Err(problem) => return told(wrong("audit-max-size", problem)),
        };
        let max_age = match duration::duration(&self.audit_max_age) {
            Ok(age) if !age.is_zero() => age,
            Ok(_) => return told(wrong("audit-max-age", "must be longer than nothing".to_owned())),
            Err(problem) => return told(wrong("audit-max-age", problem)),
        };
        if self.audit_queue == 0 {
            return told(wrong("audit-queue", "must be at least 1".to_owned()));
        }
        let destination = self.audit.as_deref().map(destination)?;
        let (keep, queue) = (self.audit_keep, self.audit_queue);
        Some(AuditSettings { destination, max_size, max_age, keep, queue })
    }
}

fn told<T>((): ()) -> Option<T> {
    None
}

fn destination(path: &Path) -> Destination {
    if path == Path::new("stdout") { Destination::Stdout } else { Destination::File(path.to_owned()) }
}
