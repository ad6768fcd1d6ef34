//! The sockets of epoll and kqueue. These kernels report readiness, so a method makes
//! one call and needs no state of its own.

mod fd_source;
mod tcp;
mod udp;

pub(crate) use fd_source::{FdSource, into_std};
pub(crate) use tcp::{TcpListener, TcpStream};
pub(crate) use udp::UdpSocket;
