//! What kqueue is asked to change, and what its answers mean.
//!
//! Chapter 9. A kqueue knows no interests: it has a *knote* for each pair of
//! descriptor and filter, and a registration of ours is one knote or two. The
//! flags are the same on every kqueue (<https://man.freebsd.org/cgi/man.cgi?kqueue>);
//! the filters' numbers are not, so `ffi.rs` has those. No system call is made
//! here, so this compiles, and is tested, everywhere.

use crate::event::{Interests, Readiness, Trigger};

// ANCHOR: flags
/// Make the knote, or give an existing one a new udata.
pub const EV_ADD: u16 = 0x1;
/// Remove the knote.
pub const EV_DELETE: u16 = 0x2;
/// Let it report again after `EV_DISPATCH` has silenced it.
pub const EV_ENABLE: u16 = 0x4;
/// Forget the state once it has been reported: an edge.
pub const EV_CLEAR: u16 = 0x20;
/// Answer each change at once, with `EV_ERROR` and 0 in `data` for success.
pub const EV_RECEIPT: u16 = 0x40;
/// Silence the knote once it has reported.
pub const EV_DISPATCH: u16 = 0x80;
/// The answer is about a change: `data` is an error number, or 0.
pub const EV_ERROR: u16 = 0x4000;
/// The other end has closed this direction; `fflags` may hold its error.
pub const EV_EOF: u16 = 0x8000;
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
    pub flags: u16,
}
// ANCHOR_END: filter

// ANCHOR: changes
/// The change list that leads from one registration of a descriptor to another.
/// `None` is no registration.
///
/// `EV_ADD` on an existing knote leaves its trigger as it was, so a changed
/// trigger takes the knote away first.
pub fn changes(
    old: Option<(Interests, Trigger)>,
    new: Option<(Interests, Trigger)>,
) -> impl Iterator<Item = Change> {
    let of = |filter| {
        let (had, wants) = (trigger_of(old, filter), trigger_of(new, filter));
        let delete = (had.is_some() && had != wants).then_some(EV_DELETE);
        let add = wants.map(|trigger| match trigger {
            Trigger::Edge => EV_ADD | EV_CLEAR,
            Trigger::Level => EV_ADD,
            Trigger::Oneshot => EV_ADD | EV_ENABLE | EV_DISPATCH,
        });
        [delete, add].map(|flags| flags.map(|flags| Change { filter, flags }))
    };
    let (read, write) = (of(Filter::Read), of(Filter::Write));
    read.into_iter().chain(write).flatten()
}

/// How a registration watches this filter, if it does.
fn trigger_of(registered: Option<(Interests, Trigger)>, filter: Filter) -> Option<Trigger> {
    let (interests, trigger) = registered?;
    let watched = match filter {
        Filter::Read => interests.is_readable(),
        Filter::Write => interests.is_writable(),
    };
    watched.then_some(trigger)
}
// ANCHOR_END: changes

// ANCHOR: readiness
/// What one kevent means.
pub fn readiness(filter: Filter, flags: u16, fflags: u32) -> Readiness {
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

    fn list(
        old: Option<(Interests, Trigger)>,
        new: Option<(Interests, Trigger)>,
    ) -> Vec<(Filter, u16)> {
        changes(old, new)
            .map(|change| (change.filter, change.flags))
            .collect()
    }

    #[test]
    fn a_registration_adds_a_knote_a_direction() {
        let both = Interests::READABLE | Interests::WRITABLE;
        assert_eq!(
            list(None, Some((both, Trigger::Edge))),
            [
                (Filter::Read, EV_ADD | EV_CLEAR),
                (Filter::Write, EV_ADD | EV_CLEAR)
            ]
        );
        assert_eq!(
            list(None, Some((Interests::READABLE, Trigger::Level))),
            [(Filter::Read, EV_ADD)]
        );
    }

    #[test]
    fn a_changed_trigger_deletes_before_it_adds() {
        let edge = Some((Interests::READABLE, Trigger::Edge));
        let level = Some((Interests::READABLE, Trigger::Level));
        assert_eq!(
            list(edge, level),
            [(Filter::Read, EV_DELETE), (Filter::Read, EV_ADD)]
        );
    }

    #[test]
    fn an_unchanged_oneshot_is_enabled_again() {
        let oneshot = Some((Interests::WRITABLE, Trigger::Oneshot));
        assert_eq!(
            list(oneshot, oneshot),
            [(Filter::Write, EV_ADD | EV_ENABLE | EV_DISPATCH)]
        );
    }

    #[test]
    fn other_interests_delete_what_is_no_longer_watched() {
        let read = Some((Interests::READABLE, Trigger::Edge));
        let write = Some((Interests::WRITABLE, Trigger::Edge));
        assert_eq!(
            list(read, write),
            [
                (Filter::Read, EV_DELETE),
                (Filter::Write, EV_ADD | EV_CLEAR)
            ]
        );
        assert_eq!(list(read, None), [(Filter::Read, EV_DELETE)]);
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
}
