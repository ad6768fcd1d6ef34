//! Sockets over completions.
//!
//! Chapters 13, 14 and 16. `completion/` has what sockets share with pipes.
//! `socket.rs` has what all sockets share. `tcp.rs`, `listener.rs` and `udp.rs` add
//! which calls start a read or a write, and what the outcomes mean.

mod listener;
mod socket;
mod tcp;
mod udp;

pub(crate) use listener::TcpListener;
pub(crate) use socket::into_std;
pub(crate) use tcp::TcpStream;
pub(crate) use udp::UdpSocket;
