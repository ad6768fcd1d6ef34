//! The smallest program.
use evq::{Events, Interests, Poll, Token, net::TcpListener};
fn main() -> std::io::Result<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    let registrator = poll.registrator();
    registrator.register(&mut listener, Token(7), Interests::READABLE)?;
    let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
    poll.poll(&mut events, None)?;
    println!("{:?}", events.iter().collect::<Vec<_>>());
    Ok(())
}
