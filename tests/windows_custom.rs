//! Sources over handles that evq does not know, made with the public API alone: the
//! directory watcher of `examples/ch18_custom.rs`, and operations started by hand.

#![cfg(windows)]

#[path = "../examples/ch18_custom.rs"]
#[allow(dead_code)]
mod ch18_custom;
#[path = "contract/port.rs"]
mod port;

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsHandle, AsRawHandle, AsRawSocket, AsSocket, RawHandle, RawSocket};
use std::path::Path;
use std::ptr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ch18_custom::directory::{Change, Folder, Watcher};
use evq::windows::{Binding, Overlapped, Packet};
use evq::{
    Events, Interests, Poll, Readiness, Registration, SetReadiness, Source, Token, Trigger, Waker,
};
use port::queued_packets;

/// A test that waits longer has failed, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
/// How long to wait for an event that must not come.
const MOMENT: Duration = Duration::from_millis(100);

fn added(name: &str) -> Change {
    Change::Added(name.into())
}

/// Polls, and drains the watcher at each event, until it has `count` changes.
fn wait_for(poll: &mut Poll, watcher: &Watcher, token: Token, count: usize) -> Vec<Change> {
    let mut events = Events::with_capacity(8);
    let mut changes = Vec::new();
    let end = Instant::now() + LIMIT;
    while changes.len() < count {
        assert!(Instant::now() < end, "only {changes:?} of {count}");
        poll.poll(&mut events, Some(MOMENT)).unwrap();
        if events.iter().any(|event| event.token() == token) {
            changes.extend(drain(watcher));
        }
    }
    changes
}

fn drain(watcher: &Watcher) -> Vec<Change> {
    let mut changes = Vec::new();
    loop {
        match watcher.changes() {
            Ok(more) => changes.extend(more),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return changes,
            Err(error) => panic!("{error}"),
        }
    }
}

fn tokens(poll: &mut Poll, timeout: Duration) -> Vec<usize> {
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(timeout)).unwrap();
    events.iter().map(|event| event.token().0).collect()
}

/// Polls until `is_so`.
fn until(poll: &mut Poll, what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(
            Instant::now() < end,
            "still waiting after {LIMIT:?}: {what}"
        );
        tokens(poll, Duration::from_millis(10));
    }
}

