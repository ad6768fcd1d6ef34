//! What a program may rely on about the public types, beside what they do. It must
//! be the same on every system. The compiler checks that: where a signature
//! differs, this file does not compile.

use std::fmt::{self, Debug, Write};
use std::hash::Hash;
use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::ops::{BitOr, BitOrAssign};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use evq::net::{TcpListener, TcpStream, UdpSocket};
use evq::{
    Event, Events, Interests, Poll, Readiness, Registration, Registrator, SetReadiness, Source,
    Token, Trigger, Waker, Watch,
};

/// Every public function, by its exact type.
mod signatures {
    use super::*;

    type Done = io::Result<()>;

    const _: fn() -> io::Result<Poll> = Poll::new;
    const _: fn(&Poll) -> &Registrator = Poll::registrator;
    const _: fn(&mut Poll, &mut Events, Option<Duration>) -> io::Result<usize> = Poll::poll;

    type Register<S> = fn(&Registrator, &mut S, Token, Interests) -> Done;
    type Deregister<S> = fn(&Registrator, &mut S) -> Done;
    type RegisterWith<S> = fn(&Registrator, &mut S, Token, Interests, Trigger) -> Done;
    const _: Register<Registration> = Registrator::register;
    const _: Register<dyn Source> = Registrator::register;
    const _: RegisterWith<Registration> = Registrator::register_with;
    const _: RegisterWith<dyn Source> = Registrator::register_with;
    const _: Register<Registration> = Registrator::reregister;
    const _: Register<dyn Source> = Registrator::reregister;
    const _: RegisterWith<Registration> = Registrator::reregister_with;
    const _: RegisterWith<dyn Source> = Registrator::reregister_with;
    const _: Deregister<Registration> = Registrator::deregister;
    const _: Deregister<dyn Source> = Registrator::deregister;
    const _: fn(&Registrator) -> Done = Registrator::close_loop;

    /// The functions of `Source`, called through `dyn`, as the crate calls them.
    type Added = fn(&mut dyn Source, &Registrator, Watch) -> Done;
    const _: Added = |source, queue, watch| <dyn Source>::register(source, queue, watch);
    const _: Added = |source, queue, watch| <dyn Source>::reregister(source, queue, watch);
    const _: fn(&mut dyn Source, &Registrator) -> Done =
        |source, queue| <dyn Source>::deregister(source, queue);

    const _: fn(usize) -> Token = Token;
    const _: fn(Token) -> usize = usize::from;
    const _: [Interests; 2] = [Interests::READABLE, Interests::WRITABLE];
    const _: fn(Interests, Interests) -> Interests = Interests::union;
    const _: fn(&mut Interests, Interests) = BitOrAssign::bitor_assign;
    const _: [Trigger; 3] = [Trigger::Edge, Trigger::Level, Trigger::Oneshot];
    const _: [Readiness; 6] = [
        Readiness::EMPTY,
        Readiness::READABLE,
        Readiness::WRITABLE,
        Readiness::READ_CLOSED,
        Readiness::WRITE_CLOSED,
        Readiness::ERROR,
    ];
    // A `const` can call these too.
    const _: (bool, bool) = (
        Interests::is_readable(Interests::READABLE),
        Interests::is_writable(Interests::READABLE),
    );
    const _: (bool, bool) = (
        Readiness::is_empty(Readiness::EMPTY),
        Readiness::contains(Readiness::EMPTY, Readiness::EMPTY),
    );

    const _: fn(usize) -> Events = Events::with_capacity;
    const _: fn(&Events) -> usize = Events::capacity;
    const _: fn(&Events) -> std::slice::Iter<'_, Event> = Events::iter;
    const _: fn(&Events) -> std::slice::Iter<'_, Event> = |events| events.into_iter();
    const _: fn(&Events) -> usize = Events::len;
    const _: fn(&Events) -> bool = Events::is_empty;
    const _: fn(&mut Events) = Events::clear;
    const _: fn(&Event) -> Token = Event::token;
    const _: fn(&Event) -> bool = Event::is_readable;
    const _: fn(&Event) -> bool = Event::is_writable;
    const _: fn(&Event) -> bool = Event::is_read_closed;
    const _: fn(&Event) -> bool = Event::is_write_closed;
    const _: fn(&Event) -> bool = Event::is_error;

