//! A good policy takes effect within two seconds, however it is put in place.
//!
//! Each way is taken several times, and the usual time counts: a busy machine may be late once, a
//! sidecar that is late by design is late each time. The last test of `reload` does the same without
//! any notice from the system.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, changed};
use crate::support::wait::{until, usual};

const PROMISED: Duration = Duration::from_secs(2);

async fn in_force(sidecar: &Sidecar) -> Value {
    sidecar.operator().get("/health").await.json()["policy"]["hash"].clone()
}

/// `put` puts a policy into the folder; the number is 0 for the one at start.
async fn takes_effect_in_time(put: impl Fn(&Path, usize, &str)) {
    let (backend, folder) = (Backend::start().await, Folder::new());
    let policy = |number: usize| changed(&[("max: 15,", &format!("max: {},", 15 + number))]);
    put(folder.path(), 0, &policy(0));
    let sidecar = Start::before(&backend.url()).policies(folder.path()).ready();
    let mut measured = Vec::new();
    for number in 1..=5 {
        let before = in_force(&sidecar).await;
        let begun = Instant::now();
        put(folder.path(), number, &policy(number));
        until("the new policy is in force", PATIENCE, async || in_force(&sidecar).await != before).await;
        measured.push(begun.elapsed());
    }
    let usual = usual(&measured);
    assert!(usual <= PROMISED, "usually after {usual:?}: {measured:?}");
}

#[tokio::test]
async fn a_file_saved_in_place_takes_effect_within_two_seconds() {
    takes_effect_in_time(|folder, _, text| fs::write(folder.join("default.yaml"), text).unwrap()).await;
}

#[tokio::test]
async fn a_file_renamed_over_the_old_one_takes_effect_within_two_seconds() {
    takes_effect_in_time(|folder, _, text| {
        fs::write(folder.join(".default.yaml.swp"), text).unwrap();
        fs::rename(folder.join(".default.yaml.swp"), folder.join("default.yaml")).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_file_deleted_and_made_again_takes_effect_within_two_seconds() {
    takes_effect_in_time(|folder, _, text| {
        let _not_there_at_first = fs::remove_file(folder.join("default.yaml"));
        fs::write(folder.join("default.yaml"), text).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_swapped_config_map_takes_effect_within_two_seconds() {
    takes_effect_in_time(|folder, number, text| {
        let version = format!("..2026_{number}");
        fs::create_dir(folder.join(&version)).unwrap();
        fs::write(folder.join(&version).join("default.yaml"), text).unwrap();
        symlink(&version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        match number.checked_sub(1) {
            None => symlink("..data/default.yaml", folder.join("default.yaml")).unwrap(),
            Some(last) => fs::remove_dir_all(folder.join(format!("..2026_{last}"))).unwrap(),
        }
    })
    .await;
}

/// The system's notices are for the folder that is gone: only comparing finds this.
#[tokio::test]
async fn a_folder_put_in_the_place_of_another_takes_effect_within_two_seconds() {
    takes_effect_in_time(|folder, number, text| {
        let aside = folder.with_extension(number.to_string());
        fs::create_dir(&aside).unwrap();
        fs::write(aside.join("default.yaml"), text).unwrap();
        fs::remove_dir_all(folder).unwrap();
        fs::rename(aside, folder).unwrap();
    })
    .await;
}
