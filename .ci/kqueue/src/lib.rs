//! A model of kqueue, for testing only: not an emulation for use.
//!
//! With it, the crate's kqueue half, built with `--cfg evq_libkqueue`, runs on
//! Linux. It keeps knotes as a BSD kernel keeps them. A knote becomes active if
//! its object has news and its filter holds. Then it waits in a queue for its turn,
//! and the model evaluates the filter again. News are epoll's edges; filters ask
//! poll(2). So the model is exact about kqueue itself (knotes, flags, receipts,
//! turns), but sockets behave as Linux's sockets.
//!
//! It has `EVFILT_READ`, `EVFILT_WRITE` and `EVFILT_USER`, with FreeBSD's numbers and
//! DragonFly's struct. A closed descriptor loses its knotes: the library defines its
//! own `close`, which the linker finds before libc's. A forked child has no kqueues.
//! With `EVQ_MODEL_NO_USER=1` in the environment, the model refuses `EVFILT_USER`, as
//! old kernels do. With `EVQ_MODEL_EBADF=1`, it refuses a pipe without a reader with
//! `EBADF`, as NetBSD does.
//!
//! It does not have: other filters; the real `data` (it is always 1); the real error
//! in `fflags` (it is always `ECONNRESET`, because Linux forgets an error when asked
//! for it); descriptors that `dup2` closes; a Unix socket's half that was shut down for
//! writing; calls on a duplicate of a kqueue.
//!
//! Sources: the manual pages kqueue(2) of FreeBSD, OpenBSD, NetBSD and macOS.

mod sys;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_int;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sys::timespec;

const EVFILT_READ: i16 = -1;
const EVFILT_WRITE: i16 = -2;
const EVFILT_USER: i16 = -11;

const EV_ADD: u16 = 0x1;
const EV_DELETE: u16 = 0x2;
const EV_ENABLE: u16 = 0x4;
const EV_DISABLE: u16 = 0x8;
const EV_ONESHOT: u16 = 0x10;
const EV_CLEAR: u16 = 0x20;
const EV_RECEIPT: u16 = 0x40;
const EV_DISPATCH: u16 = 0x80;
const EV_ERROR: u16 = 0x4000;
const EV_EOF: u16 = 0x8000;

const NOTE_TRIGGER: u32 = 0x0100_0000;

/// The longest wait that every kernel accepts, in seconds.
const LONGEST: i64 = 100_000_000;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Kevent {
    pub ident: usize,
    pub filter: i16,
    pub flags: u16,
    pub fflags: u32,
    pub data: isize,
    pub udata: usize,
}

/// A knote's descriptor or number, and its filter.
type Key = (usize, i16);

struct Knote {
    /// The flags with which it was made. `EV_CLEAR` and `EV_DISPATCH` never change.
    flags: u16,
    udata: usize,
    /// It may have something to report.
    active: bool,
    enabled: bool,
    /// It is in `turns`.
    queued: bool,
    /// Used by `EVFILT_USER` only.
    triggered: bool,
}

struct Queue {
    /// Distinguishes this queue from a later one with the same descriptor.
    id: u64,
    knotes: BTreeMap<Key, Knote>,
    /// Active knotes, in the order of their turns.
    turns: VecDeque<Key>,
    /// The kqueue's own descriptor. It watches what `EVFILT_READ` watches, and the
    /// two descriptors below, so it is readable if there is something to report or
    /// to find out.
    main: c_int,
    /// Watches what `EVFILT_WRITE` watches. With a descriptor of its own, news of one
    /// direction do not activate the other.
    writers: c_int,
    /// Readable while `turns` is not empty.
    bell: c_int,
    rung: bool,
}

struct Model {
    queues: BTreeMap<c_int, Queue>,
    next: u64,
}

static MODEL: Mutex<Model> = Mutex::new(Model {
    queues: BTreeMap::new(),
    next: 0,
});

/// The process that owns the kqueues, because a forked child inherits none.
static PROCESS: AtomicU32 = AtomicU32::new(0);

fn is_ours() -> bool {
    std::process::id() == PROCESS.load(Ordering::Relaxed)
}

