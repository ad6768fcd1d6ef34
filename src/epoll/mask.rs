//! The mask: a word of bits in which we ask epoll, and in which epoll answers.
//!
//! Chapter 8. The bits are those of `<sys/epoll.h>`, the same on every
//! architecture (<https://man7.org/linux/man-pages/man2/epoll_ctl.2.html>).
//! This file makes no system call, so it compiles on every system, and its tests
//! run there.

use crate::event::{Interests, Readiness, Trigger};

// ANCHOR: bits
/// There are bytes to read, or a connection to accept.
pub const EPOLLIN: u32 = 0x1;
/// There is room to write.
pub const EPOLLOUT: u32 = 0x4;
/// An error is pending. The kernel reports it even if nobody asks.
pub const EPOLLERR: u32 = 0x8;
/// Both directions are closed. The kernel reports it even if nobody asks.
pub const EPOLLHUP: u32 = 0x10;
/// The peer has closed its writing half.
pub const EPOLLRDHUP: u32 = 0x2000;
/// Report once, then nothing until `EPOLL_CTL_MOD`.
pub const EPOLLONESHOT: u32 = 1 << 30;
/// Report each change once.
pub const EPOLLET: u32 = 1 << 31;
// ANCHOR_END: bits

// ANCHOR: mask
/// The mask that asks epoll for these interests.
pub fn mask(interests: Interests, trigger: Trigger) -> u32 {
    let mut mask = match trigger {
        Trigger::Edge => EPOLLET,
        Trigger::Level => 0,
        Trigger::Oneshot => EPOLLONESHOT,
    };
    if interests.is_readable() {
        mask |= EPOLLIN | EPOLLRDHUP;
    }
    if interests.is_writable() {
        mask |= EPOLLOUT;
    }
    mask
}
// ANCHOR_END: mask

// ANCHOR: readiness
/// What epoll's answer means.
///
/// A hang-up is readable, because a read returns 0. An error is readable and
/// writable, because a read returns the error, and so does a write. Otherwise
/// some events would say nothing. The end of a pipe comes as `EPOLLHUP` alone.
/// If nobody listens at a datagram's address, the error comes as `EPOLLERR` alone.
pub fn readiness(answer: u32) -> Readiness {
    let says = |bits: u32, meaning| match answer & bits {
        0 => Readiness::EMPTY,
        _ => meaning,
    };
    let closed = EPOLLRDHUP | EPOLLHUP;
    says(EPOLLIN | closed | EPOLLERR, Readiness::READABLE)
        | says(EPOLLOUT | EPOLLERR, Readiness::WRITABLE)
        | says(closed, Readiness::READ_CLOSED)
        | says(EPOLLHUP | EPOLLERR, Readiness::WRITE_CLOSED)
        | says(EPOLLERR, Readiness::ERROR)
}
// ANCHOR_END: readiness

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_names_directions_and_trigger() {
        let both = Interests::READABLE | Interests::WRITABLE;
        assert_eq!(
            mask(Interests::READABLE, Trigger::Level),
            EPOLLIN | EPOLLRDHUP
        );
        assert_eq!(mask(Interests::WRITABLE, Trigger::Edge), EPOLLOUT | EPOLLET);
        assert_eq!(
            mask(both, Trigger::Oneshot),
            EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLONESHOT
        );
    }

    #[test]
    fn a_lone_error_is_readable_writable_and_write_closed() {
        let ready = readiness(EPOLLERR);
        assert!(ready.contains(Readiness::READABLE | Readiness::WRITABLE));
        assert!(ready.contains(Readiness::WRITE_CLOSED | Readiness::ERROR));
        assert!(!ready.contains(Readiness::READ_CLOSED));
    }

    #[test]
    fn a_closed_writing_half_of_the_peer_is_not_a_hang_up() {
        let ready = readiness(EPOLLIN | EPOLLRDHUP);
        assert!(ready.contains(Readiness::READABLE | Readiness::READ_CLOSED));
        assert!(!ready.contains(Readiness::WRITE_CLOSED));
        assert!(!ready.contains(Readiness::ERROR));
    }

    #[test]
    fn a_lone_hang_up_is_readable() {
        assert!(readiness(EPOLLHUP).contains(Readiness::READABLE));
    }

    #[test]
    fn nothing_means_nothing() {
        assert!(readiness(0).is_empty());
    }
}