/// Waits until `count` packets are in the queue, without polling.
fn until_queued(poll: &Poll, count: i32) {
    let end = Instant::now() + LIMIT;
    while queued_packets(poll.registrator()) < count {
        assert!(Instant::now() < end, "fewer than {count} packets");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_directory_watcher_runs() {
    ch18_custom::directory::run().unwrap();
}

#[test]
fn changes_are_reported_under_each_trigger() {
    for (n, trigger) in [Trigger::Edge, Trigger::Level, Trigger::Oneshot]
        .into_iter()
        .enumerate()
    {
        let folder = Folder::new(&format!("triggers-{n}")).unwrap();
        let mut poll = Poll::new().unwrap();
        let mut watcher = Watcher::new(folder.path()).unwrap();
        let registrator = poll.registrator().clone();
        let (token, interests) = (Token(3), Interests::READABLE);
        registrator
            .register_with(&mut watcher, token, interests, trigger)
            .unwrap();
        assert_eq!(tokens(&mut poll, MOMENT), [], "nothing has changed");

        folder.add("one");
        assert_eq!(tokens(&mut poll, LIMIT), [3]);
        // Nothing has drained the watcher, so level reports again, and the others do not.
        let again: &[usize] = match trigger {
            Trigger::Level => &[3],
            _ => &[],
        };
        assert_eq!(tokens(&mut poll, MOMENT), again, "{trigger:?}");
        assert_eq!(drain(&watcher), [added("one")]);
        assert_eq!(tokens(&mut poll, MOMENT), [], "{trigger:?}, drained");

        folder.add("two");
        if trigger == Trigger::Oneshot {
            assert_eq!(tokens(&mut poll, MOMENT), [], "oneshot was reported");
            registrator
                .reregister_with(&mut watcher, token, interests, trigger)
                .unwrap();
        }
        assert_eq!(tokens(&mut poll, LIMIT), [3]);
        assert_eq!(drain(&watcher), [added("two")]);
    }
}

/// Between two calls the kernel keeps the changes.
#[test]
fn no_change_is_lost_however_many_come_at_once() {
    let folder = Folder::new("many").unwrap();
    let mut poll = Poll::new().unwrap();
    let mut watcher = Watcher::new(folder.path()).unwrap();
    poll.registrator()
        .register(&mut watcher, Token(1), Interests::READABLE)
        .unwrap();
    let names: Vec<_> = (0..60).map(|n| format!("{n}")).collect();
    let changes = thread::scope(|scope| {
        scope.spawn(|| names.iter().for_each(|name| folder.add(name)));
        wait_for(&mut poll, &watcher, Token(1), names.len())
    });
    assert_eq!(
        changes,
        names.iter().map(|name| added(name)).collect::<Vec<_>>()
    );
}

/// If there are more changes than the buffer holds, the kernel returns no bytes and no error.
#[test]
fn too_many_changes_are_told_as_such() {
    let folder = Folder::new("too-many").unwrap();
    let mut poll = Poll::new().unwrap();
    let mut watcher = Watcher::new(folder.path()).unwrap();
    poll.registrator()
        .register(&mut watcher, Token(1), Interests::READABLE)
        .unwrap();
    for n in 0..200 {
        folder.add(&format!("a-name-of-forty-characters-in-all--{n:05}"));
    }
    until(&mut poll, "more changes than the buffer holds", || {
        drain(&watcher).contains(&Change::TooMany)
    });
    folder.add("next");
    until(&mut poll, "the watcher reports again", || {
        drain(&watcher).contains(&added("next"))
    });
}

#[test]
fn deregistered_it_is_silent_and_loses_nothing() {
    let folder = Folder::new("deregistered").unwrap();
    let mut poll = Poll::new().unwrap();
    let mut watcher = Watcher::new(folder.path()).unwrap();
    let registrator = poll.registrator().clone();
    for token in [1, 2, 3] {
        registrator
            .register(&mut watcher, Token(token), Interests::READABLE)
            .unwrap();
        let twice = registrator
            .register(&mut watcher, Token(9), Interests::READABLE)
            .unwrap_err();
        assert_eq!(twice.kind(), ErrorKind::AlreadyExists);
        registrator.deregister(&mut watcher).unwrap();
        let error = registrator.deregister(&mut watcher).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);

        let name = format!("{token}");
        folder.add(&name);
        assert_eq!(tokens(&mut poll, MOMENT), [], "deregistered");
        registrator
            .register(&mut watcher, Token(token), Interests::READABLE)
            .unwrap();
        let changes = wait_for(&mut poll, &watcher, Token(token), 1);
        assert_eq!(changes, [added(&name)]);
        registrator.deregister(&mut watcher).unwrap();
    }
}

#[test]
fn another_queue_is_refused_for_good() {
    let folder = Folder::new("another").unwrap();
    let (mut poll, other) = (Poll::new().unwrap(), Poll::new().unwrap());
    let mut watcher = Watcher::new(folder.path()).unwrap();
    let register = |poll: &Poll, watcher: &mut Watcher, token| {
        poll.registrator()
            .register(watcher, token, Interests::READABLE)
    };
    // The token is refused first, so this call does not tie the handle to `other`.
    let error = register(&other, &mut watcher, Token(usize::MAX)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    register(&poll, &mut watcher, Token(1)).unwrap();
    let error = register(&other, &mut watcher, Token(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    poll.registrator().deregister(&mut watcher).unwrap();
    let error = register(&other, &mut watcher, Token(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("until it is closed"), "{error}");
    drop(other);
    register(&poll, &mut watcher, Token(2)).unwrap();
    folder.add("one");
    let changes = wait_for(&mut poll, &watcher, Token(2), 1);
    assert_eq!(changes, [added("one")]);
}

#[test]
fn the_memory_is_freed_by_the_packet_and_not_before() {
    let folder = Folder::new("dropped").unwrap();
    let mut poll = Poll::new().unwrap();
    for deregister in [false, true] {
        let mut watcher = Watcher::new(folder.path()).unwrap();
        poll.registrator()
            .register(&mut watcher, Token(1), Interests::READABLE)
            .unwrap();
        if deregister {
            poll.registrator().deregister(&mut watcher).unwrap();
        }
        let memory = watcher.memory();
        thread::spawn(move || drop(watcher)).join().unwrap();
        assert!(memory.strong_count() > 0, "the operation is in flight");
        until(&mut poll, "freed", || memory.strong_count() == 0);
    }
}

/// Closing a handle queues the packet of its operation; dropping `Poll` delivers that packet.
#[test]
fn dropped_before_poll_it_is_freed_though_nobody_polls() {
    let folder = Folder::new("before").unwrap();
    let poll = Poll::new().unwrap();
    let mut memories = Vec::new();
    for _ in 0..100 {
        let mut watcher = Watcher::new(folder.path()).unwrap();
        poll.registrator()
            .register(&mut watcher, Token(1), Interests::READABLE)
            .unwrap();
        memories.push(watcher.memory());
    }
    // Wine may still be closing the last handles.
    until_queued(&poll, 100);
    drop(poll);
    assert!(memories.iter().all(|memory| memory.strong_count() == 0));
}

/// If the operation is in flight when `Poll` is dropped, its memory is leaked, not freed.
#[test]
fn dropped_after_poll_it_is_leaked_and_nothing_else() {
    let folder = Folder::new("after").unwrap();
    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let mut watcher = Watcher::new(folder.path()).unwrap();
    registrator
        .register(&mut watcher, Token(1), Interests::READABLE)
        .unwrap();
    drop(poll);
    folder.add("one");
    assert_eq!(drain(&watcher), []);
    let error = registrator
        .reregister(&mut watcher, Token(1), Interests::READABLE)
        .unwrap_err();
    assert_eq!(error.raw_os_error(), None, "{error}");
    registrator.deregister(&mut watcher).unwrap();
    let memory = watcher.memory();
    drop(watcher);
    assert_eq!(
        memory.strong_count(),
        1,
        "the operation in flight has one count"
    );
    drop(registrator);
    assert_eq!(memory.strong_count(), 1);
}

#[test]
fn a_closed_loop_delivers_the_last_change_and_refuses_others() {
    let folder = Folder::new("closed").unwrap();
    let mut poll = Poll::new().unwrap();
    let mut watcher = Watcher::new(folder.path()).unwrap();
    let registrator = poll.registrator().clone();
    registrator
        .register(&mut watcher, Token(1), Interests::READABLE)
        .unwrap();
    folder.add("one");
    until_queued(&poll, 1);
    registrator.close_loop().unwrap();
    assert_eq!(tokens(&mut poll, Duration::ZERO), [1]);
    let end = poll.poll(&mut Events::with_capacity(8), None).unwrap_err();
    assert_eq!(end.raw_os_error(), None);
    let mut late = Watcher::new(folder.path()).unwrap();
    let error = registrator
        .register(&mut late, Token(1), Interests::READABLE)
        .unwrap_err();
    assert_eq!(error.raw_os_error(), None);
}

/// Watchers are dropped, changed and polled at the same time.
#[test]
fn watchers_come_and_go_on_other_threads() {
    let folder = Folder::new("threads").unwrap();
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let memories = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|n| {
                let (folder, registrator, memories) = (&folder, &registrator, &memories);
                scope.spawn(move || {
                    for m in 0..20 {
                        let mut watcher = Watcher::new(folder.path()).unwrap();
                        registrator
                            .register(&mut watcher, Token(n), Interests::READABLE)
                            .unwrap();
                        memories.lock().unwrap().push(watcher.memory());
                        folder.add(&format!("{n}-{m}"));
                        drain(&watcher);
                    }
                })
            })
            .collect();
        until(&mut poll, "over", || {
            workers.iter().all(|worker| worker.is_finished())
        });
    });
    until(&mut poll, "freed", || {
        let memories = memories.lock().unwrap();
        memories.iter().all(|memory| memory.strong_count() == 0)
    });
}

/// `Poll` and its watchers are dropped at once, on several threads: no memory in flight is freed.
#[test]
fn poll_and_watchers_go_at_the_same_time() {
    let folder = Folder::new("race").unwrap();
    for _ in 0..20 {
        let poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let watchers: Vec<_> = (0..8)
            .map(|n| {
                let mut watcher = Watcher::new(folder.path()).unwrap();
                registrator
                    .register(&mut watcher, Token(n), Interests::READABLE)
                    .unwrap();
                watcher
            })
            .collect();
        let memories: Vec<_> = watchers.iter().map(Watcher::memory).collect();
        thread::scope(|scope| {
            scope.spawn(|| drop(poll));
            scope.spawn(|| drop(registrator));
            for watcher in watchers {
                scope.spawn(|| {
                    drain(&watcher);
                    drop(watcher);
                });
            }
            folder.add("one");
        });
        assert!(memories.iter().all(|memory| memory.strong_count() <= 1));
    }
}

// Operations started by hand test what the watcher does not do.

const FILE_LIST_DIRECTORY: u32 = 1;
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
const ERROR_OPERATION_ABORTED: i32 = 995;
const WSA_IO_PENDING: i32 = 997;

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-readdirectorychangesw>
    fn ReadDirectoryChangesW(
        directory: RawHandle,
        buffer: *mut c_void,
        room: u32,
        subtree: i32,
        filter: u32,
        returned: *mut u32,
        overlapped: *mut c_void,
        routine: *mut c_void,
    ) -> i32;
    /// <https://learn.microsoft.com/en-us/windows/win32/fileio/cancelioex-func>
    fn CancelIoEx(file: RawHandle, overlapped: *mut c_void) -> i32;
}

/// <https://learn.microsoft.com/en-us/windows/win32/api/ws2def/ns-ws2def-wsabuf>
#[repr(C)]
struct WsaBuf {
    len: u32,
    buf: *mut u8,
}

#[link(name = "ws2_32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsarecv>
    fn WSARecv(
        socket: RawSocket,
        buffers: *mut WsaBuf,
        count: u32,
        received: *mut u32,
        flags: *mut u32,
        overlapped: *mut c_void,
        routine: *mut c_void,
    ) -> i32;
}

