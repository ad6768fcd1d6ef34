//! The sockets of epoll and kqueue: thin, for these kernels report readiness
//! and leave the reading and writing to us.

mod as_fd;
pub mod ffi;
mod tcp;
mod udp;
mod watched;

pub(crate) use tcp::{TcpListener, TcpStream};
pub(crate) use udp::UdpSocket;
pub(crate) use watched::Watched;
