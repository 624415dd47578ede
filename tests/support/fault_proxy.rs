//! A TCP proxy that makes the network bad: late, slow, silent, one-sided, reset.
//!
//! Each direction of a connection is a pump of its own: what is read is stamped with the time it is due, and written
//! when that has come and the weather lets it through. Bytes held back are not lost: they come when the weather
//! clears, as TCP would send them again.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

/// Reads on their way in one direction. Bound of the memory: as many times [`READ_BYTES`].
const READS_MAX: usize = 64;
const READ_BYTES: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Clear,
    /// Everything takes this much longer, each way.
    Late(Duration),
    /// So many bytes at a time, each after this pause, each way.
    Drip(usize, Duration),
    /// Nothing comes through, nobody is told: a partitioned network. New connections are taken and are silent too.
    Silent,
    /// What the client sends arrives; no answer comes back.
    HalfOpen,
    /// Nobody listens: connections are refused. Those there are stay.
    Refused,
}

#[derive(Debug, Clone, Copy)]
struct State {
    weather: Weather,
    /// Connections made before this number changed are reset.
    resets: u64,
    towards: u16,
}

pub struct FaultProxy {
    pub addr: SocketAddr,
    state: watch::Sender<State>,
}

impl FaultProxy {
    /// Listens on a free port. Connections wait until it is told [where to](Self::towards).
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State { weather: Weather::Clear, resets: 0, towards: 0 });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move { accept(TcpListener::from_std(listener).unwrap(), seen).await });
        });
        Self { addr, state }
    }

    pub fn towards(&self, port: u16) {
        self.state.send_modify(|state| state.towards = port);
    }

    pub fn weather(&self, weather: Weather) {
        self.state.send_modify(|state| state.weather = weather);
    }

    /// Resets every connection there is (RST, both sides).
    pub fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }
}

/// Ends with the proxy.
async fn accept(mut listener: TcpListener, mut seen: watch::Receiver<State>) {
    let addr = listener.local_addr().unwrap();
    loop {
        tokio::select! {
            accepted = listener.accept() => drop(tokio::spawn(carry(accepted.unwrap().0, seen.clone()))),
            changed = seen.changed() => if changed.is_err() { return },
        }
        if seen.borrow().weather == Weather::Refused {
            drop(listener);
            if seen.wait_for(|state| state.weather != Weather::Refused).await.is_err() {
                return;
            }
            listener = TcpListener::bind(addr).await.unwrap();
        }
    }
}

async fn carry(mut client: TcpStream, mut seen: watch::Receiver<State>) -> Option<()> {
    let resets = seen.borrow().resets;
    let port = seen.wait_for(|state| state.towards != 0).await.ok()?.towards;
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let there = pump(from_client, to_server, seen.clone(), false);
    let back = pump(from_server, to_client, seen.clone(), true);
    let was_reset = tokio::select! {
        _ = async { tokio::join!(there, back) } => false,
        _ = seen.wait_for(|state| state.resets != resets) => true,
    };
    if was_reset {
        // Lingering for zero seconds turns the close into a reset.
        client.set_zero_linger().unwrap();
        server.set_zero_linger().unwrap();
    }
    Some(())
}

async fn pump(from: ReadHalf<'_>, to: WriteHalf<'_>, seen: watch::Receiver<State>, answers: bool) {
    let (tell, reads) = mpsc::channel(READS_MAX);
    tokio::join!(read(from, tell, seen.clone()), write(to, reads, seen, answers));
}

async fn read(mut from: ReadHalf<'_>, tell: mpsc::Sender<(Instant, Vec<u8>)>, seen: watch::Receiver<State>) {
    loop {
        let mut bytes = Vec::with_capacity(READ_BYTES);
        if !from.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
            return;
        }
        let weather = seen.borrow().weather;
        let late = if let Weather::Late(late) = weather { late } else { Duration::ZERO };
        if tell.send((Instant::now() + late, bytes)).await.is_err() {
            return;
        }
    }
}

/// `None` once the other side has hung up.
async fn write(
    mut to: WriteHalf<'_>,
    mut reads: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut seen: watch::Receiver<State>,
    answers: bool,
) -> Option<()> {
    let lets_through = |state: &State| match state.weather {
        Weather::Silent => false,
        Weather::HalfOpen => !answers,
        _ => true,
    };
    while let Some((due, bytes)) = reads.recv().await {
        sleep_until(due).await;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let weather = seen.wait_for(lets_through).await.ok()?.weather;
            let size = match weather {
                Weather::Drip(size, pause) => {
                    sleep(pause).await;
                    size.min(rest.len())
                }
                _ => rest.len(),
            };
            let (now, later) = rest.split_at(size);
            to.write_all(now).await.ok()?;
            rest = later;
        }
    }
    seen.wait_for(lets_through).await.ok()?;
    to.shutdown().await.ok()
}
