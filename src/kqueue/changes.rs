//! The changes that we ask a kqueue for, and what its answers mean.
//!
//! Chapter 9. A kqueue knows no interests. It has a *knote* for each pair of
//! descriptor and filter, and one registration of ours is one knote or two. The
//! flags are the same on every kqueue (<https://man.freebsd.org/cgi/man.cgi?kqueue>).
//! The filters' numbers differ, so they are in `ffi.rs`. This file makes no system
//! call, so it compiles on every system, and its tests run there.

use crate::event::{Interests, Readiness, Trigger};

// ANCHOR: flags
/// The type of the flags. On NetBSD it is wider, but the flags are the same.
pub type Flags = u16;
/// Make a knote, or give an existing knote a new udata.
pub const EV_ADD: Flags = 0x1;
/// Remove the knote.
pub const EV_DELETE: Flags = 0x2;
/// Enable the knote again after `EV_DISPATCH` has disabled it.
pub const EV_ENABLE: Flags = 0x4;
/// After each report, clear the state: an edge.
pub const EV_CLEAR: Flags = 0x20;
/// Answer this change at once, with `EV_ERROR` set, and 0 in `data` for success.
pub const EV_RECEIPT: Flags = 0x40;
/// Disable the knote after one report.
pub const EV_DISPATCH: Flags = 0x80;
/// This is the answer to a change: `data` is an error number, or 0.
pub const EV_ERROR: Flags = 0x4000;
/// The other end has closed this direction; `fflags` may hold its error.
pub const EV_EOF: Flags = 0x8000;
// ANCHOR_END: flags

// ANCHOR: filter
/// What a knote watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// `EVFILT_READ`
    Read,
    /// `EVFILT_WRITE`
    Write,
}

/// One entry of a change list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Which of the descriptor's knotes.
    pub filter: Filter,
    /// What is done to it.
    pub flags: Flags,
}
// ANCHOR_END: filter

// ANCHOR: changes
/// The changes that delete both knotes of a descriptor. If one of them does not
/// exist, the kernel answers ENOENT, which is no failure.
pub fn removed() -> impl Iterator<Item = Change> {
    let flags = EV_DELETE;
    let filters = [Filter::Read, Filter::Write].into_iter();
    filters.map(move |filter| Change { filter, flags })
}

/// The changes that make the knotes of a registration: one for each direction.
///
/// `EV_ADD` does not change the trigger of an existing knote. So to change a
/// registration, we delete the old knotes first.
pub fn added(interests: Interests, trigger: Trigger) -> impl Iterator<Item = Change> {
    let flags = match trigger {
        Trigger::Edge => EV_ADD | EV_CLEAR,
        Trigger::Level => EV_ADD,
        Trigger::Oneshot => EV_ADD | EV_ENABLE | EV_DISPATCH,
    };
    let read = interests.is_readable().then_some(Filter::Read);
    let write = interests.is_writable().then_some(Filter::Write);
    let filters = read.into_iter().chain(write);
    filters.map(move |filter| Change { filter, flags })
}
// ANCHOR_END: changes

// ANCHOR: readiness
/// What one kevent means.
pub fn readiness(filter: Filter, flags: Flags, fflags: u32) -> Readiness {
    let (mut readiness, closed) = match filter {
        Filter::Read => (Readiness::READABLE, Readiness::READ_CLOSED),
        Filter::Write => (Readiness::WRITABLE, Readiness::WRITE_CLOSED),
    };
    if flags & EV_EOF != 0 {
        readiness |= closed;
        // With EV_EOF, fflags holds the socket's error, or 0.
        if fflags != 0 {
            readiness |= Readiness::ERROR;
        }
    }
    if flags & EV_ERROR != 0 {
        readiness |= Readiness::ERROR;
    }
    readiness
}
// ANCHOR_END: readiness

#[cfg(test)]
mod tests {
    use super::*;

    fn list(interests: Interests, trigger: Trigger) -> Vec<(Filter, u16)> {
        added(interests, trigger)
            .map(|change| (change.filter, change.flags))
            .collect()
    }

    #[test]
    fn a_registration_adds_a_knote_a_direction() {
        let both = Interests::READABLE | Interests::WRITABLE;
        assert_eq!(
            list(both, Trigger::Edge),
            [
                (Filter::Read, EV_ADD | EV_CLEAR),
                (Filter::Write, EV_ADD | EV_CLEAR)
            ]
        );
        assert_eq!(
            list(Interests::READABLE, Trigger::Level),
            [(Filter::Read, EV_ADD)]
        );
        assert_eq!(
            list(Interests::WRITABLE, Trigger::Oneshot),
            [(Filter::Write, EV_ADD | EV_ENABLE | EV_DISPATCH)]
        );
    }