/// An operation on a handle, and the result of each time that it ran.
#[repr(C)]
struct Operation {
    overlapped: Overlapped,
    buffer: UnsafeCell<[u32; 64]>,
    results: Mutex<Vec<io::Result<usize>>>,
    /// How many more times `done` starts it again.
    more: Mutex<usize>,
    directory: Option<File>,
    set_readiness: SetReadiness,
}

// SAFETY: no thread reads `buffer`.
unsafe impl Sync for Operation {}

impl Operation {
    fn new(directory: Option<File>, set_readiness: SetReadiness) -> Arc<Operation> {
        Arc::new(Operation {
            overlapped: Overlapped::new(done),
            buffer: UnsafeCell::new([0; 64]),
            results: Mutex::new(Vec::new()),
            more: Mutex::new(0),
            directory,
            set_readiness,
        })
    }

    fn file(&self) -> &File {
        self.directory
            .as_ref()
            .expect("this operation has a directory")
    }

    fn start(self: &Arc<Self>) {
        let whole = Arc::into_raw(Arc::clone(self));
        // SAFETY: each test starts it only when it is not in flight; the packet returns the count.
        let queued = unsafe {
            ReadDirectoryChangesW(
                self.file().as_raw_handle(),
                (*whole).buffer.get().cast(),
                256,
                0,
                1,
                ptr::null_mut(),
                Overlapped::prepare(whole.cast()),
                ptr::null_mut(),
            )
        };
        assert_ne!(queued, 0, "{}", io::Error::last_os_error());
    }

