//! A disk without room for the audit log, and room again.

use super::stage::Stage;
use crate::support::audit::AuditFile;
use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, Sidecar, Start};

pub struct FullDisk {
    pub sidecar: Sidecar,
    audit: AuditFile,
    _folder: Folder,
    _backend: Backend,
}

impl FullDisk {
    pub async fn start() -> Self {
        let (backend, folder) = (Backend::start().await, Folder::new());
        let audit = AuditFile::in_folder(folder.path());
        std::os::unix::fs::symlink("/dev/full", &audit.0).unwrap();
        let start = Start::before(&backend.url()).flag("--audit", &audit.0).flag("--audit-queue", "16");
        Self { sidecar: start.ready(), audit, _folder: folder, _backend: backend }
    }

    pub async fn play(&self, stage: &Stage) {
        let client = self.sidecar.client();
        let ask = async || assert!(client.status("wallet_funding").await.status.is_client_error());
        stage.provoke("audit", &["OTPAuditLinesLost"], ask).await;
        std::fs::remove_file(&self.audit.0).unwrap();
        self.sidecar.logged("audit lines are written again").await;
        stage.resolves("audit", &["OTPAuditLinesLost"]).await;
    }
}
