//! Compares the foreign declarations with `abi/table.txt`, at compile time and for
//! every target.
//!
//! `cargo check --tests --target ...` proves the declarations for that target.
//! `.ci/abi` proves the table with each system's own headers. This file must list
//! every row that the table has for the target. The table must have a row for every
//! declaration in the sources; the tests below check that at run time.

#[path = "abi/reader.rs"]
mod reader;

use std::collections::BTreeSet;
use std::mem::offset_of;

use evq::inside::{ffi, socket_ffi};

/// Asserts each listed declaration, and lists them all in `HELD`.
macro_rules! held {
    ($($(#[$cfg:meta])* $kind:ident $module:ident { $($what:tt)* })*) => {
        $($(#[$cfg])* assertions! { $kind $module { $($what)* } })*
        pub const HELD: &[&[&str]] = &[$($(#[$cfg])* names! { $kind { $($what)* } }),*];
    };
}

// ANCHOR: assertions
macro_rules! assertions {
    (const $module:ident { $($name:ident)* }) => { $(
        const _: () = assert!(
            $module::$name as i128 == crate::reader::value(stringify!($name)),
            concat!(stringify!($name), " is not what tests/abi/table.txt says"),
        );
    )* };
    (struct $module:ident { $($name:ident { $($c:ident: $($field:ident).+,)* })* }) => { $(
        const _: () = crate::reader::layout::<$module::$name>(stringify!($name), &[$(
            crate::reader::field(
                stringify!($c),
                offset_of!($module::$name, $($field).+),
                |value: $module::$name| value.$($field).+,
            ),
        )*]);

        impl crate::reader::Named for $module::$name {
            const NAMES: &'static [&'static str] =
                &[concat!("struct ", stringify!($name)), stringify!($name)];
        }
    )* };
    (fn $module:ident { $($name:ident($($argument:tt)*))* }) => { $(
        const _: () = crate::reader::prototype(
            stringify!($name),
            $module::c::$name as unsafe extern "C" fn($($argument)*) -> _,
        );
    )* };
    // ANCHOR_END: assertions
    // The remaining kinds exist on Windows only.
    (pointer $module:ident { $($name:ident)* }) => { $(
        const _: () = assert!(
            crate::reader::address($module::$name) == crate::reader::value(stringify!($name)),
            concat!(stringify!($name), " is not what tests/abi/table.txt says"),
        );
    )* };
    (guid $module:ident { $($name:ident)* }) => { $(
        const _: () = {
            let ($module::GUID { Data1, Data2, Data3, Data4 }, mut i) = ($module::$name, 0);
            let (a, b, c) = (Data1.to_be_bytes(), Data2.to_be_bytes(), Data3.to_be_bytes());
            let ours = [
                a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], Data4[0], Data4[1], Data4[2],
                Data4[3], Data4[4], Data4[5], Data4[6], Data4[7],
            ];
            while i < 16 {
                assert!(
                    ours[i] == crate::reader::guid(stringify!($name))[i],
                    concat!(stringify!($name), " is not what tests/abi/table.txt says"),
                );
                i += 1;
            }
        };
    )* };
    (system $module:ident { $($name:ident($($argument:tt)*))* }) => { $(
        const _: () = crate::reader::prototype(
            stringify!($name),
            $module::c::$name as unsafe extern "system" fn($($argument)*) -> _,
        );
    )* };
    (type $module:ident { $($name:ident)* }) => { $(
        const _: () = crate::reader::prototype_of::<$module::$name>("type", stringify!($name));
    )* };
}

macro_rules! names {
    (const { $($name:ident)* }) => { &[$(concat!("const ", stringify!($name))),*] };
    (struct { $($name:ident { $($field:tt)* })* }) => {
        &[$(concat!("struct ", stringify!($name))),*]
    };
    (fn { $($name:ident($($argument:tt)*))* }) => { &[$(concat!("fn ", stringify!($name))),*] };
    (pointer { $($name:ident)* }) => { &[$(concat!("const ", stringify!($name))),*] };
    (guid { $($name:ident)* }) => { &[$(concat!("guid ", stringify!($name))),*] };
    (system { $($name:ident($($argument:tt)*))* }) => {
        &[$(concat!("fn ", stringify!($name))),*]
    };
    (type { $($name:ident)* }) => { &[$(concat!("type ", stringify!($name))),*] };
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
mod queue {
    use super::*;
    use evq::inside::mask;

    // ANCHOR: epoll
    held! {
        const mask { EPOLLIN EPOLLOUT EPOLLERR EPOLLHUP EPOLLRDHUP EPOLLONESHOT EPOLLET }
        const ffi {
            EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD
            EPOLL_CLOEXEC EFD_CLOEXEC EFD_NONBLOCK SYS_EPOLL_PWAIT2
        }
        struct ffi {
            epoll_event { events: events, data: data, }
            kernel_timespec { tv_sec: tv_sec, tv_nsec: tv_nsec, }
        }
        fn ffi {
            epoll_create1(_) epoll_ctl(_, _, _, _) epoll_wait(_, _, _, _) eventfd(_, _)
            read(_, _, _) write(_, _, _) syscall(_, ...)
        }
    }
    // ANCHOR_END: epoll
}

#[cfg(all(
    unix,
    not(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))
))]
mod queue {
    use super::*;
    use evq::inside::changes;

    held! {
        const changes {
            EV_ADD EV_DELETE EV_ENABLE EV_CLEAR EV_RECEIPT EV_DISPATCH EV_ERROR EV_EOF
        }
        const ffi {
            EVFILT_READ EVFILT_WRITE EVFILT_USER NOTE_TRIGGER EBADF
        }
        #[cfg(not(target_os = "netbsd"))]
        const ffi { F_SETFD FD_CLOEXEC }
        #[cfg(target_os = "netbsd")]
        const ffi { O_CLOEXEC }
        #[cfg(not(target_os = "freebsd"))]
        struct ffi {
            kevent {
                ident: ident, filter: filter, flags: flags, fflags: fflags,
                data: data, udata: udata,
            }
        }
        #[cfg(target_os = "freebsd")]
        struct ffi {
            kevent {
                ident: ident, filter: filter, flags: flags, fflags: fflags,
                data: data, udata: udata, ext: ext,
            }
        }
        struct ffi { timespec { tv_sec: tv_sec, tv_nsec: tv_nsec, } }
        fn ffi {
            kevent(_, _, _, _, _, _)
        }
        #[cfg(not(target_os = "netbsd"))]
        fn ffi { kqueue() fcntl(_, _, ...) }
        #[cfg(target_os = "netbsd")]
        fn ffi { kqueue1(_) }
    }
}

#[cfg(windows)]
mod queue {
    use super::*;
    use evq::inside::{errors, pipe_ffi};

    held! {
        const ffi {
            INFINITE FILE_SKIP_COMPLETION_PORT_ON_SUCCESS FILE_SKIP_SET_EVENT_ON_HANDLE
        }
        const errors {
            ERROR_INVALID_PARAMETER ERROR_BROKEN_PIPE ERROR_NO_DATA
            ERROR_PIPE_NOT_CONNECTED ERROR_MORE_DATA WAIT_TIMEOUT ERROR_PIPE_CONNECTED
            ERROR_PIPE_LISTENING ERROR_OPERATION_ABORTED ERROR_IO_PENDING
            ERROR_PORT_UNREACHABLE ERROR_NO_SYSTEM_RESOURCES ERROR_WORKING_SET_QUOTA
            ERROR_NOT_ENOUGH_QUOTA WSAENOBUFS WSAEWOULDBLOCK WSAEMSGSIZE WSAENETRESET
            WSAECONNABORTED WSAECONNRESET WSAENOTCONN WSAESHUTDOWN WSAECONNREFUSED
        }
        pointer ffi { INVALID_HANDLE_VALUE }
        struct ffi {
            OVERLAPPED {
                Internal: Internal, InternalHigh: InternalHigh, Offset: Offset,
                OffsetHigh: OffsetHigh, hEvent: hEvent,
            }
            OVERLAPPED_ENTRY {
                lpCompletionKey: lpCompletionKey, lpOverlapped: lpOverlapped,
                Internal: Internal, dwNumberOfBytesTransferred: dwNumberOfBytesTransferred,
            }
        }
        system ffi {
            CreateIoCompletionPort(_, _, _, _) GetQueuedCompletionStatusEx(_, _, _, _, _, _)
            PostQueuedCompletionStatus(_, _, _, _) CancelIoEx(_, _)
            SetFileCompletionNotificationModes(_, _) RtlNtStatusToDosError(_)
        }
        const pipe_ffi {
            GENERIC_READ GENERIC_WRITE OPEN_EXISTING FILE_FLAG_OVERLAPPED
            FILE_FLAG_FIRST_PIPE_INSTANCE SECURITY_SQOS_PRESENT SECURITY_IDENTIFICATION
            PIPE_ACCESS_DUPLEX PIPE_TYPE_BYTE PIPE_READMODE_BYTE PIPE_WAIT
            PIPE_REJECT_REMOTE_CLIENTS PIPE_UNLIMITED_INSTANCES
        }
        system pipe_ffi {
            CreateNamedPipeW(_, _, _, _, _, _, _, _) ConnectNamedPipe(_, _)
            DisconnectNamedPipe(_) CreateFileW(_, _, _, _, _, _, _) ReadFile(_, _, _, _, _)
            WriteFile(_, _, _, _, _) GetOverlappedResult(_, _, _, _)
        }
    }
}

mod sockets {
    use super::*;

    held! {
        const socket_ffi {
            AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_ERROR SO_BROADCAST
            IPPROTO_IP IPPROTO_TCP IPPROTO_IPV6 IP_TTL IPV6_UNICAST_HOPS TCP_NODELAY
            IP_MULTICAST_TTL IP_MULTICAST_LOOP IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP
            IPV6_MULTICAST_LOOP IPV6_JOIN_GROUP IPV6_LEAVE_GROUP IPV6_V6ONLY
            MSG_PEEK SHUT_RD SHUT_WR SHUT_RDWR
        }
        #[cfg(any(windows, target_os = "linux", target_os = "android"))]
        struct socket_ffi {
            sockaddr_in {
                sin_family: head.family, sin_port: port, sin_addr: addr, sin_zero: zero,
            }
            sockaddr_in6 {
                sin6_family: head.family, sin6_port: port, sin6_flowinfo: flowinfo,
                sin6_addr: addr, sin6_scope_id: scope_id,
            }
        }
        #[cfg(not(any(windows, target_os = "linux", target_os = "android")))]
        struct socket_ffi {
            sockaddr_in {
                sin_len: head.len, sin_family: head.family, sin_port: port, sin_addr: addr,
                sin_zero: zero,
            }
            sockaddr_in6 {
                sin6_len: head.len, sin6_family: head.family, sin6_port: port,
                sin6_flowinfo: flowinfo, sin6_addr: addr, sin6_scope_id: scope_id,
            }
        }
        struct socket_ffi {
            ip_mreq { imr_multiaddr: multiaddr, imr_interface: interface, }
            ipv6_mreq { ipv6mr_multiaddr: multiaddr, ipv6mr_interface: interface, }
        }
        system socket_ffi {
            bind(_, _, _) listen(_, _) connect(_, _, _) getsockname(_, _, _) getpeername(_, _, _)
            getsockopt(_, _, _, _, _) setsockopt(_, _, _, _, _)
            recv(_, _, _, _) recvfrom(_, _, _, _, _, _) send(_, _, _, _) sendto(_, _, _, _, _, _)
            shutdown(_, _)
        }
    }
}

#[cfg(windows)]
mod own_sockets {
    use super::*;

    held! {
        const socket_ffi {
            INVALID_SOCKET WSA_FLAG_OVERLAPPED WSA_FLAG_NO_HANDLE_INHERIT HANDLE_FLAG_INHERIT
            FIONBIO SIO_GET_EXTENSION_FUNCTION_POINTER SIO_UDP_CONNRESET
            SO_PROTOCOL_INFOW XP1_IFS_HANDLES SO_UPDATE_ACCEPT_CONTEXT SO_UPDATE_CONNECT_CONTEXT
        }
        guid socket_ffi { WSAID_ACCEPTEX WSAID_CONNECTEX }
        struct socket_ffi {
            WSABUF { len: len, buf: buf, }
            WSAPROTOCOL_INFOW { dwServiceFlags1: dwServiceFlags1, }
            GUID { Data1: Data1, Data2: Data2, Data3: Data3, Data4: Data4, }
        }
        #[cfg(target_pointer_width = "64")]
        struct socket_ffi {
            WSADATA {
                wVersion: wVersion, wHighVersion: wHighVersion, iMaxSockets: iMaxSockets,
                iMaxUdpDg: iMaxUdpDg, lpVendorInfo: lpVendorInfo,
                szDescription: szDescription, szSystemStatus: szSystemStatus,
            }
        }
        #[cfg(target_pointer_width = "32")]
        struct socket_ffi {
            WSADATA {
                wVersion: wVersion, wHighVersion: wHighVersion,
                szDescription: szDescription, szSystemStatus: szSystemStatus,
                iMaxSockets: iMaxSockets, iMaxUdpDg: iMaxUdpDg, lpVendorInfo: lpVendorInfo,
            }
        }
        system socket_ffi {
            WSAStartup(_, _) WSAGetLastError() WSASocketW(_, _, _, _, _, _) accept(_, _, _)
            ioctlsocket(_, _, _) WSAIoctl(_, _, _, _, _, _, _, _, _)
            WSARecv(_, _, _, _, _, _, _) WSASend(_, _, _, _, _, _, _)
            WSARecvFrom(_, _, _, _, _, _, _, _, _) WSASendTo(_, _, _, _, _, _, _, _, _)
            WSAGetOverlappedResult(_, _, _, _, _) SetHandleInformation(_, _, _)
        }
        type socket_ffi { AcceptEx ConnectEx CompletionRoutine }
    }

    impl reader::Named for Option<socket_ffi::CompletionRoutine> {
        const NAMES: &'static [&'static str] = &["LPWSAOVERLAPPED_COMPLETION_ROUTINE"];
    }
}

#[cfg(unix)]
mod own_sockets {
    use super::*;

    held! {
        const socket_ffi { EINPROGRESS SO_REUSEADDR MSG_NOSIGNAL IOV_MAX F_DUPFD_CLOEXEC }
        #[cfg(not(any(target_os = "macos", target_os = "ios")))]
        const socket_ffi { SOCK_CLOEXEC SOCK_NONBLOCK }
        #[cfg(any(target_os = "macos", target_os = "ios"))]
        const socket_ffi { F_SETFD FD_CLOEXEC F_SETFL O_NONBLOCK SO_NOSIGPIPE }
        struct socket_ffi {
            iovec { iov_base: base, iov_len: len, }
            msghdr {
                msg_name: name, msg_namelen: namelen, msg_iov: iov, msg_iovlen: iovlen,
                msg_control: control, msg_controllen: controllen, msg_flags: flags,
            }
        }
        fn socket_ffi { socket(_, _, _) fcntl(_, _, ...) readv(_, _, _) sendmsg(_, _, _) }
        #[cfg(not(any(target_os = "macos", target_os = "ios")))]
        fn socket_ffi { accept4(_, _, _, _) }
        #[cfg(any(target_os = "macos", target_os = "ios"))]
        fn socket_ffi { accept(_, _, _) }
    }
}

/// These are ours, not C's, so the table has no row for them.
const OURS: &[&str] = &[
    // One change, before it becomes the system's kevent.
    "struct Change",
    // The first fields of every sockaddr. The rows of sockaddr_in and sockaddr_in6 cover them.
    "struct Family",
    // A sockaddr_in or a sockaddr_in6.
    "union Address",
    // AcceptEx writes two addresses, each with the room that it demands.
    "const ADDRESS_ROOM",
    "struct Addresses",
    // The memory of an unused operation, and the flags that we pass to send.
    "const ZEROED",
    "const SEND_FLAGS",
];

impl reader::Named for socket_ffi::Address {
    const NAMES: &'static [&'static str] = &["struct sockaddr"];
}

