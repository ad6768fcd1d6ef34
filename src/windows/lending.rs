//! How much a stream lends to the kernel.
//!
//! Chapter 13.

use crate::completion::buffer_pool::LARGEST;
use crate::net::TcpStream;

/// What only Windows has.
impl TcpStream {
    // ANCHOR: set_lending
    /// Sets how many bytes of memory this stream, with its clones, lends to the
    /// kernel while it waits for something to read: 4,096 unless told otherwise,
    /// at most 128 KiB. It holds from the next lending on.
    ///
    /// What is lent is filled while the program does something else, and a read
    /// then copies from it. With 0 the kernel only tells that there is something,
    /// and a read takes it straight from the socket: one call more for each
    /// event, and no memory for connections that are idle.
    ///
    /// ```
    /// use evq::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_lending(0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_lending(&self, bytes: usize) {
        self.inner.source.lock().kind.lends = bytes.min(LARGEST);
    }
    // ANCHOR_END: set_lending
}
