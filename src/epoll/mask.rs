//! The one word in which epoll is asked and answers.
//!
//! Chapter 8. The bits are those of `<sys/epoll.h>`, the same on every
//! architecture (<https://man7.org/linux/man-pages/man2/epoll_ctl.2.html>).
//! No system call is made here, so this compiles, and is tested, everywhere.

use crate::event::{Interests, Readiness, Trigger};

// ANCHOR: bits
/// There is something to read or to accept.
pub const EPOLLIN: u32 = 0x1;
/// There is room to write.
pub const EPOLLOUT: u32 = 0x4;
/// An error is pending. Reported whether asked for or not.
pub const EPOLLERR: u32 = 0x8;
/// Both directions are closed. Reported whether asked for or not.
pub const EPOLLHUP: u32 = 0x10;
/// The peer has closed its writing half.
pub const EPOLLRDHUP: u32 = 0x2000;
/// Silence after one report, until `EPOLL_CTL_MOD`.
pub const EPOLLONESHOT: u32 = 1 << 30;
/// One report per change.
pub const EPOLLET: u32 = 1 << 31;
// ANCHOR_END: bits

// ANCHOR: mask
/// What epoll is asked for.
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
/// writable, because either call returns it. Otherwise some events would say
/// nothing: the end of a pipe comes as `EPOLLHUP` alone, and the error of a
/// datagram that nobody took as `EPOLLERR` alone.
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
