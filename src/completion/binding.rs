//! The tie between a handle and a queue.
//!
//! Chapters 11 and 18. The crate uses it for its own sources, too.

use std::io;
use std::os::windows::io::{AsRawHandle, AsRawSocket, BorrowedHandle, BorrowedSocket};
use std::sync::{Arc, Mutex, OnceLock};

use crate::queue::Queue;
use crate::ready::lock;
use crate::registrator::Registrator;

/// Ties a handle to the queue whose `poll` dequeues its completion packets.
///
/// You can write a source over a handle of your own. It keeps three things: one
/// `Binding` for the handle, an
/// [`Overlapped`](crate::iocp::overlapped::Overlapped) for each operation that may be
/// in flight, and a [`Registration`](crate::Registration) whose
/// [`SetReadiness`](crate::SetReadiness) says what it is ready for. Its
/// [`Source`](crate::Source) methods call those of the `Registration`. Its `register`
/// also calls the binding.
///
/// No Win32 call moves a handle to another completion port, so a binding cannot be
/// undone. After `deregister` the same queue takes the handle again. Any other queue
/// refuses it. If you open the handle anew, the new handle needs a new binding.
///
/// The binding keeps the port open. But once [`Poll`](crate::Poll) is dropped, nobody
/// waits for packets. If one of your operations is in flight then, its memory may
/// never be given back.
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
    /// Which queue, and the number of which handle.
    tied: OnceLock<(Arc<Queue>, usize)>,
    /// Held while a handle is tied. If two threads try, the second must find the handle
    /// tied: the port would refuse it.
    tying: Mutex<()>,
}

impl Binding {
    /// Makes a binding that ties no handle yet.
    pub const fn new() -> Binding {
        Binding {
            tied: OnceLock::new(),
            tying: Mutex::new(()),
        }
    }
    // ANCHOR_END: binding

    /// Ties a handle to a queue. Does nothing if this binding has tied it to that queue
    /// already.
    ///
    /// First call `register` of your [`Registration`](crate::Registration). If that
    /// refuses the token or the loop, the handle stays untied. If this call fails,
    /// deregister the `Registration` again.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: this binding ties its handle to another queue.
    /// - `InvalidInput`: this binding belongs to another handle. Or other code has tied
    ///   the handle to a port, or the handle was not opened for overlapped operations.
    ///
    /// # Safety
    ///
    /// The queue assumes that each packet of the handle leads to an
    /// [`Overlapped`](crate::iocp::overlapped::Overlapped), and calls its function.
    /// So the following must hold for every overlapped operation on the handle's file
    /// object. It must hold for operations in flight now and for later ones, through
    /// every duplicate of the handle, for as long as one is open:
    ///
    /// - The operation is started with a pointer that
    ///   [`Overlapped::prepare`](crate::iocp::overlapped::Overlapped::prepare) has
    ///   returned, or it queues no packet.
    /// - Until its packet has been delivered, the `Overlapped`, the buffers of the
    ///   operation and everything else that the function needs stay where they are.
    ///   Nobody but the kernel uses the buffers.
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
            // `Ok` would be wrong: this binding has not tied that handle.
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
    /// Those of `register_handle`.
    ///
    /// # Safety
    ///
    /// As for `register_handle`.
    pub unsafe fn register_socket(
        &self,
        socket: BorrowedSocket<'_>,
        registrator: &Registrator,
    ) -> io::Result<()> {
        // SAFETY: a socket is a handle, borrowed for as long. The caller promises the
        // rest.
        unsafe { self.register_handle(as_handle(socket), registrator) }
    }

    pub(crate) fn queue(&self) -> Option<&Arc<Queue>> {
        self.tied.get().map(|(queue, _)| queue)
    }
}

/// To the kernel, a socket is a handle.
pub(crate) fn as_handle(socket: BorrowedSocket<'_>) -> BorrowedHandle<'_> {
    let raw = socket.as_raw_socket() as usize;
    // SAFETY: it is open for as long as the socket is borrowed.
    unsafe { BorrowedHandle::borrow_raw(std::ptr::without_provenance_mut(raw)) }
}

const FOR_GOOD: &str = "the handle belongs to another queue's completion port until it is closed: \
                        open a new handle to register it here";
const ANOTHER: &str = "the binding is another handle's: make one for each handle";
// ANCHOR_END: socket
