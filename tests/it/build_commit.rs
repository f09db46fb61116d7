//! Which commit `otp_sidecar_build_info` names: what the build script says, in every kind of place.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, Start};

/// The build script as a program of its own, in a folder that is no clone yet.
struct Place {
    folder: Folder,
    script: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
        let script = folder.path().join("script");
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let compiled = Command::new(compiler)
            .args(["--edition", "2024", "-o"])
            .arg(&script)
            .arg(&source)
            .status()
            .unwrap();
        assert!(compiled.success());
        let place = Self { folder, script };
        std::fs::copy(source, place.path().join("build.rs")).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Without any configuration of the machine's.
    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Jane", "-c", "user.email=jane@example.com"]);
        let output = command.args(arguments).current_dir(self.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Everything that the script tells cargo.
    fn told(&self, profile: &str, given: &str) -> String {
        let mut command = Command::new(&self.script);
        command.current_dir(self.path()).env("PROFILE", profile).env("OTP_SIDECAR_COMMIT", given);
        // A clone above the folder for temporary files is none of ours.
        command.env("GIT_CEILING_DIRECTORIES", self.path().parent().unwrap());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self, profile: &str, given: &str) -> String {
        let told = self.told(profile, given);
        let commit = told.lines().find_map(|line| line.strip_prefix("cargo::rustc-env=OTP_SIDECAR_COMMIT="));
        commit.unwrap().to_owned()
    }
}

#[test]
fn the_commit_is_the_given_one_or_the_clones_or_unknown() {
    let place = Place::new();
    assert_eq!(place.commit("release", ""), "unknown", "outside a clone");
    place.git(&["init", "--quiet"]);
    assert_eq!(place.commit("release", ""), "unknown", "in a clone of something else");
    place.git(&["add", "build.rs"]);
    place.git(&["commit", "--quiet", "--message", "First"]);
    let commit = place.git(&["rev-parse", "HEAD"]);
    assert_eq!(place.commit("release", ""), commit);
    assert_eq!(place.commit("debug", ""), format!("{commit}-dev"));
    assert_eq!(place.commit("release", "v1.2.3"), "v1.2.3", "an image's build knows better");
    place.folder.write("build.rs", "fn main() {}");
    assert_eq!(place.commit("release", ""), format!("{commit}-dirty"));
}

#[test]
fn an_optimised_build_is_made_anew_for_another_commit_and_a_debug_build_is_not() {
    let place = Place::new();
    place.git(&["init", "--quiet"]);
    place.git(&["add", "build.rs"]);
    place.git(&["commit", "--quiet", "--message", "First"]);
    let watched = |profile| {
        let told = place.told(profile, "");
        let paths = told.lines().filter_map(|line| line.strip_prefix("cargo::rerun-if-changed="));
        let under_git: Vec<PathBuf> =
            paths.map(PathBuf::from).filter(|path| path.starts_with(".git")).collect();
        assert!(under_git.iter().all(|path| place.path().join(path).exists()), "{under_git:?}");
        under_git
    };
    assert_eq!(watched("debug"), Vec::<PathBuf>::new());
    let release = watched("release");
    assert!(release.contains(&PathBuf::from(".git/HEAD")), "{release:?}");
    assert!(release.iter().any(|path| path.starts_with(".git/refs/heads")), "{release:?}");
}

#[tokio::test]
async fn the_metric_names_what_the_build_script_found() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let rendered = sidecar.operator().get("/metrics").await.text();
    let series = rendered.lines().find(|line| line.starts_with("otp_sidecar_build_info{")).unwrap();
    let labels =
        format!("{{commit=\"{}\",version=\"{}\"}}", env!("OTP_SIDECAR_COMMIT"), env!("CARGO_PKG_VERSION"));
    assert!(series.contains(&labels), "{series}");
}