const _: () = {
    assert!(size_of::<socket_ffi::Address>() == size_of::<socket_ffi::sockaddr_in6>());
    assert!(align_of::<socket_ffi::Address>() == align_of::<socket_ffi::sockaddr_in6>());
};

// The standard library promises that IoSlice has the layout of the system's struct.
const _: () = {
    #[cfg(windows)]
    use socket_ffi::WSABUF as buffer;
    #[cfg(unix)]
    use socket_ffi::iovec as buffer;

    assert!(size_of::<std::io::IoSlice>() == size_of::<buffer>());
    assert!(size_of::<std::io::IoSliceMut>() == size_of::<buffer>());
};

// The lists above must name every row that fits this target.
const _: () = {
    let mut i = 0;
    while i < reader::ROWS.len() {
        let row = reader::ROWS[i];
        assert!(
            listed(row, queue::HELD)
                || listed(row, sockets::HELD)
                || listed(row, own_sockets::HELD),
            "tests/abi/table.txt has a row for this target that no `held!` list of tests/abi.rs names"
        );
        i += 1;
    }
};

const fn listed(row: reader::Row, groups: &[&[&str]]) -> bool {
    let mut group = 0;
    while group < groups.len() {
        let mut i = 0;
        while i < groups[group].len() {
            let (kind, name) = groups[group][i].as_bytes().split_at(row.kind.len());
            if reader::same(kind, row.kind) && reader::same(name.trim_ascii(), row.name) {
                return true;
            }
            i += 1;
        }
        group += 1;
    }
    false
}

