//! The flags of the audit log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::duration;
use super::problems::Problems;
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

    /// Checks every flag, also when there is no audit log.
    pub(super) fn check(self, problems: &mut Problems) -> Option<AuditSettings> {
        let max_size = duration::size(&self.audit_max_size)
            .and_then(|size| at_least(size, SHORTEST, "must be at least 64KiB"));
        let max_size = problems.take("audit-max-size", max_size);
        let max_age = duration::duration(&self.audit_max_age)
            .and_then(|age| at_least(age, Duration::from_nanos(1), "must be longer than nothing"));
        let max_age = problems.take("audit-max-age", max_age);
        let queue = problems.take("audit-queue", at_least(self.audit_queue, 1, "must be at least 1"));
        let destination = self.audit.as_deref().map(destination)?;
        let keep = self.audit_keep;
        Some(AuditSettings {
            destination,
            max_size: max_size? as u64,
            max_age: max_age?,
            keep,
            queue: queue?,
        })
    }
}

fn at_least<T: PartialOrd>(value: T, least: T, problem: &str) -> Result<T, String> {
    if value >= least { Ok(value) } else { Err(problem.to_owned()) }
}

fn destination(path: &Path) -> Destination {
    if path == Path::new("stdout") { Destination::Stdout } else { Destination::File(path.to_owned()) }
}
