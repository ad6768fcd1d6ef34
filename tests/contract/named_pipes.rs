//! Named pipes, as two kinds of source for `bench`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use evq::inside::pipe_ffi::{PIPE_ACCESS_DUPLEX, c};
use evq::windows::NamedPipe;
use evq::{Interests, Source};

use crate::bench::{Subject, fill, read_all};

/// Our end, and the peer's, whose calls block.
fn pipe() -> (NamedPipe, File) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!(r"\\.\pipe\evq-contract-{}-{number}", std::process::id());
    let wide: Vec<u16> = OsStr::new(&name).encode_wide().chain([0]).collect();
    // SAFETY: the name ends with a 0, and null is the default.
    let peer = unsafe {
        let (at, none) = (wide.as_ptr(), ptr::null_mut());
        let handle = c::CreateNamedPipeW(at, PIPE_ACCESS_DUPLEX, 0, 1, 4096, 4096, 0, none);
        assert_ne!(handle as isize, -1);
        OwnedHandle::from_raw_handle(handle)
    };
    (NamedPipe::open(&name).unwrap(), File::from(peer))
}

pub struct Reader {
    ours: NamedPipe,
    peer: File,
}

impl Reader {
    pub fn new() -> Reader {
        let (ours, peer) = pipe();
        Reader { ours, peer }
    }
}

impl Subject for Reader {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.ours
    }

    fn interests(&self) -> Interests {
        Interests::READABLE
    }

    fn feed(&mut self) {
        self.peer.write_all(b"!").unwrap();
    }

    fn drain(&mut self) {
        read_all(&self.ours);
    }
}

/// The pipe is full while one write is in flight. One such write has this many
/// bytes.
const WRITTEN: usize = 4096;
/// More than the system's buffers take.
const WRITES: usize = 16;

pub struct Writer {
    ours: NamedPipe,
    peer: File,
    /// A pipe has room from the start, but can be filled only after it is
    /// registered.
    full: bool,
    fed: bool,
}

impl Writer {
    pub fn new() -> Writer {
        let (ours, peer) = pipe();
        Writer {
            ours,
            peer,
            full: false,
            fed: false,
        }
    }

    fn fill(&mut self) {
        let n = (&self.ours).write(&[7; WRITTEN * WRITES]).unwrap();
        assert_eq!(n, WRITTEN * WRITES);
        fill(&self.ours);
        self.full = true;
    }
}

impl Subject for Writer {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.ours
    }

    fn interests(&self) -> Interests {
        Interests::WRITABLE
    }

    fn registered(&mut self) {
        if !self.full && !self.fed {
            self.fill();
        }
    }

    fn feed(&mut self) {
        self.fed = true;
        if self.full {
            self.full = false;
            self.peer.read_exact(&mut [0; WRITTEN * WRITES]).unwrap();
        }
    }

    fn drain(&mut self) {
        if self.fed {
            self.fed = false;
            self.fill();
        }
    }
}