// The tests below read the sources as text, so they see the declarations of every system.

const TABLE: &str = include_str!("abi/table.txt");

const SOURCES: &[&str] = &[
    include_str!("../src/epoll/ffi.rs"),
    include_str!("../src/epoll/mask.rs"),
    include_str!("../src/kqueue/ffi.rs"),
    include_str!("../src/kqueue/changes.rs"),
    include_str!("../src/net/ffi.rs"),
    include_str!("../src/net/ffi/numbers.rs"),
    include_str!("../src/net/ffi/unix.rs"),
    include_str!("../src/iocp/ffi.rs"),
    include_str!("../src/iocp/ffi/errors.rs"),
    include_str!("../src/net/ffi/windows.rs"),
    include_str!("../src/net/ffi/windows/overlapped.rs"),
    include_str!("../src/windows/ffi.rs"),
];

/// Everything that the sources declare: `const EPOLLIN`, `struct kevent`, `fn kqueue`.
fn declared() -> BTreeSet<String> {
    let mut declared = BTreeSet::new();
    for source in SOURCES {
        let mut foreign = false;
        // The unit tests at a file's end declare nothing foreign.
        let source = source.split("#[cfg(test)]").next().unwrap();
        for line in source.lines() {
            foreign =
                (foreign || line.contains("unsafe extern") && line.ends_with('{')) && line != "}";
            let line = line.trim_start();
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let Some((kind, rest)) = line.split_once(' ') else {
                continue;
            };
            let name = rest.split(['(', ':', ' ']).next().unwrap();
            // A `const` of type `bool` is a fact about the target, not a constant of C.
            let is_declaration = match kind {
                "const" => !rest.starts_with("_:") && !rest.contains(": bool") && name != "fn",
                "struct" | "union" => true,
                "fn" => foreign,
                "type" => rest.contains("extern \"system\" fn"),
                _ => false,
            };
            if is_declaration {
                declared.insert(format!("{kind} {name}"));
            }
        }
    }
    for ours in OURS {
        assert!(
            declared.remove(*ours),
            "OURS names {ours}, but no source declares it"
        );
    }
    declared
}

