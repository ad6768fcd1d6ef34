//! What kqueue is asked to change, and what its answers mean.
//!
//! Chapter 9. A kqueue knows no interests: it has a *knote* for each pair of
//! descriptor and filter, and a registration of ours is one knote or two. The
//! flags are the same on every kqueue (<https://man.freebsd.org/cgi/man.cgi?kqueue>);
//! the filters' numbers are not, so `ffi.rs` has those. No system call is made
//! here, so this compiles, and is tested, everywhere.

use crate::event::{Interests, Readiness, Trigger};

// ANCHOR: flags
/// The type of the flags. On NetBSD it is wider, and the flags are the same.
pub type Flags = u16;
/// Make the knote, or give an existing one a new udata.
pub const EV_ADD: Flags = 0x1;
/// Remove the knote.
pub const EV_DELETE: Flags = 0x2;
/// Let it report again after `EV_DISPATCH` has silenced it.
pub const EV_ENABLE: Flags = 0x4;
/// Forget the state once it has been reported: an edge.
pub const EV_CLEAR: Flags = 0x20;
/// Answer each change at once, with `EV_ERROR` and 0 in `data` for success.
pub const EV_RECEIPT: Flags = 0x40;
/// Silence the knote once it has reported.
pub const EV_DISPATCH: Flags = 0x80;
/// The answer is about a change: `data` is an error number, or 0.
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
/// The changes that take away both knotes of a descriptor. A knote that does not
/// exist answers ENOENT, which is no failure.
pub fn removed() -> impl Iterator<Item = Change> {
    let flags = EV_DELETE;
    let filters = [Filter::Read, Filter::Write].into_iter();
    filters.map(move |filter| Change { filter, flags })
}

/// The changes that make the knotes of a registration: one for each direction.
///
/// `EV_ADD` on an existing knote leaves its trigger as it was. So a registration
/// that changes takes the old knotes away first.
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
        // At the end, fflags holds the socket's error, if it has one.
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

    /// A descriptor's knotes, as far as a kqueue keeps them: for each filter the
    /// flags that it was made with, and whether it may report.
    type Knotes = [Option<(u16, bool)>; 2];

    /// What a kqueue does with a change, and no more: `EV_ADD` leaves the flags of
    /// an existing knote as they are, and only `EV_ENABLE` lets a silenced one
    /// report.
    fn apply(knotes: &mut Knotes, change: Change) {
        let knote = &mut knotes[change.filter as usize];
        if change.flags & EV_DELETE != 0 {
            // Where there is none, the answer is ENOENT, and no failure.
            *knote = None;
        }
        if change.flags & EV_ADD != 0 && knote.is_none() {
            *knote = Some((change.flags & (EV_CLEAR | EV_DISPATCH), true));
        }
        if let (Some((_, enabled)), true) = (knote, change.flags & EV_ENABLE != 0) {
            *enabled = true;
        }
    }

    /// Reports, as what is watched by oneshot does once.
    fn fire(knotes: &mut Knotes, filter: Filter) {
        if let Some((EV_DISPATCH, enabled)) = &mut knotes[filter as usize] {
            *enabled = false;
        }
    }

    /// The knotes that a registration needs, told without `added`.
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
                // Whichever of the two have reported meanwhile.
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
                    // The selector's array has four places; and only an entry
                    // for it makes a knote report anew what is ready now.
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