/// No code panics while it holds the lock.
fn model() -> MutexGuard<'static, Model> {
    MODEL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Model {
    fn queue(&mut self, kq: c_int) -> Result<&mut Queue, c_int> {
        let queue = self.queues.get_mut(&kq).filter(|_| is_ours());
        queue.ok_or(sys::EBADF)
    }
}

impl Queue {
    fn new(id: u64) -> Result<Queue, c_int> {
        let mut made = Vec::new();
        let mut keep = |fd: Result<c_int, c_int>| fd.inspect(|&fd| made.push(fd));
        let queue = (|| {
            let main = keep(sys::new_epoll(true))?;
            let writers = keep(sys::new_epoll(false))?;
            let bell = keep(sys::new_eventfd())?;
            sys::watch(main, writers, sys::EPOLLIN)?;
            sys::watch(main, bell, sys::EPOLLIN)?;
            Ok(Queue {
                id,
                knotes: BTreeMap::new(),
                turns: VecDeque::new(),
                main,
                writers,
                bell,
                rung: false,
            })
        })();
        if queue.is_err() {
            for fd in made {
                sys::close(fd);
            }
        }
        queue
    }

    /// Applies one entry of a change list.
    fn change(&mut self, change: &Kevent) -> Result<(), c_int> {
        let key = (change.ident, change.filter);
        let fd = c_int::try_from(change.ident);
        match change.filter {
            EVFILT_READ | EVFILT_WRITE if !fd.is_ok_and(sys::is_open) => return Err(sys::EBADF),
            EVFILT_READ | EVFILT_WRITE => {}
            EVFILT_USER if !refuses_user() => {}
            _ => return Err(sys::EINVAL),
        }
        let known = self.knotes.contains_key(&key);
        if !known {
            if change.flags & EV_ADD == 0 {
                return Err(sys::ENOENT);
            }
            self.attach(key)?;
            let knote = Knote {
                flags: change.flags,
                udata: change.udata,
                active: false,
                enabled: true,
                queued: false,
                triggered: false,
            };
            self.knotes.insert(key, knote);
        } else if change.flags & EV_DELETE != 0 {
            self.detach(key);
            return Ok(());
        }
        let Some(knote) = self.knotes.get_mut(&key) else {
            return Ok(());
        };
        knote.udata = change.udata;
        if change.filter == EVFILT_USER {
            knote.triggered |= change.fflags & NOTE_TRIGGER != 0;
            // A change of an old knote with EV_CLEAR cancels its trigger.
            knote.triggered &= !(known && change.flags & EV_CLEAR != 0);
        }
        // A change reports what holds now, also for an old knote.
        knote.active |= filter(key, knote).is_some();
        if change.flags & EV_DISABLE != 0 {
            knote.enabled = false;
        }
        if change.flags & EV_ENABLE != 0 {
            knote.enabled = true;
        }
        self.enqueue(key);
        Ok(())
    }

    /// Begins to watch the object of a new knote.
    fn attach(&mut self, (ident, filter): Key) -> Result<(), c_int> {
        let fd = ident as c_int;
        let watched = match filter {
            EVFILT_READ if fd == self.main => Err(sys::EINVAL),
            EVFILT_READ => {
                let mask = sys::EPOLLIN | sys::EPOLLRDHUP | sys::EPOLLET;
                sys::watch(self.main, fd, mask)
            }
            // A kqueue can be watched for reading only.
            EVFILT_WRITE if sys::is_epoll(fd, self.bell) => Err(sys::EINVAL),
            // All BSDs refuse a pipe without a reader; NetBSD has its own error. Newer
            // macOS accepts it.
            EVFILT_WRITE if is_left_pipe(fd) => match switched_on("EVQ_MODEL_EBADF") {
                true => Err(sys::EBADF),
                false => Err(sys::EPIPE),
            },
            EVFILT_WRITE => sys::watch(self.writers, fd, sys::EPOLLOUT | sys::EPOLLET),
            _ => Ok(()),
        };
        match watched {
            // epoll refuses a regular file, but a kqueue accepts it.
            Err(sys::EPERM) => Ok(()),
            result => {
                // Take the edge that every new watch causes: it is not news.
                self.hear();
                result
            }
        }
    }

