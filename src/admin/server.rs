//! The admin thread: bound before anything else starts, the last to die, on a runtime of its own, so that it answers
//! whatever the data path does.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    thread::JoinHandle,
    time::Duration,
};

use axum::Router;
use tokio::{runtime::Handle, sync::watch};

use super::{
    context::Context,
    listener::{self, Bounded, Peer},
    routes,
    settings::AdminSettings,
};
use crate::time::Instant;

/// How often observations are sorted and the log's limit is settled.
const UPKEEP: Duration = Duration::from_secs(1);
/// For a whole request to come on a connection.
const ASKING_MAX: Duration = Duration::from_secs(15);
/// How long answers that are under way may take when the thread ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {flag}={addr}: {error}; free the address or set {flag} to another one")]
pub struct BindError {
    pub flag: &'static str,
    pub addr: SocketAddr,
    pub error: io::Error,
}

/// The addresses are taken; nobody answers yet.
#[derive(Debug)]
pub struct Bound {
    admin: TcpListener,
    probe: Option<TcpListener>,
}

/// The running thread.
#[derive(Debug)]
pub struct Admin {
    addr: SocketAddr,
    probe_addr: Option<SocketAddr>,
    runtime: Handle,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Bound {
    /// Takes the addresses, so that a wrong one is known before anything is started.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub fn new(settings: &AdminSettings) -> Result<Self, BindError> {
        let listen = |flag, addr: SocketAddr| {
            let listener = TcpListener::bind(addr).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            listener.map_err(|error| BindError { flag, addr, error })
        };
        let admin = listen("ADMIN_ADDR", settings.addr)?;
        let probe = settings.probe_addr.map(|addr| listen("PROBE_ADDR", addr)).transpose()?;
        Ok(Self { admin, probe })
    }

    /// Starts the thread that answers.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub fn serve(self, context: Context) -> io::Result<Admin> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (addr, probe_addr) =
            (self.admin.local_addr()?, self.probe.as_ref().map(TcpListener::local_addr).transpose()?);
        let handle = runtime.handle().clone();
        context.tasks.watch(&handle);
        let (stop, stopped) = watch::channel(false);
        let entered = runtime.enter();
        let admin = tokio::net::TcpListener::from_std(self.admin)?;
        let probe = self.probe.map(tokio::net::TcpListener::from_std).transpose()?;
        drop(entered);
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(run(admin, probe, context, stopped));
        })?;
        Ok(Admin { addr, probe_addr, runtime: handle, stop, thread })
    }
}

impl Admin {
    /// Where it listens, with the port that was given for port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn probe_addr(&self) -> Option<SocketAddr> {
        self.probe_addr
    }

    /// For what has to work whatever the data path does: heeding signals.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Finishes the answers that are under way and ends the thread.
    pub fn stop(self) {
        // The thread holds the other end for as long as it runs. A panic of it would have ended the process.
        let _ = self.stop.send(true);
        let _ = self.thread.join();
    }
}

async fn run(
    admin: tokio::net::TcpListener,
    probe: Option<tokio::net::TcpListener>,
    context: Context,
    mut stopped: watch::Receiver<bool>,
) {
    let upkeep = tokio::spawn(upkeep(context.clone()));
    let readout = context.readout.clone();
    let mut servers = tokio::task::JoinSet::new();
    servers.spawn(answer(Bounded::new(admin, ASKING_MAX), routes::admin(context.clone()), stopped.clone()));
    if let Some(probe) = probe {
        servers.spawn(answer(Bounded::new(probe, ASKING_MAX), routes::probes(context), stopped.clone()));
    }
    // Gone without having said so is stopped too.
    let _ = stopped.wait_for(|stop| *stop).await;
    let _ = tokio::time::timeout(LAST_ANSWERS, async { while servers.join_next().await.is_some() {} }).await;
    upkeep.abort();
    // Nothing more is coming: what was left out of the log so far is all there will be.
    readout.upkeep(Instant(u64::MAX));
}

async fn answer(listener: Bounded, router: Router, mut stopped: watch::Receiver<bool>) {
    let router = router.layer(axum::middleware::from_fn(listener::asked));
    let service = router.into_make_service_with_connect_info::<Peer>();
    let stop = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop).await {
        tracing::error!(target: "sluicegate", event = "admin_failed", %error, "the admin listener failed");
    }
}

async fn upkeep(context: Context) {
    let mut every = tokio::time::interval(UPKEEP);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        context.readout.upkeep((context.now)().mono);
    }
}