    fn results(&self) -> usize {
        self.results.lock().unwrap().len()
    }
}

unsafe fn done(packet: &Packet) {
    // SAFETY: `start` made the pointer from a whole `Arc<Operation>`.
    let operation = unsafe { Arc::from_raw(packet.overlapped().cast_const().cast::<Operation>()) };
    let result = packet.status().map(|()| packet.bytes_transferred());
    operation.results.lock().unwrap().push(result);
    let more = std::mem::replace(&mut *operation.more.lock().unwrap(), 0);
    if more > 0 {
        *operation.more.lock().unwrap() = more - 1;
        operation.start();
    }
    let _ = operation
        .set_readiness
        .set_readiness(Readiness::READABLE | Readiness::WRITABLE);
}

fn directory(path: &Path, flags: u32) -> File {
    File::options()
        .access_mode(FILE_LIST_DIRECTORY)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | flags)
        .open(path)
        .unwrap()
}

#[test]
fn a_cancelled_operation_has_its_packet_all_the_same() {
    let folder = Folder::new("cancelled").unwrap();
    let mut poll = Poll::new().unwrap();
    let (mut registration, set_readiness) = Registration::new();
    let operation = Operation::new(
        Some(directory(folder.path(), FILE_FLAG_OVERLAPPED)),
        set_readiness,
    );
    poll.registrator()
        .register(&mut registration, Token(1), Interests::WRITABLE)
        .unwrap();
    let binding = Binding::new();
    // SAFETY: every operation on it is started by `start`.
    unsafe {
        binding
            .register_handle(operation.file().as_handle(), poll.registrator())
            .unwrap();
    }
    for _ in 0..2 {
        operation.start();
        assert_eq!(tokens(&mut poll, MOMENT), []);
        let overlapped = Arc::as_ptr(&operation).cast_mut().cast();
        // SAFETY: CancelIoEx compares the pointer and does not follow it.
        let cancelled = unsafe { CancelIoEx(operation.file().as_raw_handle(), overlapped) };
        assert_ne!(cancelled, 0, "{}", io::Error::last_os_error());
        assert_eq!(tokens(&mut poll, LIMIT), [1]);
        let error = operation
            .results
            .lock()
            .unwrap()
            .pop()
            .unwrap()
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(ERROR_OPERATION_ABORTED));
        assert_eq!(
            Arc::strong_count(&operation),
            1,
            "the packet returned its count"
        );
    }
}

