//! The tie between a handle and a queue.
//!
//! Chapter 18, and chapter 11 for the crate's own use of it.

use std::io;
use std::os::windows::io::{AsRawHandle, AsRawSocket, BorrowedHandle, BorrowedSocket};
use std::sync::{Arc, Mutex, OnceLock};

use crate::queue::Queue;
use crate::ready::lock;
use crate::registrator::Registrator;

/// Ties a handle to the queue whose `poll` dequeues its completion packets.
///
/// A source over a handle of your own keeps one of these for the handle, an
/// [`Overlapped`](crate::iocp::overlapped::Overlapped) for each operation that may be
/// in flight, and a [`Registration`](crate::Registration) with its
/// [`SetReadiness`](crate::SetReadiness) for what it is ready for. Its
/// [`Source`](crate::Source) methods are those of the `Registration`; only
/// `register` calls the binding as well.
///
/// No Win32 call moves a handle to another completion port. So there is nothing
/// here to undo: after `deregister`, the same queue takes the handle again, and any
/// other refuses it. A handle that is opened anew needs a binding of its own.
///
/// The binding keeps the port open. But once [`Poll`](crate::Poll) has been
/// dropped, nobody waits for packets: the memory of an operation that is in flight
/// then may never be given back.
///
/// ```
/// use evq::Poll;
/// use evq::windows::Binding;
/// use std::fs::File;
/// use std::io::ErrorKind;
/// use std::os::windows::fs::OpenOptionsExt;
/// use std::os::windows::io::AsHandle;
///
/// const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("evq-binding-{}", std::process::id()));
/// # std::fs::write(&path, "hello")?;
/// let file = File::options().read(true).custom_flags(FILE_FLAG_OVERLAPPED).open(&path)?;
/// let (one, other, binding) = (Poll::new()?, Poll::new()?, Binding::new());
/// // SAFETY: no operation is ever started on this handle.
/// let register = |poll: &Poll| unsafe {
///     binding.register_handle(file.as_handle(), poll.registrator())
/// };
/// register(&one)?;
/// register(&one)?;
/// assert_eq!(register(&other).unwrap_err().kind(), ErrorKind::AlreadyExists);
/// # drop(file);
/// # std::fs::remove_file(path)
/// # }
/// ```
// ANCHOR: binding
#[derive(Debug, Default)]
pub struct Binding {
    /// The queue, and the handle's number.
    tied: OnceLock<(Arc<Queue>, usize)>,
    /// Held while a handle is tied: of two threads that try, the second must find it
    /// tied, or the port refuses the handle.
    tying: Mutex<()>,
}

impl Binding {
    /// A binding of nothing yet.
    pub const fn new() -> Binding {
        Binding {
            tied: OnceLock::new(),
            tying: Mutex::new(()),
        }
    }

    // ANCHOR_END: binding

    /// Ties a handle to a queue, or finds that it is tied to it already.
    ///
    /// Call it after the [`Registration`](crate::Registration)'s `register`: if that
    /// refuses the token or the loop, the handle stays untied. If this call fails,
    /// deregister the `Registration` again.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: this binding ties its handle to another queue.
    /// - `InvalidInput`: this binding is another handle's; or the handle belongs to a
    ///   completion port by other means, or was not opened for overlapped operations.
    ///
    /// # Safety
    ///
    /// The queue takes each packet of the handle for that of an
    /// [`Overlapped`](crate::iocp::overlapped::Overlapped), and calls its function.
    /// So this must hold for every overlapped operation on the handle's file
    /// object, in flight already or to come, and through any duplicate of the
    /// handle, for as long as there is one:
    ///
    /// - It is started with a pointer that
    ///   [`Overlapped::prepare`](crate::iocp::overlapped::Overlapped::prepare) has
    ///   returned, or it queues no packet.
    /// - Until its packet has been delivered, that `Overlapped`, the buffers of
    ///   the operation and whatever else the function needs stay where they
    ///   are, and nobody but the kernel uses the buffers.
    /// - The function may be called with that packet, on any thread.
    // ANCHOR: register
    pub unsafe fn register_handle(
        &self,
        handle: BorrowedHandle<'_>,
        registrator: &Registrator,
    ) -> io::Result<()> {
        let (queue, number) = (&registrator.queue, handle.as_raw_handle() as usize);
        let _tying = lock(&self.tying);
        match self.tied.get() {
            Some((own, _)) if !Arc::ptr_eq(own, queue) => {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, FOR_GOOD))
            }
            // The packets of this handle would go to another port, or to none.
            Some((_, own)) if *own != number => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, ANOTHER))
            }
            Some(_) => Ok(()),
            None => {
                queue.selector.associate(handle)?;
                let _ = self.tied.set((Arc::clone(queue), number));
                Ok(())
            }
        }
    }
    // ANCHOR_END: register

    // ANCHOR: socket
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

    pub(crate) fn queue(&self) -> Option<&Arc<Queue>> {
        self.tied.get().map(|(queue, _)| queue)
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
const ANOTHER: &str = "the binding is another handle's: make one for each handle";
// ANCHOR_END: socket
