//! Clients that call all the time while a test does something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

use super::client::Client;

/// Callers in a loop, each on a connection of its own.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<usize>>,
}

impl Traffic {
    /// Starts so many callers. `call` makes one call and checks its answer: a panic in it is a failure
    /// of the test.
    pub fn start<F>(
        callers: usize,
        base: &str,
        call: impl Fn(Client, usize) -> F + Clone + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let caller = |number: usize| {
            let (stop, call, client) = (Arc::clone(&stop), call.clone(), Client::new(base));
            tokio::spawn(async move {
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    call(client.clone(), number).await;
                    calls += 1;
                }
                calls
            })
        };
        let callers = (0..callers).map(caller).collect();
        Self { stop, callers }
    }

    /// Ends it; how many calls were made, all of them well.
    pub async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for caller in self.callers {
            calls += caller.await.expect("every call is answered well");
        }
        calls
    }
}