/// The packets of wakes, which have no operation, come in between.
#[test]
fn a_function_may_start_its_operation_anew() {
    let folder = Folder::new("anew").unwrap();
    let mut poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registrator(), Token(2)).unwrap();
    let (_registration, set_readiness) = Registration::new();
    let operation = Operation::new(
        Some(directory(folder.path(), FILE_FLAG_OVERLAPPED)),
        set_readiness,
    );
    let binding = Binding::new();
    // SAFETY: every operation on it is started by `start`.
    unsafe {
        binding
            .register_handle(operation.file().as_handle(), poll.registrator())
            .unwrap();
    }
    *operation.more.lock().unwrap() = 4;
    operation.start();
    for n in 0..5 {
        thread::scope(|scope| {
            scope.spawn(|| {
                waker.wake().unwrap();
                folder.add(&format!("{n}"));
                waker.wake().unwrap();
            });
            until(&mut poll, "done again", || operation.results() == n + 1);
        });
    }
    let results = operation.results.lock().unwrap();
    assert!(
        results.iter().all(|result| matches!(result, Ok(1..))),
        "{results:?}"
    );
}

#[test]
fn what_a_port_does_not_take_is_refused_with_a_sentence() {
    let folder = Folder::new("refused").unwrap();
    let poll = Poll::new().unwrap();
    let registrator = poll.registrator();
    let refused = |file: &File, binding: &Binding| {
        // SAFETY: no operation is ever started on it.
        let error = unsafe { binding.register_handle(file.as_handle(), registrator) }.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("overlapped"), "{error}");
    };
    refused(&directory(folder.path(), 0), &Binding::new());

    let file = directory(folder.path(), FILE_FLAG_OVERLAPPED);
    let binding = Binding::new();
    // SAFETY: no operation is ever started on it.
    unsafe {
        binding
            .register_handle(file.as_handle(), registrator)
            .unwrap();
        // Registering the same handle again changes nothing.
        binding
            .register_handle(file.as_handle(), registrator)
            .unwrap();
    }
    refused(&file, &Binding::new());
    refused(&file.try_clone().unwrap(), &Binding::new());
    // A binding serves one handle.
    let another = directory(folder.path(), FILE_FLAG_OVERLAPPED);
    // SAFETY: no operation is ever started on it.
    let error = unsafe { binding.register_handle(another.as_handle(), registrator) }.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("one for each"), "{error}");
}