    const _: fn(&Registrator, Token) -> io::Result<Waker> = Waker::new;
    const _: fn(&Waker) -> Done = Waker::wake;
    const _: fn() -> (Registration, SetReadiness) = Registration::new;
    const _: fn(&SetReadiness) -> Readiness = SetReadiness::readiness;
    const _: fn(&SetReadiness, Readiness) -> Done = SetReadiness::set_readiness;

    const _: fn(SocketAddr) -> io::Result<TcpListener> = TcpListener::bind;
    const _: fn(net::TcpListener) -> io::Result<TcpListener> = TcpListener::from_std;
    const _: fn(TcpListener) -> io::Result<net::TcpListener> = TcpListener::into_std;
    const _: fn(&TcpListener) -> io::Result<(TcpStream, SocketAddr)> = TcpListener::accept;
    const _: fn(&TcpListener) -> io::Result<TcpListener> = TcpListener::try_clone;
    const _: fn(&TcpListener) -> io::Result<SocketAddr> = TcpListener::local_addr;
    const _: fn(&TcpListener) -> io::Result<u32> = TcpListener::ttl;
    const _: fn(&TcpListener, u32) -> Done = TcpListener::set_ttl;
    const _: fn(&TcpListener) -> io::Result<Option<io::Error>> = TcpListener::take_error;

    const _: fn(SocketAddr) -> io::Result<TcpStream> = TcpStream::connect;
    const _: fn(net::TcpStream) -> io::Result<TcpStream> = TcpStream::from_std;
    const _: fn(TcpStream) -> io::Result<net::TcpStream> = TcpStream::into_std;
    const _: fn(&TcpStream, &mut [u8]) -> io::Result<usize> = TcpStream::peek;
    const _: fn(&TcpStream, Shutdown) -> Done = TcpStream::shutdown;
    const _: fn(&TcpStream) -> io::Result<TcpStream> = TcpStream::try_clone;
    const _: fn(&TcpStream) -> io::Result<SocketAddr> = TcpStream::local_addr;
    const _: fn(&TcpStream) -> io::Result<SocketAddr> = TcpStream::peer_addr;
    const _: fn(&TcpStream) -> io::Result<bool> = TcpStream::nodelay;
    const _: fn(&TcpStream, bool) -> Done = TcpStream::set_nodelay;
    const _: fn(&TcpStream) -> io::Result<u32> = TcpStream::ttl;
    const _: fn(&TcpStream, u32) -> Done = TcpStream::set_ttl;
    const _: fn(&TcpStream) -> io::Result<Option<io::Error>> = TcpStream::take_error;