    /// Removes a knote and its turn, if there is one.
    fn detach(&mut self, key: Key) {
        let Some(knote) = self.knotes.remove(&key) else {
            return;
        };
        match key.1 {
            EVFILT_READ => sys::unwatch(self.main, key.0 as c_int),
            EVFILT_WRITE => sys::unwatch(self.writers, key.0 as c_int),
            _ => {}
        }
        if knote.queued {
            self.turns.retain(|&turn| turn != key);
        }
    }

    /// Takes epoll's news. A knote whose filter holds becomes active.
    fn hear(&mut self) {
        for (epoll, name) in [(self.main, EVFILT_READ), (self.writers, EVFILT_WRITE)] {
            loop {
                let news = sys::news(epoll);
                for &fd in &news {
                    let key = (fd as usize, name);
                    if let Some(knote) = self.knotes.get_mut(&key) {
                        knote.active |= filter(key, knote).is_some();
                        self.enqueue(key);
                    }
                }
                if news.len() < 64 {
                    break;
                }
            }
        }
    }

    /// Puts an active knote at the end of `turns`.
    fn enqueue(&mut self, key: Key) {
        if let Some(knote) = self.knotes.get_mut(&key) {
            if knote.active && knote.enabled && !knote.queued {
                knote.queued = true;
                self.turns.push_back(key);
            }
        }
    }

    /// Reports the knotes in `turns`, each at most once.
    fn scan(&mut self, room: usize) -> Vec<Kevent> {
        let mut events = Vec::new();
        for _ in 0..self.turns.len() {
            if events.len() == room {
                break;
            }
            let Some(key) = self.turns.pop_front() else {
                break;
            };
            let Some(knote) = self.knotes.get_mut(&key) else {
                continue;
            };
            knote.queued = false;
            if !knote.enabled {
                continue;
            }
            let Some((flags, fflags)) = filter(key, knote) else {
                knote.active = false;
                continue;
            };
            events.push(Kevent {
                ident: key.0,
                filter: key.1,
                flags: knote.flags | flags,
                fflags,
                data: 1,
                udata: knote.udata,
            });
            // When a pipe's reader closes, FreeBSD removes the knotes of its writer.
            let last = key.1 == EVFILT_WRITE && is_left_pipe(key.0 as c_int);
            if last || knote.flags & EV_ONESHOT != 0 {
                self.detach(key);
                continue;
            }
            if knote.flags & EV_CLEAR != 0 {
                knote.triggered = false;
            }
            if knote.flags & EV_DISPATCH != 0 {
                knote.enabled = false;
            }
            if knote.flags & (EV_CLEAR | EV_DISPATCH) != 0 {
                knote.active = false;
            }
            self.enqueue(key);
        }
        events
    }

    fn ring(&mut self) {
        let something = !self.turns.is_empty();
        if something != self.rung {
            sys::raise(self.bell, something);
            self.rung = something;
        }
    }
}

/// Whether to refuse `EVFILT_USER`, like OpenBSD before 2025 and NetBSD before 10.
fn refuses_user() -> bool {
    switched_on("EVQ_MODEL_NO_USER")
}

