//! Chapter 18. Sources that are not evq's sockets. On Unix, `SourceFd` watches a child's output. On
//! Windows, a source over `Binding` and `Overlapped` reports what changes in a directory.

use std::io;

fn main() -> io::Result<()> {
    #[cfg(unix)]
    child::run()?;
    #[cfg(windows)]
    directory::run()?;
    Ok(())
}

#[cfg(unix)]
mod child {
    use std::ffi::c_int;
    use std::fs::File;
    use std::io::{self, ErrorKind, Read};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::Duration;

    use evq::unix::SourceFd;
    use evq::{Events, Interests, Poll, Token, Waker};

    const CHILD: Token = Token(1);
    const WAKER: Token = Token(2);

    pub fn run() -> io::Result<()> {
        println!("-- a child's output, watched by edge, and left as it is");
        listen(|_| Ok(()))?;
        println!("-- the same, non-blocking");
        listen(set_nonblocking)?;
        println!("-- two sources over one descriptor");
        twice()
    }

    /// A child prints a word now, and another after 600 ms. After 300 ms a thread wakes us.
    fn listen(prepare: fn(BorrowedFd<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut child = Command::new("sh")
            .args(["-c", "echo one; sleep 0.6; echo two"])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("stdout is piped");
        // A `File` can be read through a shared reference.
        let stdout = File::from(OwnedFd::from(stdout));
        prepare(stdout.as_fd())?;

        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        // ANCHOR: listen
        let mut source = SourceFd::new(stdout);
        poll.registrator()
            .register(&mut source, CHILD, Interests::READABLE)?;
        let waker = Waker::new(poll.registrator(), WAKER)?;
        let alarm = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            waker.wake()
        });