/// A row: for which systems it counts, what it declares, and the name that C uses.
struct Row<'a> {
    place: &'a str,
    says: String,
    other: Option<&'a str>,
    /// Only a constant has one.
    value: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let is_row = |line: &&str| {
        ["const ", "guid ", "struct ", "fn ", "type "]
            .iter()
            .any(|kind| line.starts_with(kind))
    };
    let rows = TABLE.lines().filter(is_row).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, other) = match words[2].split_once('=') {
            Some((name, other)) => (name, Some(other)),
            None => (words[2], None),
        };
        Row {
            place: words[1],
            says: format!("{} {name}", words[0].replace("guid", "const")),
            other,
            value: words[3],
        }
    });
    rows.collect()
}

#[test]
fn every_declaration_has_its_row_and_every_row_its_declaration() {
    let for_rust = |row: &Row| !row.place.split(',').all(|place| place.ends_with(":c"));
    let rows: BTreeSet<String> = rows()
        .into_iter()
        .filter(for_rust)
        .map(|row| row.says)
        .collect();
    let declared = declared();
    assert!(declared.len() > 80, "only {declared:?}");
    let without_row: Vec<_> = declared.difference(&rows).collect();
    assert!(
        without_row.is_empty(),
        "tests/abi/table.txt has no row for {without_row:?}"
    );
    let without_declaration: Vec<_> = rows.difference(&declared).collect();
    assert!(
        without_declaration.is_empty(),
        "tests/abi/table.txt has rows that no file of `SOURCES` declares: {without_declaration:?}"
    );
}