fn switched_on(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Whether this is one end of a pipe whose other end is closed.
fn is_left_pipe(fd: c_int) -> bool {
    let left = sys::state(fd, 0) & (sys::POLLERR | sys::POLLHUP) != 0;
    left && !sys::is_socket(fd)
}

/// The flags and fflags to report if the filter holds now.
fn filter((ident, filter): Key, knote: &Knote) -> Option<(u16, u32)> {
    const ECONNRESET: u32 = 104;
    let fd = ident as c_int;
    let (state, ended) = match filter {
        EVFILT_READ => {
            let state = sys::state(fd, sys::POLLIN | sys::POLLRDHUP);
            (state, state & (sys::POLLRDHUP | sys::POLLHUP) != 0)
        }
        EVFILT_WRITE => {
            let state = sys::state(fd, sys::POLLOUT);
            let ended = state & (sys::POLLERR | sys::POLLHUP) != 0 || sys::tcp_has_ended(fd);
            (state, ended)
        }
        _ => return knote.triggered.then_some((0, 0)),
    };
    if state == 0 {
        return None;
    }
    let failed = state & sys::POLLERR != 0 && sys::is_socket(fd);
    Some(match (ended, failed) {
        (true, true) => (EV_EOF, ECONNRESET),
        (true, false) => (EV_EOF, 0),
        (false, _) => (0, 0),
    })
}

/// Makes a kqueue. Like a real one, it stays open across `exec` unless its
/// close-on-exec flag is set.
#[unsafe(no_mangle)]
pub extern "C" fn kqueue() -> c_int {
    let mut model = model();
    if !is_ours() {
        model.queues.clear();
        PROCESS.store(std::process::id(), Ordering::Relaxed);
    }
    model.next += 1;
    match Queue::new(model.next) {
        Ok(queue) => {
            let kq = queue.main;
            model.queues.insert(kq, queue);
            kq
        }
        Err(error) => {
            sys::set_errno(error);
            -1
        }
    }
}

/// Applies changes, then waits for events.
///
/// # Safety
///
/// `changes` must be readable for `n` entries and `events` writable for `room`;
/// `time` must be null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kevent(
    kq: c_int,
    changes: *const Kevent,
    n: c_int,
    events: *mut Kevent,
    room: c_int,
    time: *const timespec,
) -> c_int {
    let (n, room) = (n.max(0) as usize, room.max(0) as usize);
    // SAFETY: the caller promises it, and we do not use the pointer of an empty list.
    let (changes, time) = unsafe {
        let changes = if n == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(changes, n)
        };
        (changes, time.as_ref().copied())
    };
    match answer(kq, changes, room, time) {
        Ok(answers) => {
            for (at, answer) in answers.iter().enumerate() {
                // SAFETY: there are at most `room` answers.
                unsafe { events.add(at).write(*answer) };
            }
            answers.len() as c_int
        }
        Err(error) => {
            sys::set_errno(error);
            -1
        }
    }
}

fn answer(
    kq: c_int,
    changes: &[Kevent],
    room: usize,
    time: Option<timespec>,
) -> Result<Vec<Kevent>, c_int> {
    let id = {
        let mut model = model();
        let queue = model.queue(kq)?;
        let mut receipts = Vec::new();
        let mut refused = None;
        for change in changes {
            let error = queue.change(change).err();
            if error.is_none() && change.flags & EV_RECEIPT == 0 {
                continue;
            }
            if receipts.len() == room {
                refused = Some(error);
                break;
            }
            receipts.push(Kevent {
                flags: EV_ERROR,
                data: error.unwrap_or(0) as isize,
                ..*change
            });
        }
        queue.ring();
        match refused {
            Some(Some(error)) => return Err(error),
            Some(None) => return Ok(receipts),
            None if !receipts.is_empty() => return Ok(receipts),
            None => queue.id,
        }
    };

    if room == 0 {
        return Ok(Vec::new());
    }
    let deadline = time.map(deadline).transpose()?;
    loop {
        {
            let mut model = model();
            let queue = model.queue(kq)?;
            if queue.id != id {
                return Err(sys::EBADF);
            }
            queue.hear();
            let events = queue.scan(room);
            queue.ring();
            if !events.is_empty() {
                return Ok(events);
            }
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(Vec::new());
        }
        let time = left.map(|left| timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos().into(),
        });
        sys::wait(kq, time)?;
    }
}

fn deadline(time: timespec) -> Result<Instant, c_int> {
    let seconds = time.tv_sec;
    let valid = (0..=LONGEST).contains(&seconds) && (0..1_000_000_000).contains(&time.tv_nsec);
    if !valid {
        return Err(sys::EINVAL);
    }
    let wait = Duration::new(seconds as u64, time.tv_nsec as u32);
    Ok(Instant::now() + wait)
}

/// Closes a descriptor and removes its knotes. With a kqueue's own descriptor, the kqueue
/// ends.
///
/// # Safety
///
/// No other code may use the descriptor any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    // Between fork and exec a child must not take a lock.
    if is_ours() {
        let mut model = model();
        if let Some(queue) = model.queues.remove(&fd) {
            sys::close(queue.writers);
            sys::close(queue.bell);
        }
        for queue in model.queues.values_mut() {
            queue.detach((fd as usize, EVFILT_READ));
            queue.detach((fd as usize, EVFILT_WRITE));
            queue.ring();
        }
        return sys::close(fd);
    }
    sys::close(fd)
}
