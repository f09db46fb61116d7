//! Code keys are rotated as docs/upgrade.md says, pod by pod on one Redis: no right code is refused on the way.

use otp_sidecar::lab::mailbox::Mailbox;

use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Sidecar, Start, funded, mailbox};

const OLD: &str = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const NEW: &str = "k2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

struct World {
    backend: Backend,
    mailbox: Mailbox,
    redis: RedisServer,
    people: u64,
}

/// A code that somebody has in their mailbox.
struct Waiting {
    person: String,
    reference: String,
    code: String,
}

impl World {
    fn pod(&self, keys: &str) -> Sidecar {
        let start = Start::before(&self.backend.url()).mail(&self.mailbox).redis(&self.redis);
        start.env("OTP_SIDECAR_CODE_KEYS", keys).env("OTP_SIDECAR_STORE_DEADLINE", "5s").ready()
    }

    async fn code_of(&mut self, pod: &Sidecar) -> Waiting {
        self.people += 1;
        let person = format!("person{}", self.people);
        let (reference, code) = funded(&pod.client().as_user(&person), &self.mailbox).await;
        Waiting { person, reference, code }
    }

    /// Every pod makes codes, and every pod is shown one of each.
    async fn all_take_the_codes_of_all(&mut self, pods: &[Sidecar]) {
        for maker in pods {
            for checker in pods {
                let waiting = self.code_of(maker).await;
                assert_eq!(presented(checker, &waiting).await, 200);
            }
        }
    }
}

async fn presented(pod: &Sidecar, waiting: &Waiting) -> u16 {
    let client = pod.client().as_user(&waiting.person);
    client.verify(&waiting.reference, &waiting.code).await.status.as_u16()
}

#[tokio::test]
async fn no_right_code_is_refused_while_keys_are_rotated_pod_by_pod() {
    let (backend, mailbox) = (Backend::start().await, mailbox().await);
    let mut world = World { backend, mailbox, redis: RedisServer::start(), people: 0 };
    let mut pods = vec![world.pod(OLD), world.pod(OLD)];
    // Before the last step the codes of the old key are dead: those that wait then are of the new one.
    for keys in [format!("{OLD},{NEW}"), format!("{NEW},{OLD}"), NEW.to_owned()] {
        let mut waiting = Vec::new();
        for number in 0..pods.len() {
            waiting.push(world.code_of(&pods[number]).await);
            pods[number] = world.pod(&keys);
            world.all_take_the_codes_of_all(&pods).await;
        }
        for (number, waiting) in waiting.iter().enumerate() {
            assert_eq!(presented(&pods[number % pods.len()], waiting).await, 200, "made before {keys}");
        }
        for pod in &pods {
            let unknown = "otp_verify_failures_total{purpose=\"wallet_funding\",reason=\"unknown_key\"}";
            assert!(pod.metric(unknown).await.abs() < f64::EPSILON);
        }
    }
}

#[tokio::test]
async fn a_key_that_is_used_before_everybody_knows_it_costs_codes() {
    let (backend, mailbox) = (Backend::start().await, mailbox().await);
    let mut world = World { backend, mailbox, redis: RedisServer::start(), people: 0 };
    let (old, new) = (world.pod(OLD), world.pod(&format!("{NEW},{OLD}")));
    let waiting = world.code_of(&new).await;
    assert_eq!(presented(&old, &waiting).await, 400);
    assert_eq!(presented(&new, &waiting).await, 200, "it is still good where the key is known");
}
