//! How much a stream lends to the kernel.
//!
//! Chapter 13.

use crate::completion::buffer_pool::LARGEST;
use crate::net::TcpStream;

/// Only on Windows.
impl TcpStream {
    // ANCHOR: set_lending
    /// Sets how many bytes of memory this stream lends to the kernel while it waits
    /// for something to read. Its clones share the setting. The default is 4,096
    /// bytes, the maximum 128 KiB. It applies to the next buffer that is lent.
    ///
    /// The kernel fills a lent buffer while the program does something else, and a
    /// read then copies from it. With 0 the kernel only tells that there is
    /// something, and a read takes it from the socket. An idle connection then holds
    /// no buffer, but each event costs two calls more.
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
