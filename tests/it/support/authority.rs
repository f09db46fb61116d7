//! Certificates for servers of tests, and the authority that vouches for them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// An authority that is trusted where its file is named. Its files are removed on drop.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate and its key.
pub struct Leaf {
    pub certificate: Certificate,
    pub key: KeyPair,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("otp-authority-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let authority = Self { issuer: Issuer::new(params, key), folder };
        std::fs::write(authority.file(), pem).unwrap();
        authority
    }

    /// The authority's own certificate, in PEM.
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for this host name or address.
    pub fn leaf(&self, host: &str) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        Leaf { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// The same as two files in PEM: the certificate and its key.
    pub fn leaf_files(&self, host: &str) -> (PathBuf, PathBuf) {
        let leaf = self.leaf(host);
        let file = |kind: &str| self.folder.join(format!("{host}-{kind}.pem"));
        std::fs::write(file("certificate"), leaf.certificate.pem()).unwrap();
        std::fs::write(file("key"), leaf.key.serialize_pem()).unwrap();
        (file("certificate"), file("key"))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.folder);
    }
}