        let (mut ended, mut woken) = (false, false);
        while !(ended && woken) {
            poll.poll(&mut events, None)?;
            for event in &events {
                match event.token() {
                    CHILD => ended = ended || drain(source.get_ref())?,
                    _ => {
                        woken = true;
                        println!("somebody wakes us");
                    }
                }
            }
        }
        // ANCHOR_END: listen
        alarm.join().expect("the alarm does not panic")?;
        child.wait().map(drop)
    }

    // ANCHOR: drain
    /// Reads until the pipe is empty. `true` if the child has ended.
    fn drain(mut stdout: &File) -> io::Result<bool> {
        let mut buffer = [0; 64];
        loop {
            match stdout.read(&mut buffer) {
                Ok(0) => {
                    println!("the child has ended");
                    return Ok(true);
                }
                Ok(count) => {
                    let text = String::from_utf8_lossy(&buffer[..count]);
                    print!("the child: {text}");
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
    // ANCHOR_END: drain

    // ANCHOR: numbers
    // https://man7.org/linux/man-pages/man2/F_GETFL.2const.html
    const F_GETFL: c_int = 3;
    const F_SETFL: c_int = 4;
    /// Linux has its own number, and on some processors another one.
    const O_NONBLOCK: c_int = if cfg!(any(target_os = "linux", target_os = "android")) {
        if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
            0x80
        } else if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) {
            0x4000
        } else {
            0x800
        }
    } else {
        4
    };

    unsafe extern "C" {
        fn fcntl(fd: c_int, operation: c_int, ...) -> c_int;
    }
    // ANCHOR_END: numbers

    // ANCHOR: nonblocking
    fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
        let fd = fd.as_raw_fd();
        // SAFETY: the descriptor is open, and F_GETFL takes no argument.
        let flags = unsafe { fcntl(fd, F_GETFL) };
        // SAFETY: the descriptor is open, and F_SETFL takes an int.
        if flags == -1 || unsafe { fcntl(fd, F_SETFL, flags | O_NONBLOCK) } == -1 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
    // ANCHOR_END: nonblocking

    // ANCHOR: twice
    fn twice() -> io::Result<()> {
        let poll = Poll::new()?;
        let (near, _far) = std::os::unix::net::UnixStream::pair()?;
        let (mut first, mut second) = (SourceFd::new(&near), SourceFd::new(&near));
        let registrator = poll.registrator();
        registrator.register(&mut first, Token(1), Interests::READABLE)?;
        match registrator.register(&mut second, Token(2), Interests::READABLE) {
            Ok(()) => println!("the second takes the place of the first"),
            Err(error) => println!("the second is refused: {:?}", error.kind()),
        }
        Ok(())
    }
    // ANCHOR_END: twice
}

#[cfg(windows)]
pub(crate) mod directory {
    use std::cell::UnsafeCell;
    use std::ffi::c_void;
    use std::fs::{self, File};
    use std::io::{self, ErrorKind};
    use std::mem;
    use std::os::windows::fs::OpenOptionsExt;
    use std::os::windows::io::{AsHandle, AsRawHandle, RawHandle};
    use std::path::Path;
    use std::ptr;
    use std::slice;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
    use std::time::Duration;

    use evq::windows::{Binding, Overlapped, Packet};
    use evq::{
        Events, Interests, Poll, Readiness, Registration, Registrator, SetReadiness, Source, Token,
        Watch,
    };

    const FILE_LIST_DIRECTORY: u32 = 1;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
    const FILE_NOTIFY_CHANGE_FILE_NAME: u32 = 1;

    // ANCHOR: foreign
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
    }
    // ANCHOR_END: foreign

    // ANCHOR: watcher
    /// Reports which files of a directory are added, removed and renamed.
    pub struct Watcher {
        directory: File,
        binding: Binding,
        registration: Registration,
        lent: Arc<Lent>,
    }

    /// What an operation needs. The packet's pointer leads to `overlapped`, and so to
    /// the whole struct.
    #[repr(C)]
    pub struct Lent {
        overlapped: Overlapped,
        /// The kernel wants the buffer aligned to four bytes.
        buffer: UnsafeCell<[u32; ROOM / 4]>,
        state: Mutex<State>,
        set_readiness: SetReadiness,
    }
    // ANCHOR_END: watcher

    /// The buffer's size in bytes.
    const ROOM: usize = 4096;

    // ANCHOR: state
    /// Who has the buffer.
    enum State {
        /// We have it, and no operation has used it yet.
        Idle,
        /// The kernel has it.
        Lent,
        /// We have it again, with this number of bytes or an error.
        Done(io::Result<usize>),
    }

    // SAFETY: only `Watcher::changes` reads `buffer`, while it holds the lock of
    // `state`, and only if that is `Done`. All other fields are `Sync`.
    unsafe impl Sync for Lent {}
    // ANCHOR_END: state

    // ANCHOR: new
    impl Watcher {
        pub fn new(path: &Path) -> io::Result<Watcher> {
            Watcher::open(path, FILE_FLAG_OVERLAPPED)
        }

        fn open(path: &Path, flag: u32) -> io::Result<Watcher> {
            let directory = File::options()
                .access_mode(FILE_LIST_DIRECTORY)
                .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | flag)
                .open(path)?;
            let (registration, set_readiness) = Registration::new();
            Ok(Watcher {
                directory,
                binding: Binding::new(),
                registration,
                lent: Arc::new(Lent {
                    overlapped: Overlapped::new(done),
                    buffer: UnsafeCell::new([0; ROOM / 4]),
                    state: Mutex::new(State::Idle),
                    set_readiness,
                }),
            })
        }
        // ANCHOR_END: new

        // ANCHOR: changes
        /// What has changed since the last call. `WouldBlock` if nothing has.
        pub fn changes(&self) -> io::Result<Vec<Change>> {
            let mut state = lock(&self.lent.state);
            let result = match mem::replace(&mut *state, State::Idle) {
                State::Done(result) => result,
                other => {
                    *state = other;
                    return Err(ErrorKind::WouldBlock.into());
                }
            };
            let buffer = self.lent.buffer.get().cast();
            let changes = result.map(|count| {
                // SAFETY: in `Done`, nobody else uses the buffer. It has `ROOM` bytes.
                records(unsafe { slice::from_raw_parts(buffer, count.min(ROOM)) })
            });
            self.lend(&mut state);
            changes
        }
        // ANCHOR_END: changes

        // ANCHOR: lend
        /// Lends the buffer to the kernel until something changes.
        fn lend(&self, state: &mut State) {
            let lent = &self.lent;
            // Cannot fail: `EMPTY` wakes nobody.
            let _ = lent.set_readiness.set_readiness(Readiness::EMPTY);
            // Before the call, because the packet may be delivered before it returns.
            let whole = Arc::into_raw(Arc::clone(lent));
            // SAFETY: no operation uses the `Overlapped` or the buffer now. This count
            // keeps the memory that the kernel writes to. The directory is open.
            let queued = unsafe {
                ReadDirectoryChangesW(
                    self.directory.as_raw_handle(),
                    (*whole).buffer.get().cast(),
                    ROOM as u32,
                    0,
                    FILE_NOTIFY_CHANGE_FILE_NAME,
                    ptr::null_mut(),
                    Overlapped::prepare(whole.cast()),
                    ptr::null_mut(),
                )
            };
            // ANCHOR_END: lend
            // ANCHOR: started
            let error = io::Error::last_os_error();
            // SAFETY: it was prepared for this call, and `lent` keeps the memory.
            *state = if queued == 0 && !unsafe { Overlapped::has_warned(whole.cast()) } {
                // SAFETY: no packet will come, so nobody else gives the count back.
                drop(unsafe { Arc::from_raw(whole) });
                let _ = lent.set_readiness.set_readiness(Readiness::READABLE);
                State::Done(Err(error))
            } else {
                State::Lent
            };
            // ANCHOR_END: started
        }

        /// Shows whether the memory still exists.
        pub fn memory(&self) -> Weak<Lent> {
            Arc::downgrade(&self.lent)
        }
    }

    // ANCHOR: done
    /// `poll` calls this, even after the `Watcher` was dropped.
    ///
    /// # Safety
    ///
    /// The packet belongs to an operation that `lend` has started.
    unsafe fn done(packet: &Packet) {
        let whole = packet.overlapped().cast_const().cast::<Lent>();
        // SAFETY: `lend` made the pointer from a count, which only this packet gives back.
        let lent = unsafe { Arc::from_raw(whole) };
        let mut state = lock(&lent.state);
        *state = State::Done(packet.status().map(|()| packet.bytes_transferred()));
        // Fails only if `Poll` was dropped.
        let _ = lent.set_readiness.set_readiness(Readiness::READABLE);
    }
    // ANCHOR_END: done

    /// Nothing panics while the lock is held, so the state is always whole.
    fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ANCHOR: source
    impl Source for Watcher {
        fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
            self.registration.register(registrator, watch)?;
            // SAFETY: `directory` is private, and only `lend` starts operations on it.
            // Each uses the `Overlapped` of an `Arc` that lives until `done` is called.
            // `done` may run on any thread.
            let bound = unsafe {
                self.binding
                    .register_handle(self.directory.as_handle(), registrator)
            };
            if let Err(error) = bound {
                self.registration.deregister(registrator)?;
                return Err(error);
            }
            let mut state = lock(&self.lent.state);
            if let State::Idle = *state {
                self.lend(&mut state);
            }
            Ok(())
        }

        fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
            self.registration.reregister(registrator, watch)
        }

        fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
            self.registration.deregister(registrator)
        }
    }
    // ANCHOR_END: source

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Change {
        Added(String),
        Removed(String),
        RenamedFrom(String),
        RenamedTo(String),
        /// More has changed than the kernel could note. Read the directory again.
        TooMany,
    }

    /// Splits a buffer into its records, as in exercise 18.1.
    // https://learn.microsoft.com/en-us/windows/win32/api/winnt/ns-winnt-file_notify_information
    fn records(mut bytes: &[u8]) -> Vec<Change> {
        if bytes.is_empty() {
            return vec![Change::TooMany];
        }
        let mut changes = Vec::new();
        loop {
            let field = |at: usize| {
                let field = bytes[at..at + 4].try_into().expect("four bytes are four");
                u32::from_le_bytes(field) as usize
            };
            let (next, action, length) = (field(0), field(4), field(8));
            let name: Vec<u16> = bytes[12..12 + length]
                .chunks_exact(2)
                .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
                .collect();
            let name = String::from_utf16_lossy(&name);
            changes.extend(match action {
                1 => Some(Change::Added(name)),
                2 => Some(Change::Removed(name)),
                4 => Some(Change::RenamedFrom(name)),
                5 => Some(Change::RenamedTo(name)),
                _ => None,
            });
            if next == 0 {
                return changes;
            }
            bytes = &bytes[next..];
        }
    }

    /// A new directory, which is removed when this value is dropped.
    pub struct Folder(std::path::PathBuf);

    impl Folder {
        pub fn new(name: &str) -> io::Result<Folder> {
            let name = format!("evq-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path); // left by a run that was stopped
            fs::create_dir(&path)?;
            Ok(Folder(path))
        }

        pub fn path(&self) -> &Path {
            &self.0
        }

        pub fn add(&self, name: &str) {
            fs::write(self.0.join(name), "").expect("a file of our own can be made");
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub fn run() -> io::Result<()> {
        let folder = Folder::new("ch18")?;
        let (mut poll, other) = (Poll::new()?, Poll::new()?);
        let registrator = poll.registrator().clone();
        let register = |registrator: &Registrator, watcher: &mut Watcher| {
            registrator.register(watcher, Token(1), Interests::READABLE)
        };

        println!("-- a directory that was not opened for overlapped operations");
        let mut plain = Watcher::open(folder.path(), 0)?;
        if let Err(error) = register(&registrator, &mut plain) {
            println!("{error}");
        }

        println!("-- one that was: a file is made, renamed and removed");
        let mut watcher = Watcher::new(folder.path())?;
        register(&registrator, &mut watcher)?;
        folder.add("one.txt");
        fs::rename(folder.path().join("one.txt"), folder.path().join("two.txt"))?;
        fs::remove_file(folder.path().join("two.txt"))?;
        print(&watcher, &mut poll, 4)?;

        println!("-- deregistered, a file is made, and registered again");
        registrator.deregister(&mut watcher)?;
        folder.add("three.txt");
        register(&registrator, &mut watcher)?;
        print(&watcher, &mut poll, 1)?;

        println!("-- deregistered, and registered with another queue");
        registrator.deregister(&mut watcher)?;
        if let Err(error) = register(other.registrator(), &mut watcher) {
            println!("{error}");
        }

        println!("-- dropped while the kernel has the buffer");
        // ANCHOR: dropped
        let memory = watcher.memory();
        drop(watcher);
        let there = memory.strong_count() > 0;
        let mut events = Events::with_capacity(8);
        let count = poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        let still = memory.strong_count() > 0;
        println!("the buffer is there: {there}; after a poll of {count} events: {still}");
        // ANCHOR_END: dropped
        Ok(())
    }

    /// Waits for this number of changes, and prints them.
    fn print(watcher: &Watcher, poll: &mut Poll, mut left: usize) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        while left > 0 {
            poll.poll(&mut events, None)?;
            loop {
                match watcher.changes() {
                    Ok(changes) => changes.iter().for_each(|change| {
                        left = left.saturating_sub(1);
                        println!("{change:?}");
                    }),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}
