//! A broken policy, and two replicas with different ones.

use super::stage::Stage;
use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, Sidecar, Start, changed};

pub struct TwoFolders {
    folders: [Folder; 2],
    pub sidecars: Vec<Sidecar>,
    _backend: Backend,
}

impl TwoFolders {
    pub async fn start() -> Self {
        let backend = Backend::start().await;
        let folders = [0, 1].map(|_| Folder::with_shipped(&[]));
        let sidecars =
            folders.iter().map(|folder| Start::before(&backend.url()).policies(folder.path()).ready());
        Self { sidecars: sidecars.collect(), folders, _backend: backend }
    }

    pub async fn play(&self, stage: &Stage) {
        let [first, second] = &self.folders;
        first.write("default.yaml", "version: 1\nlimts: {}\n");
        stage.fires("policies", &["OTPPolicyReloadFailed"]).await;
        let next = changed(&[("fund:         { max: 10,", "fund:         { max: 11,")]);
        first.write("default.yaml", &next);
        stage.resolves("policies", &["OTPPolicyReloadFailed"]).await;

        stage.fires("policies", &["OTPPolicyDrift"]).await;
        second.write("default.yaml", &next);
        stage.resolves("policies", &["OTPPolicyDrift"]).await;
    }
}
