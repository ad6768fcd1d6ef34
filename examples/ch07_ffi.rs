//! Chapter 7: foreign functions without the libc crate. It shows what the linker compares, where a
//! struct's fields lie, and how long the reason of a failed call lasts. Then it makes the same call
//! through evq's wrapper. With `-- --layouts`, it prints where the fields of this machine's structs
//! lie.

use std::fs::File;
use std::io;
use std::mem::offset_of;

use evq::inside::ffi;
use evq::inside::socket_ffi::{self, AF_INET, SO_ERROR, SOCK_STREAM, SOL_SOCKET};

fn main() -> io::Result<()> {
    if std::env::args().any(|argument| argument == "--layouts") {
        layouts();
        return Ok(());
    }
    println!("-- getpeername, as C declares it, and as a function of three floats");
    let [ours, wrong] = by_hand::addresses();
    println!("one address: {}", ours == wrong);

    println!("-- three fields: 2 bytes, 4 bytes, 2 bytes");
    fields();

    println!("-- a socket that is not connected is asked for its peer");
    let [returned, at_once, later, after_success] = reasons()?;
    println!("returned: {returned}");
    println!("the reason, at once: {}", name(at_once));
    println!("after a search for a file: {}", name(later));
    println!("after a call that succeeded: {}", name(after_success));

    println!("-- the same, by the wrapper");
    let socket = socket_ffi::socket(AF_INET, SOCK_STREAM)?;
    let error = socket_ffi::getpeername(by_hand::borrow(&socket)).unwrap_err();
    println!("{}", name(error.raw_os_error().unwrap_or(0)));
    Ok(())
}

/// The system's number for a reason, and Rust's name for it.
fn name(code: i32) -> String {
    format!("{code}, {:?}", io::Error::from_raw_os_error(code).kind())
}

// ANCHOR: fields
#[repr(C)]
struct ByC(u16, u32, u16);

#[repr(C, packed)]
struct Packed(u16, u32, u16);

struct ByRust(u16, u32, u16);

macro_rules! print_offsets {
    ($rules:literal, $of:ident) => {
        let offsets = [offset_of!($of, 0), offset_of!($of, 1), offset_of!($of, 2)];
        println!("{}: at {offsets:?}, {} bytes", $rules, size_of::<$of>());
    };
}

fn fields() {
    print_offsets!("C's rules", ByC);
    print_offsets!("the same, packed", Packed);
    print_offsets!("Rust's own", ByRust);
}
// ANCHOR_END: fields

#[cfg(unix)]
mod by_hand {
    use super::io;
    use std::ffi::{c_int, c_void};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

    // ANCHOR: twice
    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man2/getpeername.2.html>
        fn getpeername(fd: c_int, addr: *mut c_void, len: *mut u32) -> c_int;

        #[allow(clashing_extern_declarations)]
        #[link_name = "getpeername"]
        fn of_three_floats(a: f32, b: f32, c: f32) -> f64;
    }
    // ANCHOR_END: twice

    pub fn addresses() -> [*const (); 2] {
        [getpeername as *const (), of_three_floats as *const ()]
    }

    /// Asks for the peer, and returns what the call returned.
    pub fn ask(socket: &OwnedFd) -> c_int {
        let (mut room, mut len) = ([0_u64; 16], 128);
        // SAFETY: `room` is writable for `len` bytes.
        unsafe { getpeername(socket.as_raw_fd(), room.as_mut_ptr().cast(), &mut len) }
    }

    /// The reason that the system keeps for this thread's last failure.
    pub fn reason() -> i32 {
        io::Error::last_os_error().raw_os_error().unwrap_or(0)
    }

    pub fn borrow(socket: &OwnedFd) -> BorrowedFd<'_> {
        socket.as_fd()
    }
}

#[cfg(windows)]
mod by_hand {
    use std::ffi::c_void;
    use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, OwnedSocket};

    // ANCHOR: twice_windows
    #[link(name = "ws2_32")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock/nf-winsock-wsagetlasterror>
        fn WSAGetLastError() -> i32;

        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-getpeername>
        fn getpeername(s: usize, name: *mut c_void, namelen: *mut i32) -> i32;

        #[allow(clashing_extern_declarations)]
        #[link_name = "getpeername"]
        fn of_three_floats(a: f32, b: f32, c: f32) -> f64;
    }
    // ANCHOR_END: twice_windows

    pub fn addresses() -> [*const (); 2] {
        [getpeername as *const (), of_three_floats as *const ()]
    }

    /// Asks for the peer, and returns what the call returned.
    pub fn ask(socket: &OwnedSocket) -> i32 {
        let (mut room, mut len) = ([0_u64; 16], 128);
        let s = socket.as_raw_socket() as usize;
        // SAFETY: `room` is writable for `len` bytes.
        unsafe { getpeername(s, room.as_mut_ptr().cast(), &mut len) }
    }

    /// The reason that Winsock keeps for this thread's last failure.
    pub fn reason() -> i32 {
        // SAFETY: the call takes no argument and changes nothing.
        unsafe { WSAGetLastError() }
    }

    pub fn borrow(socket: &OwnedSocket) -> BorrowedSocket<'_> {
        socket.as_socket()
    }
}

// ANCHOR: reasons
/// What a failing call returns. Then its reason: at once, later, and after a call that succeeded.
fn reasons() -> io::Result<[i32; 4]> {
    let socket = socket_ffi::socket(AF_INET, SOCK_STREAM)?;
    let returned = by_hand::ask(&socket);
    let at_once = by_hand::reason();
    let _ = File::open("no such file");
    let later = by_hand::reason();
    let _: i32 = socket_ffi::option(by_hand::borrow(&socket), SOL_SOCKET, SO_ERROR)?;
    let after_success = by_hand::reason();
    Ok([returned, at_once, later, after_success])
}
// ANCHOR_END: reasons

/// Prints the size of one of C's structs, and where its fields lie.
macro_rules! layout {
    ($module:ident :: $name:ident { $($field:ident),* }) => {
        print!(concat!(stringify!($name), ": {} bytes"), size_of::<$module::$name>());
        $(print!(concat!(", ", stringify!($field), " at {}"), offset_of!($module::$name, $field));)*
        println!();
    };
}

fn layouts() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        layout!(ffi::epoll_event { events, data });
        layout!(ffi::kernel_timespec { tv_sec, tv_nsec });
    }
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    {
        layout!(ffi::kevent {
            ident,
            filter,
            flags,
            fflags,
            data,
            udata
        });
        layout!(ffi::timespec { tv_sec, tv_nsec });
    }
    #[cfg(unix)]
    {
        layout!(socket_ffi::iovec { base, len });
        layout!(socket_ffi::msghdr {
            name,
            namelen,
            iov,
            iovlen,
            control,
            controllen,
            flags
        });
    }
    #[cfg(windows)]
    {
        layout!(ffi::OVERLAPPED {
            Internal,
            InternalHigh,
            Offset,
            OffsetHigh,
            hEvent
        });
        layout!(ffi::OVERLAPPED_ENTRY {
            lpCompletionKey,
            lpOverlapped,
            Internal,
            dwNumberOfBytesTransferred
        });
        layout!(socket_ffi::WSABUF { len, buf });
    }
    layout!(socket_ffi::sockaddr_in {
        head,
        port,
        addr,
        zero
    });
    layout!(socket_ffi::sockaddr_in6 {
        head,
        port,
        flowinfo,
        addr,
        scope_id
    });
}