#[test]
fn link_names_are_those_of_the_table() {
    let mut in_table = BTreeSet::new();
    for row in rows() {
        if let (Some(symbol), Some(function)) = (row.other, row.says.strip_prefix("fn ")) {
            if let Some(system) = row.place.split(':').next() {
                if !row.place.ends_with(":c") {
                    in_table.insert(format!("{system} {function} {symbol}"));
                }
            }
        }
    }
    let mut in_sources = BTreeSet::new();
    for source in SOURCES {
        for (at, _) in source.match_indices("link_name") {
            let line = source[..at].rfind('\n').unwrap();
            let quoted: Vec<&str> = source[line..].split('"').collect();
            let after = &source[at..];
            let function = &after[after.find("fn ").unwrap() + 3..];
            let function = &function[..function.find('(').unwrap()];
            in_sources.insert(format!("{} {function} {}", quoted[1], quoted[3]));
        }
        // On Windows a function's row also names its library.
        let blocks = source.split("link(name = \"").skip(1);
        for block in blocks.filter(|block| !block.starts_with("kqueue")) {
            let block = block.split("\n    }\n").next().unwrap();
            let library = block.split('"').next().unwrap();
            for declaration in block.split("pub fn ").skip(1) {
                let function = declaration.split('(').next().unwrap();
                in_sources.insert(format!("windows {function} {library}"));
            }
        }
    }
    assert_eq!(in_table, in_sources);
}

