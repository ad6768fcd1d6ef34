//! The sockets of epoll and kqueue. They are thin, because these kernels report
//! readiness and leave the reading and writing to us.

mod fd_source;
mod tcp;
mod udp;

pub(crate) use fd_source::{FdSource, into_std};
pub(crate) use tcp::{TcpListener, TcpStream};
pub(crate) use udp::UdpSocket;
