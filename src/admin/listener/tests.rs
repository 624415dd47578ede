use super::*;

const ASKING_MAX: Duration = Duration::from_secs(15);

async fn bounded() -> (Bounded, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (Bounded::new(listener, ASKING_MAX), addr)
}

/// Reads until there is nothing more to be read; what came, and why no more does.
async fn end(visit: &mut Visit) -> (usize, io::ErrorKind) {
    let mut seen = 0;
    loop {
        let mut bytes = [0; 8];
        let mut buf = ReadBuf::new(&mut bytes);
        match std::future::poll_fn(|cx| Pin::new(&mut *visit).poll_read(cx, &mut buf)).await {
            Ok(()) => seen += buf.filled().len(),
            Err(error) => return (seen, error.kind()),
        }
    }
}

#[tokio::test]
async fn only_so_many_are_let_in_until_one_leaves() {
    let (mut listener, addr) = bounded().await;
    let mut clients = Vec::new();
    let mut visits = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        clients.push(TcpStream::connect(addr).await.unwrap());
        visits.push(listener.accept().await);
    }
    visits.iter().for_each(|(visit, _)| visit.turn.asked());
    clients.push(TcpStream::connect(addr).await.unwrap());
    let full = {
        let mut next = std::pin::pin!(listener.place());
        std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await
    };
    assert!(full);
    visits.pop();
    listener.accept().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_says_nothing_is_closed() {
    let (mut listener, addr) = bounded().await;
    let _client = TcpStream::connect(addr).await.unwrap();
    let (mut visit, _) = listener.accept().await;
    let start = Instant::now();
    assert_eq!(end(&mut visit).await, (0, io::ErrorKind::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn one_that_says_a_byte_now_and_then_is_closed_at_the_same_time() {
    let (mut listener, addr) = bounded().await;
    let client = TcpStream::connect(addr).await.unwrap();
    let (mut visit, _) = listener.accept().await;
    let start = Instant::now();
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            client.try_write(b"x").unwrap();
        }
    };
    let ended = tokio::select! {
        ended = end(&mut visit) => ended,
        () = drip => unreachable!(),
    };
    assert_eq!(ended, (3, io::ErrorKind::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_answer_is_not_closed_and_has_its_whole_time_again_after_it() {
    let (mut listener, addr) = bounded().await;
    let _client = TcpStream::connect(addr).await.unwrap();
    let (mut visit, _) = listener.accept().await;
    let (start, turn) = (Instant::now(), Arc::clone(&visit.turn));
    turn.asked();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(307)).await;
        turn.answered();
    });
    assert_eq!(end(&mut visit).await.1, io::ErrorKind::TimedOut);
    assert_eq!(start.elapsed().as_secs(), 322);
}

#[tokio::test(start_paused = true)]
async fn where_every_place_is_taken_the_one_that_has_been_asking_for_longest_leaves_at_once() {
    let (mut listener, addr) = bounded().await;
    let mut clients = Vec::new();
    let mut visits = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        clients.push(TcpStream::connect(addr).await.unwrap());
        visits.push(listener.accept().await.0);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    visits[0].turn.asked();
    clients.push(TcpStream::connect(addr).await.unwrap());
    let start = Instant::now();
    let mut second = visits.remove(1);
    let leaves = tokio::spawn(async move { end(&mut second).await });
    listener.accept().await;
    assert_eq!(leaves.await.unwrap(), (0, io::ErrorKind::TimedOut));
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(visits.iter().all(|visit| !visit.turn.state().has_to_leave), "nobody else is sent away");
}