    type Received = io::Result<(usize, SocketAddr)>;
    type GroupV4 = fn(&UdpSocket, &Ipv4Addr, &Ipv4Addr) -> Done;
    type GroupV6 = fn(&UdpSocket, &Ipv6Addr, u32) -> Done;
    const _: fn(SocketAddr) -> io::Result<UdpSocket> = UdpSocket::bind;
    const _: fn(net::UdpSocket) -> io::Result<UdpSocket> = UdpSocket::from_std;
    const _: fn(UdpSocket) -> io::Result<net::UdpSocket> = UdpSocket::into_std;
    const _: fn(&UdpSocket, SocketAddr) -> Done = UdpSocket::connect;
    const _: fn(&UdpSocket, &[u8], SocketAddr) -> io::Result<usize> = UdpSocket::send_to;
    const _: fn(&UdpSocket, &mut [u8]) -> Received = UdpSocket::recv_from;
    const _: fn(&UdpSocket, &mut [u8]) -> Received = UdpSocket::peek_from;
    const _: fn(&UdpSocket, &[u8]) -> io::Result<usize> = UdpSocket::send;
    const _: fn(&UdpSocket, &mut [u8]) -> io::Result<usize> = UdpSocket::recv;
    const _: fn(&UdpSocket, &mut [u8]) -> io::Result<usize> = UdpSocket::peek;
    const _: fn(&UdpSocket) -> io::Result<UdpSocket> = UdpSocket::try_clone;
    const _: fn(&UdpSocket) -> io::Result<SocketAddr> = UdpSocket::local_addr;
    const _: fn(&UdpSocket) -> io::Result<SocketAddr> = UdpSocket::peer_addr;
    const _: fn(&UdpSocket) -> io::Result<Option<io::Error>> = UdpSocket::take_error;
    const _: fn(&UdpSocket) -> io::Result<u32> = UdpSocket::ttl;
    const _: fn(&UdpSocket, u32) -> Done = UdpSocket::set_ttl;
    const _: fn(&UdpSocket) -> io::Result<bool> = UdpSocket::only_v6;
    const _: fn(&UdpSocket) -> io::Result<bool> = UdpSocket::broadcast;
    const _: fn(&UdpSocket, bool) -> Done = UdpSocket::set_broadcast;
    const _: GroupV4 = UdpSocket::join_multicast_v4;
    const _: GroupV4 = UdpSocket::leave_multicast_v4;
    const _: GroupV6 = UdpSocket::join_multicast_v6;
    const _: GroupV6 = UdpSocket::leave_multicast_v6;
    const _: fn(&UdpSocket) -> io::Result<bool> = UdpSocket::multicast_loop_v4;
    const _: fn(&UdpSocket, bool) -> Done = UdpSocket::set_multicast_loop_v4;
    const _: fn(&UdpSocket) -> io::Result<u32> = UdpSocket::multicast_ttl_v4;
    const _: fn(&UdpSocket, u32) -> Done = UdpSocket::set_multicast_ttl_v4;
    const _: fn(&UdpSocket) -> io::Result<bool> = UdpSocket::multicast_loop_v6;
    const _: fn(&UdpSocket, bool) -> Done = UdpSocket::set_multicast_loop_v6;
}

/// Without this test, `signatures` might miss a function.
#[test]
fn every_public_function_has_its_line_here() {
    let sources = [
        include_str!("../src/event.rs"),
        include_str!("../src/events.rs"),
        include_str!("../src/poll.rs"),
        include_str!("../src/registrator.rs"),
        include_str!("../src/registration.rs"),
        include_str!("../src/waker.rs"),
        include_str!("../src/net/tcp.rs"),
        include_str!("../src/net/udp.rs"),
    ];
    let mut found = 0;
    for source in sources {
        let mut owner = "";
        for line in source.lines() {
            if let Some(rest) = line.strip_prefix("impl ") {
                owner = rest.trim_end_matches(" {");
            }
            let function = line.strip_prefix("    pub fn ");
            let function = function.or_else(|| line.strip_prefix("    pub const fn "));
            let Some(function) = function else { continue };
            let name = function.split(['(', '<']).next().unwrap();
            let line = format!("{owner}::{name}");
            let ends = |at: usize| !include_str!("api.rs")[at + line.len()..].starts_with('_');
            assert!(
                include_str!("api.rs")
                    .match_indices(&line)
                    .any(|(at, _)| ends(at)),
                "signatures has no line for {line}"
            );
            found += 1;
        }
    }
    assert!(found >= 80, "found only {found} functions");
}

