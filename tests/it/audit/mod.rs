//! The audit log: what it says of each decision, and that it can be trusted about what it does not say.

mod aftermath;
mod counts;
mod failures;
mod faults;
mod files;
mod forms;
mod losses;
mod reasons;

use otp_sidecar::lab::mailbox::Mailbox;

use crate::support::audit::AuditFile;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::sidecar::{Folder, Sidecar, Start, mailbox};

/// A sidecar with an audit file, a mailbox and a policy of its own.
struct World {
    backend: Backend,
    sidecar: Sidecar,
    mailbox: Mailbox,
    audit: AuditFile,
    folder: Folder,
    policies: Folder,
}

impl World {
    /// With some changes to the shipped policy.
    async fn start(changes: &[(&str, &str)]) -> Self {
        Self::started(changes, |start| start).await
    }

    /// The same, started in another way.
    async fn started(changes: &[(&str, &str)], how: impl FnOnce(Start) -> Start) -> Self {
        let (backend, mailbox) = (Backend::start().await, mailbox().await);
        let (folder, policies) = (Folder::new(), Folder::with_shipped(changes));
        let audit = AuditFile::in_folder(folder.path());
        let start = Start::before(&backend.url()).mail(&mailbox).policies(policies.path());
        let sidecar = how(start.flag("--audit", &audit.0)).ready();
        Self { backend, sidecar, mailbox, audit, folder, policies }
    }

    fn user(&self, subject: &str) -> Client {
        self.sidecar.client().as_user(subject)
    }
}
