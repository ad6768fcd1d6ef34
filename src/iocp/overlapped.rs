//! What every completion packet leads back to.
//!
//! Chapter 11. The kernel knows an operation by the address of its OVERLAPPED. The
//! packet brings that address back. So we keep a function pointer right behind the
//! OVERLAPPED. That function alone knows who owns the operation and what to do now.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt;
use std::io;
use std::panic::RefUnwindSafe;

use super::ffi::{self, OVERLAPPED, OVERLAPPED_ENTRY};

/// An `OVERLAPPED`, and the function to call when its operation is over.
///
/// A [`Binding`](crate::windows::Binding) registers a handle. Start every overlapped
/// operation on such a handle with one of these. Keep the `Overlapped` first in a
/// `#[repr(C)]` struct of your own, on the heap, with whatever the operation needs.
/// The packet's pointer then leads back to the whole struct.
///
/// That memory belongs to the kernel from before the call until the packet has been
/// delivered, even if you cancel the operation or close the handle. The memory is
/// yours again at once only if no packet comes. There are two such cases:
///
/// - The call has failed, neither with `ERROR_IO_PENDING` nor with a warning
///   ([`has_warned`](Overlapped::has_warned)).
/// - The call has succeeded, on a handle that skips packets on success.
///
/// The [module's example](crate::windows) starts an operation with one.
// ANCHOR: overlapped
#[repr(C)]
pub struct Overlapped {
    raw: UnsafeCell<OVERLAPPED>,
    done: unsafe fn(&Packet),
}

// SAFETY: if `raw` points to anything, that is the kernel's. The kernel has written
// `raw` before any thread dequeues the packet.
unsafe impl Send for Overlapped {}
// SAFETY: as above; no code here reads or writes `raw` by a shared reference.
unsafe impl Sync for Overlapped {}
// A panic cannot leave `raw` half changed: only the kernel and `prepare` change it.
impl RefUnwindSafe for Overlapped {}
// ANCHOR_END: overlapped

// ANCHOR: prepare
impl Overlapped {
    /// The queue calls `done` with the packet of each operation that uses this.
    ///
    /// `done` runs on the thread that polls, or that drops the [`Poll`](crate::Poll).
    /// Once `Poll` is dropped, it runs on a thread that uses or drops one of the queue's
    /// sources. The queue holds no lock meanwhile, so `done` may set readiness,
    /// register, and start operations. It must not panic: the queue would deliver the
    /// packets that it dequeued with this one only after its next wait.
    pub const fn new(done: unsafe fn(&Packet)) -> Overlapped {
        Overlapped {
            raw: UnsafeCell::new(OVERLAPPED::ZEROED),
            done,
        }
    }

    /// Clears the `OVERLAPPED` for a new operation, and returns the pointer for the
    /// call. Cast that pointer to the `OVERLAPPED` of your declarations. For an
    /// operation on a file, set its offset there.
    ///
    /// Derive `this` from the whole allocation, by `Arc::as_ptr(..).cast()` for
    /// example, because `done` casts it back to the whole. The returned pointer has the
    /// address of `this`. `CancelIoEx` only compares addresses, so you can give it
    /// `this` itself.
    ///
    /// # Safety
    ///
    /// `this` points to an `Overlapped` that no operation is using.
    pub unsafe fn prepare(this: *const Overlapped) -> *mut c_void {
        let raw: *mut OVERLAPPED = this.cast_mut().cast();
        // SAFETY: `raw` is the first field, and no operation is using it.
        unsafe { raw.write(OVERLAPPED::ZEROED) };
        raw.cast()
    }
    // ANCHOR_END: prepare

    // ANCHOR: has_warned
    /// Whether the kernel calls a failed call's status a warning
    /// (<https://learn.microsoft.com/en-us/windows-hardware/drivers/kernel/using-ntstatus-values>).
    /// `ERROR_MORE_DATA`, for a message that did not fit, is one. A warning queues a
    /// packet; an error queues none.
    ///
    /// # Safety
    ///
    /// - `this` points to an `Overlapped` that was prepared for the call. Its memory has
    ///   not been freed.
    /// - The call has failed, and not with `ERROR_IO_PENDING`.
    /// - Nobody has started another operation with it since, `done` included.
    pub unsafe fn has_warned(this: *const Overlapped) -> bool {
        let raw: *const OVERLAPPED = this.cast();
        // SAFETY: `raw` is the first field. The kernel writes no more to an operation
        // that is over, and writes nothing for an error.
        let status = unsafe { (*raw).Internal };
        status as u32 >> 30 == 2
    }
}
// ANCHOR_END: has_warned

/// A completion packet: an operation has succeeded or failed.
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
    /// The pointer that the call was given. It says which operation is over.
    pub fn overlapped(&self) -> *mut Overlapped {
        self.overlapped
    }

    /// The number of bytes that the operation has read or written. Some operations
    /// fail although they have read bytes, with 234 (`ERROR_MORE_DATA`) for example.
    pub fn bytes_transferred(&self) -> usize {
        self.bytes as usize
    }

    /// Whether the operation has succeeded.
    ///
    /// # Errors
    ///
    /// The operation's error: 995 (`ERROR_OPERATION_ABORTED`) if it was cancelled. Of
    /// a socket's operation this is the general Windows error; to get the socket's own
    /// error, call `WSAGetOverlappedResult`.
    pub fn status(&self) -> io::Result<()> {
        ffi::status(self.status)
    }
    // ANCHOR_END: packet

    // ANCHOR: dequeued
    /// Makes a packet of an entry. The status is copied, because `done` may start
    /// another operation with the same OVERLAPPED, which clears it.
    ///
    /// # Safety
    ///
    /// The entry has been dequeued just now, and only one packet is made of it.
    /// Its OVERLAPPED is that of an [`Overlapped`].
    pub(crate) unsafe fn new(entry: &OVERLAPPED_ENTRY) -> Packet {
        Packet {
            overlapped: entry.lpOverlapped.cast(),
            bytes: entry.dwNumberOfBytesTransferred,
            // SAFETY: the kernel writes no more, and nobody frees the memory
            // before the packet is delivered.
            status: unsafe { (*entry.lpOverlapped).Internal },
        }
    }
    // ANCHOR_END: dequeued

    // ANCHOR: deliver
    pub(crate) fn deliver(self) {
        // SAFETY: nobody frees the operation's memory before `done` is called.
        let done = unsafe { (*self.overlapped).done };
        // SAFETY: this is the operation's only packet, and the maker of the
        // `Overlapped` chose this function for it.
        unsafe { done(&self) };
    }
    // ANCHOR_END: deliver
}

// ANCHOR: debug
// SAFETY: a packet gives the right to use the memory behind its pointer. That memory
// belongs to no thread.
unsafe impl Send for Packet {}

impl fmt::Debug for Overlapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlapped").finish_non_exhaustive()
    }
}
// ANCHOR_END: debug
