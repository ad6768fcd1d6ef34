//! What only Windows has: named pipes, and sources over any handle that a completion port
//! takes.
//!
//! Chapters 17 and 18. A completion port reports operations, not readiness.
//! So a source over your own handle starts the operations itself, each with an
//! [`Overlapped`]. When an operation is over, the queue calls the `Overlapped`'s function,
//! and that sets the readiness by a [`SetReadiness`](crate::SetReadiness).
//!
//! ```
//! use evq::windows::{Binding, Overlapped, Packet};
//! use evq::{Events, Interests, Poll, Readiness, Registration, SetReadiness, Token};
//! use std::cell::UnsafeCell;
//! use std::ffi::c_void;
//! use std::fs::File;
//! use std::os::windows::fs::OpenOptionsExt;
//! use std::os::windows::io::{AsHandle, AsRawHandle, RawHandle};
//! use std::ptr;
//! use std::sync::{Arc, Mutex};
//!
//! const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
//! const ERROR_IO_PENDING: i32 = 997;
//!
//! #[link(name = "kernel32")]
//! unsafe extern "system" {
//!     fn ReadFile(
//!         file: RawHandle, buffer: *mut u8, room: u32, read: *mut u32, overlapped: *mut c_void,
//!     ) -> i32;
//! }
//!
//! /// What a read lends to the kernel. The packet's pointer leads to the whole struct.
//! #[repr(C)]
//! struct Lent {
//!     overlapped: Overlapped,
//!     buffer: UnsafeCell<[u8; 16]>,
//!     read: Mutex<Option<usize>>,
//!     set_readiness: SetReadiness,
//! }
//! // SAFETY: only the kernel uses `buffer` until `read` is set. Then only the reader does.
//! unsafe impl Sync for Lent {}
//!
//! unsafe fn done(packet: &Packet) {
//!     let whole = packet.overlapped().cast_const().cast::<Lent>();
//!     // SAFETY: the read took a count of the `Arc`, and only this packet gives it back.
//!     let lent = unsafe { Arc::from_raw(whole) };
//!     *lent.read.lock().unwrap() = packet.status().is_ok().then(|| packet.bytes_transferred());
//!     let _ = lent.set_readiness.set_readiness(Readiness::READABLE);
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! # let path = std::env::temp_dir().join(format!("evq-windows-{}", std::process::id()));
//! # std::fs::write(&path, "hello")?;
//! let file = File::options().read(true).custom_flags(FILE_FLAG_OVERLAPPED).open(&path)?;
//! let mut poll = Poll::new()?;
//! let mut events = Events::with_capacity(8);
//! let (mut registration, set_readiness) = Registration::new();
//! poll.registrator().register(&mut registration, Token(5), Interests::READABLE)?;
//! let binding = Binding::new();
//! // SAFETY: the read below is the only operation, and `Lent` may go to any thread.
//! unsafe { binding.register_handle(file.as_handle(), poll.registrator())? };
//!
//! let lent = Arc::new(Lent {
//!     overlapped: Overlapped::new(done),
//!     buffer: UnsafeCell::new([0; 16]),
//!     read: Mutex::new(None),
//!     set_readiness,
//! });
//! // Before the call, because the packet may be dequeued before it returns.
//! let whole = Arc::into_raw(Arc::clone(&lent));
//! // SAFETY: no operation uses it. The kernel gets a buffer of 16 bytes, and the count.
//! let started = unsafe {
//!     let overlapped = Overlapped::prepare(whole.cast());
//!     let buffer = (*whole).buffer.get().cast();
//!     ReadFile(file.as_raw_handle(), buffer, 16, ptr::null_mut(), overlapped)
//! };
//! let error = std::io::Error::last_os_error();
//! if started == 0 && error.raw_os_error() != Some(ERROR_IO_PENDING) {
//!     // SAFETY: it was prepared for this call, and `lent` keeps the memory.
//!     if !unsafe { Overlapped::has_warned(whole.cast()) } {
//!         // SAFETY: no packet will come, so nobody else gives the count back.
//!         drop(unsafe { Arc::from_raw(whole) });
//!         return Err(error);
//!     }
//! }
//!
//! poll.poll(&mut events, None)?;
//! assert_eq!(events.iter().next().unwrap().token(), Token(5));
//! let count = lent.read.lock().unwrap().expect("the read has not failed");
//! // SAFETY: the packet was delivered, so nobody else uses the buffer.
//! assert_eq!(unsafe { &(&*lent.buffer.get())[..count] }, b"hello");
//! # drop(file);
//! # std::fs::remove_file(path)
//! # }
//! ```

mod lending;

#[doc(hidden)]
pub mod ffi;

mod named_pipe;

pub use crate::completion::binding::Binding;
pub use crate::iocp::overlapped::{Overlapped, Packet};
pub use named_pipe::{Instance, NamedPipe};