/// The traits of every public type. The compiler checks them.
#[test]
fn every_type_keeps_its_traits_on_every_system() {
    fn everywhere<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug>() {}
    everywhere::<Poll>();
    everywhere::<Registrator>();
    everywhere::<Events>();
    everywhere::<(Event, Token, Interests, Trigger, Readiness)>();
    everywhere::<(Registration, SetReadiness, Waker)>();
    everywhere::<(TcpListener, TcpStream, UdpSocket)>();
    fn iterates<'a>(
        events: &'a Events,
    ) -> impl Iterator<Item = &'a Event> + Clone + Send + Sync + 'a {
        events.iter()
    }
    assert_eq!(iterates(&Events::with_capacity(0)).count(), 0);

    fn values<T: Copy + Eq>() {}
    values::<(Event, Token, Interests, Trigger, Readiness)>();
    fn ordered<T: Ord + Hash>() {}
    ordered::<Token>();
    fn sets<T: BitOr<Output = T>>() {}
    sets::<Interests>();
    sets::<Readiness>();
    fn grows<T: BitOrAssign>() {}
    grows::<Readiness>();
    fn handles<T: Clone>() {}
    handles::<(Registrator, SetReadiness, Waker)>();

    fn sources<T: Source + 'static>() {}
    sources::<Registration>();
    sources::<TcpListener>();
    sources::<TcpStream>();
    sources::<UdpSocket>();
    fn streams<T: io::Read + io::Write>() {}
    streams::<TcpStream>();
    streams::<&TcpStream>();
}

/// What only Windows has.
#[cfg(windows)]
mod windows {
    use super::*;
    use evq::windows::{Binding, Instance, NamedPipe, Overlapped, Packet};
    use std::ffi::c_void;
    use std::os::windows::io::{
        AsHandle, AsRawHandle, AsRawSocket, AsSocket, BorrowedHandle, BorrowedSocket, OwnedHandle,
    };

    type Bind<H> = unsafe fn(&Binding, H, &Registrator) -> io::Result<()>;
    const _: fn() -> Binding = Binding::new;
    const _: Bind<BorrowedHandle<'_>> = Binding::register_handle;
    const _: Bind<BorrowedSocket<'_>> = Binding::register_socket;
    const _: fn(unsafe fn(&Packet)) -> Overlapped = Overlapped::new;
    const _: unsafe fn(*const Overlapped) -> *mut c_void = Overlapped::prepare;
    const _: unsafe fn(*const Overlapped) -> bool = Overlapped::has_warned;
    const _: fn(&Packet) -> *mut Overlapped = Packet::overlapped;
    const _: fn(&Packet) -> usize = Packet::bytes_transferred;
    const _: fn(&Packet) -> io::Result<()> = Packet::status;
    const _: fn(&TcpStream, usize) = TcpStream::set_lending;