    #[test]
    fn the_end_of_the_stream_is_readable_and_read_closed() {
        let ready = readiness(Filter::Read, EV_CLEAR | EV_EOF, 0);
        assert_eq!(ready, Readiness::READABLE | Readiness::READ_CLOSED);
    }

    #[test]
    fn at_the_end_the_error_is_in_fflags() {
        let ready = readiness(Filter::Write, EV_EOF, 61);
        assert_eq!(
            ready,
            Readiness::WRITABLE | Readiness::WRITE_CLOSED | Readiness::ERROR
        );
        assert_eq!(readiness(Filter::Write, EV_CLEAR, 61), Readiness::WRITABLE);
    }

    /// A model of a descriptor's knotes. For each filter: the flags of the knote, and
    /// whether it is enabled.
    type Knotes = [Option<(u16, bool)>; 2];

    /// Does what a kqueue does with a change. `EV_ADD` does not touch the flags of an
    /// existing knote, and only `EV_ENABLE` enables a disabled one.
    fn apply(knotes: &mut Knotes, change: Change) {
        let knote = &mut knotes[change.filter as usize];
        if change.flags & EV_DELETE != 0 {
            // If there is no knote, the answer is ENOENT, which is no failure.
            *knote = None;
        }
        if change.flags & EV_ADD != 0 && knote.is_none() {
            *knote = Some((change.flags & (EV_CLEAR | EV_DISPATCH), true));
        }
        if let (Some((_, enabled)), true) = (knote, change.flags & EV_ENABLE != 0) {
            *enabled = true;
        }
    }

    /// Reports: after that, a oneshot knote is disabled.
    fn fire(knotes: &mut Knotes, filter: Filter) {
        if let Some((EV_DISPATCH, enabled)) = &mut knotes[filter as usize] {
            *enabled = false;
        }
    }

    /// The knotes that a registration needs, written without `added`.
    fn asked(registration: Option<(Interests, Trigger)>) -> Knotes {
        let Some((interests, trigger)) = registration else {
            return [None, None];
        };
        let knote = match trigger {
            Trigger::Edge => (EV_CLEAR, true),
            Trigger::Level => (0, true),
            Trigger::Oneshot => (EV_DISPATCH, true),
        };
        [
            interests.is_readable().then_some(knote),
            interests.is_writable().then_some(knote),
        ]
    }

    #[test]
    fn from_every_registration_the_changes_lead_to_every_other() {
        let both = Interests::READABLE | Interests::WRITABLE;
        let mut registrations = vec![None];
        for interests in [Interests::READABLE, Interests::WRITABLE, both] {
            for trigger in [Trigger::Edge, Trigger::Level, Trigger::Oneshot] {
                registrations.push(Some((interests, trigger)));
            }
        }
        for &old in &registrations {
            for &new in &registrations {
                // Each combination of knotes that may have reported in between.
                for fired in [
                    [].as_slice(),
                    &[Filter::Read],
                    &[Filter::Write],
                    &[Filter::Read, Filter::Write],
                ] {
                    let mut knotes = asked(old);
                    fired.iter().for_each(|&filter| fire(&mut knotes, filter));
                    let add = new.map(|(interests, trigger)| added(interests, trigger));
                    let list: Vec<Change> = removed().chain(add.into_iter().flatten()).collect();
                    list.iter().for_each(|&change| apply(&mut knotes, change));
                    let what = format!("{old:?}, {fired:?} reported, to {new:?}: {list:?}");
                    assert_eq!(knotes, asked(new), "{what}");
                    // The selector's array has four places. And a knote reports what is
                    // ready now only if the list adds it.
                    assert!(list.len() <= 4, "{what}");
                    for filter in [Filter::Read, Filter::Write] {
                        let last = list.iter().rev().find(|change| change.filter == filter);
                        assert_eq!(
                            asked(new)[filter as usize].is_some(),
                            last.is_some_and(|change| change.flags & EV_ADD != 0),
                            "{what}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_answer_speaks_of_its_own_direction_alone() {
        for flags in [
            0,
            EV_CLEAR,
            EV_DISPATCH,
            EV_EOF,
            EV_ERROR,
            EV_EOF | EV_ERROR,
        ] {
            for fflags in [0, 61] {
                let read = readiness(Filter::Read, flags, fflags);
                let write = readiness(Filter::Write, flags, fflags);
                let ended = flags & EV_EOF != 0;
                let failed = flags & EV_ERROR != 0 || ended && fflags != 0;
                for (ready, direction, closed) in [
                    (read, Readiness::READABLE, Readiness::READ_CLOSED),
                    (write, Readiness::WRITABLE, Readiness::WRITE_CLOSED),
                ] {
                    let mut expected = direction;
                    if ended {
                        expected |= closed;
                    }
                    if failed {
                        expected |= Readiness::ERROR;
                    }
                    assert_eq!(ready, expected, "{flags:#x} {fflags}");
                }
            }
        }
    }
}