#[test]
#[cfg_attr(miri, ignore = "reads the sources' files")]
fn no_other_file_declares_foreign_functions() {
    let (mut folders, mut foreign) = (vec![std::path::PathBuf::from("src")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let mut code = text.lines().filter(|line| !line.trim().starts_with("//"));
            if code.any(|line| line.contains("unsafe extern \"")) {
                let known = SOURCES.contains(&text.as_str());
                assert!(known, "{} is missing in SOURCES", path.display());
                foreign += 1;
            }
        }
    }
    assert!(foreign > 5, "only {foreign} files");
}

/// The examples that declare foreign functions themselves.
fn raw_examples() -> Vec<(String, String)> {
    let files = std::fs::read_dir("examples").unwrap();
    let files = files.map(|file| file.unwrap().path());
    let texts = files.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), text)
    });
    texts
        .filter(|(_, text)| text.contains("unsafe extern"))
        .collect()
}

fn arguments(list: &str) -> usize {
    let words = list.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty() && *word != "void")
        .count()
}

#[test]
#[cfg_attr(miri, ignore = "reads the examples' files")]
fn what_the_examples_declare_is_what_the_table_says() {
    let mut compared = 0;
    for (example, text) in raw_examples() {
        for block in text.split("unsafe extern").skip(1) {
            let block = block.split("\n    }\n").next().unwrap();
            let before = block.split("fn ");
            for (before, declaration) in before.clone().zip(before.skip(1)) {
                // One example declares a function wrongly on purpose, and never calls it.
                if before.contains("clashing_extern_declarations") {
                    continue;
                }
                let (function, rest) = declaration.split_once('(').unwrap();
                let ours = arguments(rest.split(')').next().unwrap());
                let row = TABLE.lines().find(|line| {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    words.len() > 2
                        && words[0] == "fn"
                        && words[2].split('=').next() == Some(function)
                });
                let row = row.unwrap_or_else(|| panic!("{example}: no row for {function}"));
                let list = row.split_once('(').unwrap().1.trim_end_matches(')');
                assert_eq!(ours, arguments(list), "{example}: arguments of {function}");
                compared += 1;
            }
        }
        for line in text.lines() {
            let Some((name, rest)) = line
                .trim_start()
                .strip_prefix("const ")
                .and_then(|rest| rest.split_once(':'))
            else {
                continue;
            };
            let Some(ours) = rest
                .split_once("= ")
                .and_then(|(_, value)| number(&value.replace([';', '_'], "")))
            else {
                continue;
            };
            let says = format!("const {name}");
            let values: Vec<i128> = rows()
                .iter()
                .filter(|row| row.says == says)
                .filter_map(|row| number(row.value))
                .collect();
            if !values.is_empty() {
                assert!(
                    values.contains(&ours),
                    "{example}: {name} is not {ours}, but one of {values:?}"
                );
                compared += 1;
            }
        }
        // Only raw examples must assert their layouts.
        let structs = text.split("#[repr(C)]").skip(1);
        for declaration in structs.filter(|_| example.contains("_raw_")) {
            let name = declaration.split_once("struct ").unwrap().1;
            let name = name.split([' ', '(', ';']).next().unwrap();
            let held = [
                format!("size_of::<{name}>() =="),
                format!("offset_of!({name}, "),
            ];
            assert!(
                held.iter().any(|assertion| text.contains(assertion)),
                "{example}: the layout of {name} is not asserted"
            );
        }
    }
    assert!(compared > 6, "only {compared} declarations were compared");
}

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