    const _: fn(&'static str, Instance) -> io::Result<NamedPipe> = NamedPipe::create;
    const _: fn(&'static str) -> io::Result<NamedPipe> = NamedPipe::open;
    const _: unsafe fn(OwnedHandle) -> NamedPipe = NamedPipe::from_handle;
    const _: fn(&NamedPipe) -> io::Result<()> = NamedPipe::connect;
    const _: fn(&NamedPipe) -> io::Result<()> = NamedPipe::disconnect;
    const _: fn(NamedPipe) -> io::Result<OwnedHandle> = NamedPipe::into_handle;
    const _: fn(&NamedPipe) -> io::Result<Option<io::Error>> = NamedPipe::take_error;

    #[test]
    fn handles_can_be_had() {
        fn shared<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug>() {}
        shared::<NamedPipe>();
        shared::<Binding>();
        shared::<Overlapped>();
        fn piped<T: Source + io::Read + io::Write + AsRawHandle>() {}
        piped::<NamedPipe>();
        fn numbered<T: AsSocket + AsRawSocket>() {}
        numbered::<TcpListener>();
        numbered::<TcpStream>();
        numbered::<UdpSocket>();
    }

    /// Safe code gets no handle of a registered pipe, so `NamedPipe` must not be
    /// `AsHandle`. If it were, both implementations of `Without` would fit, and the
    /// last line would not compile.
    #[test]
    fn a_pipe_is_not_as_handle() {
        trait Without<Which> {
            fn found() {}
        }
        impl<T> Without<()> for T {}
        struct Handle;
        impl<T: AsHandle> Without<Handle> for T {}
        <NamedPipe as Without<_>>::found();
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use evq::unix::SourceFd;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

    const _: fn(&Poll) -> BorrowedFd<'_> = Poll::fd_with_every_wake;
    const _: fn(&Poll) -> io::Result<OwnedFd> = Poll::try_clone_to_owned_fd;
    type Borrowed = SourceFd<BorrowedFd<'static>>;
    const _: fn(BorrowedFd<'static>) -> Borrowed = SourceFd::new;
    const _: fn(&Borrowed) -> &BorrowedFd<'static> = SourceFd::get_ref;
    const _: fn(OwnedFd) -> SourceFd<OwnedFd> = SourceFd::new;
    const _: fn(SourceFd<OwnedFd>) -> OwnedFd = SourceFd::into_inner;

    #[test]
    fn descriptors_can_be_had() {
        fn shared<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug + Source>() {}
        shared::<Borrowed>();
        shared::<SourceFd<OwnedFd>>();
        fn numbered<T: AsFd + AsRawFd>() {}
        numbered::<TcpListener>();
        numbered::<TcpStream>();
        numbered::<UdpSocket>();
    }
}

#[test]
fn sources_of_several_types_go_through_one_registrator() {
    let poll = Poll::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (registration, _set_readiness) = Registration::new();
    let mut sources: Vec<Box<dyn Source + Send>> = vec![Box::new(listener), Box::new(registration)];
    for (token, source) in sources.iter_mut().enumerate() {
        poll.registrator()
            .register(&mut **source, Token(token), Interests::READABLE)
            .unwrap();
    }
}

/// A program may log its sources. What `Debug` prints of one must not grow with
/// what others have put on the list.
#[test]
fn what_is_printed_does_not_grow_with_the_list() {
    let mut poll = Poll::new().unwrap();
    poll.poll(&mut Events::with_capacity(1000), Some(Duration::ZERO))
        .unwrap();
    let (mut registration, set_readiness) = Registration::new();
    poll.registrator()
        .register(&mut registration, Token(0), Interests::READABLE)
        .unwrap();
    let wakers: Vec<_> = (0..1000)
        .map(|token| Waker::new(poll.registrator(), Token(token)).unwrap())
        .collect();
    wakers.iter().for_each(|waker| waker.wake().unwrap());
    let printable: [&dyn Debug; 5] = [
        &poll,
        poll.registrator(),
        &registration,
        &set_readiness,
        &wakers[0],
    ];
    for value in printable {
        let printed = format!("{value:?}");
        assert!(
            printed.len() < 1000,
            "{} characters: {printed}",
            printed.len()
        );
    }
}

/// `Debug` does not hold the list's lock: the code that receives its text may wake.
#[test]
fn a_waker_is_printed_to_what_wakes() {
    struct Wakes<'a>(&'a Registrator);

    impl Write for Wakes<'_> {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            let waker = Waker::new(self.0, Token(0)).unwrap();
            waker.wake().unwrap();
            Ok(())
        }
    }

    let poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
    waker.wake().unwrap();
    write!(Wakes(poll.registrator()), "{waker:?} {poll:?}").unwrap();
}

/// `Events` accepts every capacity and clamps it. A program may pass other `Events`
/// to each `poll`, and no event is lost.
#[test]
fn any_capacity_will_do_and_may_change() {
    let mut poll = Poll::new().unwrap();
    let mut all: Vec<_> = [0, 3, 1, usize::MAX, 2]
        .into_iter()
        .map(Events::with_capacity)
        .collect();
    let capacities: Vec<_> = all.iter().map(Events::capacity).collect();
    assert_eq!(capacities, [1, 3, 1, 65_536, 2]);
    for wakes in [1, 2, 40] {
        let wakers: Vec<_> = (0..wakes)
            .map(|token| Waker::new(poll.registrator(), Token(token)).unwrap())
            .collect();
        wakers.iter().for_each(|waker| waker.wake().unwrap());
        let mut tokens = Vec::new();
        for turn in 0.. {
            let events = &mut all[turn % capacities.len()];
            let found = poll.poll(events, Some(Duration::ZERO)).unwrap();
            assert_eq!(found, events.iter().count());
            assert_eq!(found == 0, events.is_empty());
            assert!(found <= events.capacity());
            if found == 0 {
                break;
            }
            tokens.extend(events.iter().map(|event| event.token().0));
        }
        assert_eq!(tokens, (0..wakes).collect::<Vec<_>>());
    }
}

#[test]
fn a_set_contains_another_wholly_or_not() {
    let both = Readiness::READABLE | Readiness::WRITABLE;
    assert!(!Readiness::READABLE.contains(both));
    assert!(both.contains(Readiness::READABLE) && both.contains(both));
    assert!(Readiness::EMPTY.is_empty() && both.contains(Readiness::EMPTY));
}

/// A source is reported for its interests: the direction, its end, and errors.
#[test]
fn interests_pick_what_concerns_them() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let (mut registration, set_readiness) = Registration::new();
    for (interests, seen) in [
        (Interests::READABLE, [true, false, true, false]),
        (Interests::WRITABLE, [false, true, false, true]),
    ] {
        poll.registrator()
            .register(&mut registration, Token(0), interests)
            .unwrap();
        for (readiness, seen) in [
            (Readiness::READABLE, seen[0]),
            (Readiness::WRITABLE, seen[1]),
            (Readiness::READ_CLOSED, seen[2]),
            (Readiness::WRITE_CLOSED, seen[3]),
            (Readiness::ERROR, true),
        ] {
            set_readiness.set_readiness(readiness).unwrap();
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            assert_eq!(!events.is_empty(), seen, "{readiness:?} of {interests:?}");
        }
        set_readiness.set_readiness(Readiness::EMPTY).unwrap();
        poll.registrator().deregister(&mut registration).unwrap();
    }
}

