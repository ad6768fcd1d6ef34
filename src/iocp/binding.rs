//! The tie between a handle and a queue.
//!
//! Chapter 18, and chapter 11 for the crate's own use of it.

use std::io;
use std::os::windows::io::{AsRawSocket, BorrowedHandle, BorrowedSocket};
use std::sync::{Arc, OnceLock};

use crate::queue::Queue;
use crate::registrator::Registrator;

/// Ties a handle to the queue whose `poll` dequeues its completion packets.
///
/// A source over a handle of your own keeps one of these for the handle, an
/// [`Overlapped`](super::overlapped::Overlapped) for each operation that may be
/// in flight, and a [`Registration`](crate::Registration) with its
/// [`SetReadiness`](crate::SetReadiness) for what it is ready for. Its
/// [`Source`](crate::Source) methods call the ones here, then those of the
/// `Registration`.
///
/// A handle belongs to a completion port for good. So a binding outlives
/// `deregister`: the same queue takes the handle again, any other refuses it.
/// It also keeps the port open.
#[derive(Debug, Default)]
pub struct Binding {
    queue: OnceLock<Arc<Queue>>,
}

impl Binding {
    /// A binding of nothing yet.
    pub const fn new() -> Binding {
        Binding {
            queue: OnceLock::new(),
        }
    }

    /// Ties a handle to a queue, or finds that it is tied to it already.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if this binding is of another queue; `InvalidInput` if
    /// the handle belongs to a completion port otherwise, or cannot be
    /// overlapped.
    ///
    /// # Safety
    ///
    /// A packet is taken for that of an `Overlapped`. So, for as long as the
    /// handle's file object exists, every overlapped operation on it, through
    /// any duplicate, is started with the pointer of an `Overlapped`
    /// ([`as_mut_ptr`](super::overlapped::Overlapped::as_mut_ptr)), or queues no
    /// packet; and that `Overlapped`, with what its function reaches, stays
    /// where it is until its packet has been delivered.
    pub unsafe fn register_handle(
        &self,
        handle: BorrowedHandle<'_>,
        registrator: &Registrator,
    ) -> io::Result<()> {
        let queue = &registrator.queue;
        match self.queue.get() {
            Some(own) if Arc::ptr_eq(own, queue) => Ok(()),
            Some(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, FOR_GOOD)),
            None => {
                queue.selector.associate(handle)?;
                // Nobody else was given this handle's port, or that had failed.
                let _ = self.queue.set(Arc::clone(queue));
                Ok(())
            }
        }
    }

    /// [`register_handle`](Binding::register_handle), for a socket.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Safety
    ///
    /// The same.
    pub unsafe fn register_socket(
        &self,
        socket: BorrowedSocket<'_>,
        registrator: &Registrator,
    ) -> io::Result<()> {
        // SAFETY: a socket is a handle, borrowed for as long. The rest is the
        // caller's.
        unsafe { self.register_handle(as_handle(socket), registrator) }
    }

    /// Checks that the handle is tied to this queue: for a source's `reregister`
    /// and `deregister`. The tie itself stays.
    ///
    /// # Errors
    ///
    /// `NotFound` if it is not.
    pub fn check(&self, registrator: &Registrator) -> io::Result<()> {
        match self.queue.get() {
            Some(own) if Arc::ptr_eq(own, &registrator.queue) => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the handle is not registered with this queue: register it first",
            )),
        }
    }

    pub(crate) fn queue(&self) -> Option<&Arc<Queue>> {
        self.queue.get()
    }
}

/// A socket is a handle to the kernel.
pub(crate) fn as_handle(socket: BorrowedSocket<'_>) -> BorrowedHandle<'_> {
    let raw = socket.as_raw_socket() as usize;
    // SAFETY: it is open for as long as the socket is borrowed.
    unsafe { BorrowedHandle::borrow_raw(std::ptr::without_provenance_mut(raw)) }
}

const FOR_GOOD: &str = "the handle belongs to another queue's completion port, for good: open it \
                        anew to register it here";
