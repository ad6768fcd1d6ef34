//! The structs of sockets on Windows. What fills and reads addresses is in
//! `net/address.rs`.

pub type SOCKET = usize;

/// What an address begins with: its family.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Family {
    pub family: u16,
}

/// An IPv4 address
/// (<https://learn.microsoft.com/en-us/windows/win32/api/ws2def/ns-ws2def-sockaddr_in>).
#[repr(C, align(4))]
#[derive(Clone, Copy)]
pub struct sockaddr_in {
    pub head: Family,
    /// In network order.
    pub port: [u8; 2],
    pub addr: [u8; 4],
    pub zero: [u8; 8],
}

/// An IPv6 address
/// (<https://learn.microsoft.com/en-us/windows/win32/api/ws2ipdef/ns-ws2ipdef-sockaddr_in6_lh>).
#[repr(C, align(4))]
#[derive(Clone, Copy)]
pub struct sockaddr_in6 {
    pub head: Family,
    /// In network order.
    pub port: [u8; 2],
    pub flowinfo: u32,
    pub addr: [u8; 16],
    pub scope_id: u32,
}

/// An address of either kind, with room for the longer.
#[repr(C)]
pub union Address {
    pub head: Family,
    pub v4: sockaddr_in,
    pub v6: sockaddr_in6,
}

/// An IPv4 group, and the address of one's own interface
/// (<https://learn.microsoft.com/en-us/windows/win32/api/ws2ipdef/ns-ws2ipdef-ip_mreq>).
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug)]
pub struct ip_mreq {
    pub multiaddr: [u8; 4],
    pub interface: [u8; 4],
}

/// An IPv6 group, and the number of an interface
/// (<https://learn.microsoft.com/en-us/windows/win32/api/ws2ipdef/ns-ws2ipdef-ipv6_mreq>).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ipv6_mreq {
    pub multiaddr: [u8; 16],
    pub interface: u32,
}

/// One of several buffers: what an `IoSlice` is guaranteed to be
/// (<https://learn.microsoft.com/en-us/windows/win32/api/ws2def/ns-ws2def-wsabuf>).
#[repr(C)]
pub struct WSABUF {
    pub len: u32,
    pub buf: *mut u8,
}

/// What `WSAStartup` tells of itself; the wrapper throws it away
/// (<https://learn.microsoft.com/en-us/windows/win32/api/winsock/ns-winsock-wsadata>).
#[repr(C)]
pub struct WSADATA {
    pub wVersion: u16,
    pub wHighVersion: u16,
    #[cfg(target_pointer_width = "64")]
    pub iMaxSockets: u16,
    #[cfg(target_pointer_width = "64")]
    pub iMaxUdpDg: u16,
    #[cfg(target_pointer_width = "64")]
    pub lpVendorInfo: *mut u8,
    pub szDescription: [u8; 257],
    pub szSystemStatus: [u8; 129],
    #[cfg(target_pointer_width = "32")]
    pub iMaxSockets: u16,
    #[cfg(target_pointer_width = "32")]
    pub iMaxUdpDg: u16,
    #[cfg(target_pointer_width = "32")]
    pub lpVendorInfo: *mut u8,
}