/// A thread that panics drops its part of a queue. Parts that other threads hold go
/// on working.
#[test]
fn what_a_panic_drops_is_dropped_in_order() {
    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let waker = Waker::new(&registrator, Token(0)).unwrap();
    let (mut registration, set_readiness) = Registration::new();
    let setter = set_readiness.clone();
    let holder = std::thread::spawn(move || {
        let _poll = poll;
        registrator
            .register(&mut registration, Token(1), Interests::READABLE)
            .unwrap();
        setter.set_readiness(Readiness::READABLE).unwrap();
        std::panic::resume_unwind(Box::new("on purpose, and without a message"));
    });
    assert!(holder.join().is_err());
    assert_eq!(waker.wake().unwrap_err().raw_os_error(), None);
    // The registration was dropped with the thread, so `set_readiness` is not
    // refused.
    set_readiness.set_readiness(Readiness::WRITABLE).unwrap();
    assert_eq!(set_readiness.readiness(), Readiness::WRITABLE);
}

/// A `SourceFd` may borrow a descriptor or own it. `into_inner` deregisters it and
/// returns what it was given.
#[cfg(unix)]
#[test]
fn a_source_holds_a_descriptor_as_it_was_given() {
    use evq::unix::SourceFd;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    let (mut near, far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    for _ in 0..2 {
        let mut borrows = SourceFd::new(&far);
        let (token, interests) = (Token(1), Interests::READABLE);
        registrator
            .register(&mut borrows, token, interests)
            .unwrap();
        drop(borrows);
        let mut borrows = SourceFd::new(far.as_fd());
        registrator
            .register(&mut borrows, token, interests)
            .unwrap();
    }
    struct Child {
        output: SourceFd<UnixStream>,
    }
    let mut child = Child {
        output: SourceFd::new(far),
    };
    registrator
        .register(&mut child.output, Token(2), Interests::READABLE)
        .unwrap();
    near.write_all(b"!").unwrap();
    poll.poll(&mut events, None).unwrap();
    assert!(events.iter().all(|event| event.token() == Token(2)));
    let far = child.output.into_inner();
    near.write_all(b"!").unwrap();
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty(), "{events:?}");
    let mut owns = SourceFd::new(far);
    registrator
        .register(&mut owns, Token(3), Interests::READABLE)
        .unwrap();
    drop(owns);
    let error = near.write(b"!").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}