/// A port takes a handle once. The thread that registers second gets no error, because the
/// handle is already with this queue.
#[test]
fn one_handle_may_be_registered_by_two_threads_at_once() {
    let poll = Poll::new().unwrap();
    for round in 0..300 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (binding, start) = (Binding::new(), std::sync::Barrier::new(2));
        let register = || {
            start.wait();
            // SAFETY: no operation is ever started on it.
            unsafe { binding.register_socket(socket.as_socket(), poll.registrator()) }
        };
        thread::scope(|scope| {
            let other = scope.spawn(register);
            let both = [register(), other.join().unwrap()];
            assert!(both.iter().all(Result::is_ok), "round {round}: {both:?}");
        });
    }
}

#[test]
fn a_socket_is_a_handle() {
    let mut poll = Poll::new().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut registration, set_readiness) = Registration::new();
    poll.registrator()
        .register(&mut registration, Token(7), Interests::READABLE)
        .unwrap();
    let binding = Binding::new();
    // SAFETY: the only operation on it is the one below.
    unsafe {
        binding
            .register_socket(socket.as_socket(), poll.registrator())
            .unwrap();
    }
    let operation = Operation::new(None, set_readiness);
    let received = receive(&socket, &operation);
    assert!(received.is_ok_and(|warned| !warned));
    peer.send_to(b"seven b", socket.local_addr().unwrap())
        .unwrap();
    assert_eq!(tokens(&mut poll, LIMIT), [7]);
    let result = operation.results.lock().unwrap().pop().unwrap();
    assert_eq!(result.unwrap(), 7);

    // The datagram does not fit: the call fails, and its packet comes all the same.
    peer.send_to(&[7; 300], socket.local_addr().unwrap())
        .unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(
        socket.peek(&mut [0; 300]).unwrap(),
        300,
        "the datagram has arrived"
    );
    let received = receive(&socket, &operation);
    assert!(received.unwrap(), "the call failed with a warning");
    assert_eq!(tokens(&mut poll, LIMIT), [7]);
    let result = operation.results.lock().unwrap().pop().unwrap();
    result.unwrap_err();
    assert_eq!(
        Arc::strong_count(&operation),
        1,
        "the packet returned its count once"
    );
}

/// Starts the operation. `true` means that the call failed with a warning, so a packet comes.
fn receive(socket: &UdpSocket, operation: &Arc<Operation>) -> io::Result<bool> {
    let whole = Arc::into_raw(Arc::clone(operation));
    // SAFETY: nothing uses it yet; the packet returns the count.
    let result = unsafe {
        let mut buffer = WsaBuf {
            len: 256,
            buf: (*whole).buffer.get().cast(),
        };
        WSARecv(
            socket.as_raw_socket(),
            &mut buffer,
            1,
            ptr::null_mut(),
            &mut 0,
            Overlapped::prepare(whole.cast()),
            ptr::null_mut(),
        )
    };
    let error = io::Error::last_os_error();
    if result == 0 || error.raw_os_error() == Some(WSA_IO_PENDING) {
        return Ok(false);
    }
    // SAFETY: it was prepared for this call, and no operation has been started since.
    if unsafe { Overlapped::has_warned(whole.cast()) } {
        return Ok(true);
    }
    // SAFETY: no packet comes.
    drop(unsafe { Arc::from_raw(whole) });
    Err(error)
}

#[test]
fn everything_may_be_sent_and_shared() {
    fn holds<T: Send + Sync>() {}
    holds::<(Binding, Overlapped)>();
    fn sends<T: Send>() {}
    sends::<Packet>();
    sends::<Box<dyn Source + Send>>();
    let printed = format!("{:?} {:?}", Binding::new(), Overlapped::new(done));
    assert!(printed.contains("Binding") && printed.contains("Overlapped"));
}
