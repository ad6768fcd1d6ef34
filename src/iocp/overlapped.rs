//! What every completion packet leads back to.
//!
//! Chapter 11. The kernel knows an operation by the address of its OVERLAPPED,
//! and hands that address back in the packet. So a function pointer stands right
//! behind it: who owns the operation, and what is to be done now, is that
//! function's knowledge alone.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt;
use std::io;
use std::panic::RefUnwindSafe;

use super::ffi::{self, OVERLAPPED, OVERLAPPED_ENTRY};

/// An `OVERLAPPED` that knows what to do once its operation is done.
///
/// Every overlapped operation on a handle that is registered by a
/// [`Binding`](crate::windows::Binding) must be started with one of these. Keep
/// it first in a `#[repr(C)]` struct of your own, on the heap, with whatever the
/// operation needs. The packet's pointer then leads back to the whole.
///
/// From before the call until the packet has been delivered, that memory belongs
/// to the kernel, even if you have cancelled the operation or closed the handle.
/// It is yours again at once only if no packet comes:
///
/// - The call has failed, neither with `ERROR_IO_PENDING` nor with a warning
///   ([`has_warned`](Overlapped::has_warned)).
/// - It has succeeded, on a handle that skips packets on success.
///
/// The [module's example](crate::windows) starts an operation with one.
// ANCHOR: overlapped
#[repr(C)]
pub struct Overlapped {
    raw: UnsafeCell<OVERLAPPED>,
    done: unsafe fn(&Packet),
}

// SAFETY: what `raw` points to, if anything, is the kernel's; and the kernel's
// writes to it are over before the packet is dequeued, on whichever thread.
unsafe impl Send for Overlapped {}
// SAFETY: as above; nothing here reads or writes `raw` by a shared reference.
unsafe impl Sync for Overlapped {}
// Nobody sees `raw` half changed, for nobody sees it.
impl RefUnwindSafe for Overlapped {}
// ANCHOR_END: overlapped

// ANCHOR: prepare
impl Overlapped {
    /// `done` is called with the packet of each operation that this is used for.
    ///
    /// It runs on the thread that polls, or that drops the [`Poll`](crate::Poll). After
    /// that it runs on a thread that uses or drops one of the queue's sources. No lock
    /// of the queue is held, so it may set readiness, register, and start operations.
    /// It must not panic: the packets that were dequeued with this one would wait
    /// until another comes.
    pub const fn new(done: unsafe fn(&Packet)) -> Overlapped {
        Overlapped {
            raw: UnsafeCell::new(OVERLAPPED::ZEROED),
            done,
        }
    }

    /// Clears it for a new operation, and makes the pointer for the call. Cast
    /// that pointer to the `OVERLAPPED` of your declarations; an operation on a file
    /// sets its offset there.
    ///
    /// `this` must be derived from the whole allocation, by
    /// `Arc::as_ptr(..).cast()` for example, because `done` casts it back to the
    /// whole. The pointer has the address of `this`. `CancelIoEx` only compares
    /// addresses, so you can give it `this` itself.
    ///
    /// # Safety
    ///
    /// `this` points to an `Overlapped` that no operation is using.
    pub unsafe fn prepare(this: *const Overlapped) -> *mut c_void {
        let raw: *mut OVERLAPPED = this.cast_mut().cast();
        // SAFETY: `raw` is the first field, and the kernel does not hold it.
        unsafe { raw.write(OVERLAPPED::ZEROED) };
        raw.cast()
    }
    // ANCHOR_END: prepare

    // ANCHOR: has_warned
    /// Whether a failed call has ended its operation with a warning, such as
    /// `ERROR_MORE_DATA` for a message that did not fit
    /// (<https://learn.microsoft.com/en-us/windows-hardware/drivers/kernel/using-ntstatus-values>).
    /// A warning queues a packet, an error does not.
    ///
    /// # Safety
    ///
    /// `this` points to an `Overlapped` that was prepared for the call, which has
    /// failed, and not with `ERROR_IO_PENDING`. The memory is there still, and no
    /// other operation has been started with it, by `done` for example.
    pub unsafe fn has_warned(this: *const Overlapped) -> bool {
        let raw: *const OVERLAPPED = this.cast();
        // SAFETY: `raw` is the first field. The kernel no longer writes to an operation
        // that is over, and writes nothing for an error.
        let status = unsafe { (*raw).Internal };
        status as u32 >> 30 == 2
    }
}
// ANCHOR_END: has_warned

/// A completion packet: an operation is over, well or not.
///
/// ```
/// use evq::windows::{Overlapped, Packet};
///
/// unsafe fn done(packet: &Packet) {
///     match packet.status() {
///         Ok(()) => println!("{} bytes", packet.bytes_transferred()),
///         Err(error) if error.raw_os_error() == Some(995) => println!("cancelled"),
///         Err(error) => println!("{error}"),
///     }
/// }
///
/// let overlapped = Box::new(Overlapped::new(done));
/// ```
// ANCHOR: packet
#[derive(Debug)]
pub struct Packet {
    overlapped: *mut Overlapped,
    bytes: u32,
    status: usize,
}

impl Packet {
    /// Which operation is over: the pointer that the call was given.
    pub fn overlapped(&self) -> *mut Overlapped {
        self.overlapped
    }

    /// The number of bytes that were read or written. Some operations can
    /// fail, with 234 (`ERROR_MORE_DATA`) for example, and yet have read some.
    pub fn bytes_transferred(&self) -> usize {
        self.bytes as usize
    }

    /// How it went.
    ///
    /// # Errors
    ///
    /// That of the operation; 995 (`ERROR_OPERATION_ABORTED`) if it was
    /// cancelled. For a socket's operation it is the general Windows error;
    /// `WSAGetOverlappedResult` knows the socket's own.
    pub fn status(&self) -> io::Result<()> {
        ffi::status(self.status)
    }

    // ANCHOR_END: packet

    // ANCHOR: deliver
    /// Makes a packet of what was dequeued.
    ///
    /// # Safety
    ///
    /// The entry has been dequeued just now, and only one packet is made of it.
    /// Its OVERLAPPED is that of an [`Overlapped`].
    pub(crate) unsafe fn new(entry: &OVERLAPPED_ENTRY) -> Packet {
        Packet {
            overlapped: entry.lpOverlapped.cast(),
            bytes: entry.dwNumberOfBytesTransferred,
            // SAFETY: the kernel has done writing, and the memory is there
            // until the packet is delivered.
            status: unsafe { (*entry.lpOverlapped).Internal },
        }
    }

    /// Calls the function that stands behind the OVERLAPPED.
    pub(crate) fn deliver(self) {
        // SAFETY: until `done` is called, the operation's memory is there.
        let done = unsafe { (*self.overlapped).done };
        // SAFETY: this is the one packet of the operation, and whoever made
        // the `Overlapped` gave it a function for that.
        unsafe { done(&self) };
    }
}

// SAFETY: a packet is the right to the memory behind its pointer, which belongs
// to no thread.
unsafe impl Send for Packet {}

impl fmt::Debug for Overlapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlapped").finish_non_exhaustive()
    }
}
// ANCHOR_END: deliver
