// Fails with: both directions
//! Exercise 8.1: what epoll is asked for.

use evq::{Interests, Trigger};

pub const EPOLLIN: u32 = 0x1;
pub const EPOLLOUT: u32 = 0x4;
pub const EPOLLRDHUP: u32 = 0x2000;
pub const EPOLLONESHOT: u32 = 1 << 30;
pub const EPOLLET: u32 = 1 << 31;

/// The mask for `epoll_ctl`: the directions, how they end, and how often they are reported.
pub fn mask(interests: Interests, trigger: Trigger) -> u32 {
    let how = match trigger {
        Trigger::Edge => EPOLLET,
        Trigger::Level => 0,
        Trigger::Oneshot => EPOLLONESHOT,
    };
    let reading = if interests == Interests::READABLE {
        EPOLLIN | EPOLLRDHUP
    } else {
        0
    };
    let writing = if interests == Interests::WRITABLE {
        EPOLLOUT
    } else {
        0
    };
    how | reading | writing
}

#[cfg(test)]
#[path = "../../checks/ex08_1_mask.rs"]
mod checks;
