//! What only Unix has: any descriptor as a source, and the queue's own descriptor.

mod poll_fd;
mod source_fd;

pub use source_fd::SourceFd;
