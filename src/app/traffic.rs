//! The traffic thread: one runtime, one thread, the wallet's requests.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{oneshot, watch};

use crate::enforce::Enforcer;
use crate::proxy::body::Body;
use crate::server::Handler;
use crate::server::listener;
use crate::server::settings::ListenerSettings;

/// The runtime of the traffic thread, made before the thread is: the store's connection is to be driven
/// where most of its calls come from.
pub struct TrafficRuntime(Option<Runtime>);

impl TrafficRuntime {
    /// Makes it.
    ///
    /// # Errors
    /// When the system does not give what it needs.
    pub fn new() -> std::io::Result<Self> {
        tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    /// For what is to run on it.
    pub fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for TrafficRuntime {
    /// A runtime may not be dropped by a task of another one, which a failed start would do.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The wallet's traffic, not yet running.
pub struct Traffic {
    runtime: TrafficRuntime,
    listener: TcpListener,
    enforcer: Enforcer,
    settings: ListenerSettings,
}

/// Hands each request to the enforcer.
struct Guarded(Arc<Enforcer>);

impl Handler for Guarded {
    async fn handle(&self, request: Box<Request<Body>>, peer: SocketAddr) -> Response<Body> {
        self.0.handle(request, peer).await
    }
}

impl Traffic {
    /// Takes the address.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub fn bind(
        runtime: TrafficRuntime,
        addr: SocketAddr,
        enforcer: Enforcer,
        settings: ListenerSettings,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        Ok(Self { runtime, listener, enforcer, settings })
    }

    /// The address.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut self, drain: Duration) -> std::io::Result<RunningTraffic> {
        let Some(runtime) = self.runtime.0.take() else {
            return Err(std::io::Error::other("the traffic's runtime is gone"));
        };
        let (stop, stops) = watch::channel(false);
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("traffic".to_owned()).spawn(move || {
            let cut = runtime.block_on(self.serve(stops, drain));
            // Nobody waits for the number when the program ends another way.
            let _unheard = end.send(cut);
        })?;
        Ok(RunningTraffic { stop, ended: Some(ended), cut: 0 })
    }

    async fn serve(self, mut stops: watch::Receiver<bool>, drain: Duration) -> usize {
        let listener = match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(error = %error, "the traffic listener cannot be used");
                return 0;
            }
        };
        let enforcer = Arc::new(self.enforcer);
        let handler = Arc::new(Guarded(Arc::clone(&enforcer)));
        let settings = ListenerSettings { drain, ..self.settings };
        let mut until_stop = stops.clone();
        let drained = listener::run(listener, handler, settings, async move {
            let _ended = until_stop.wait_for(|stop| *stop).await;
        })
        .await;
        let _stopped = stops.wait_for(|stop| *stop).await;
        // Requests whose clients have gone still run to their end.
        let _in_time = tokio::time::timeout(drain, enforcer.drained()).await;
        drained.cut
    }
}

/// The wallet's traffic, running.
pub struct RunningTraffic {
    stop: watch::Sender<bool>,
    ended: Option<oneshot::Receiver<usize>>,
    cut: usize,
}

impl RunningTraffic {
    /// Waits until the thread has ended by itself.
    pub async fn ended(&mut self) {
        if let Some(ended) = &mut self.ended {
            self.cut = ended.await.unwrap_or(0);
            self.ended = None;
        }
    }

    /// Stops accepting, lets requests in flight end, and says how many connections were cut.
    pub async fn stop(mut self) -> usize {
        let _gone = self.stop.send(true);
        self.ended().await;
        self.cut
    }
}
