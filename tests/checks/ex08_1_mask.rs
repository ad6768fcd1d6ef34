use super::*;
use evq::inside::mask as evqs;

const EACH: [Trigger; 3] = [Trigger::Edge, Trigger::Level, Trigger::Oneshot];

#[test]
fn reading() {
    for trigger in EACH {
        let mask = mask(Interests::READABLE, trigger);
        assert!(
            mask & EPOLLIN != 0 && mask & EPOLLOUT == 0,
            "{trigger:?}: to read, ask for EPOLLIN and not for EPOLLOUT"
        );
        assert!(
            mask & EPOLLRDHUP != 0,
            "{trigger:?}: the kernel reports that the peer has finished with EPOLLRDHUP, but only if \
             the mask asks for it"
        );
    }
}

#[test]
fn writing() {
    for trigger in EACH {
        let mask = mask(Interests::WRITABLE, trigger);
        assert!(
            mask & EPOLLOUT != 0 && mask & (EPOLLIN | EPOLLRDHUP) == 0,
            "{trigger:?}: to write, ask for EPOLLOUT, and for no bit about reading: otherwise every \
             byte that arrives would wake a program that waits for room"
        );
    }
}

#[test]
fn both() {
    for trigger in EACH {
        let mask = mask(Interests::READABLE | Interests::WRITABLE, trigger);
        assert!(
            mask & (EPOLLIN | EPOLLOUT) == EPOLLIN | EPOLLOUT,
            "{trigger:?}: if the interests hold both directions, the mask must ask for both"
        );
    }
}

#[test]
fn the_whole_mask() {
    let both = Interests::READABLE | Interests::WRITABLE;
    for interests in [Interests::READABLE, Interests::WRITABLE, both] {
        for trigger in EACH {
            let (yours, ours) = (mask(interests, trigger), evqs::mask(interests, trigger));
            let how = EPOLLET | EPOLLONESHOT;
            assert!(
                yours & how != how,
                "{trigger:?}: EPOLLONESHOT needs no EPOLLET: after one report the kernel says nothing, \
                 so there is no second report"
            );
            assert!(
                yours & how == ours & how,
                "{interests:?}, {trigger:?}: {yours:#x} does not have the trigger's bits: EPOLLET asks \
                 for edges, EPOLLONESHOT asks for one report, and without both epoll reports levels"
            );
            assert!(
                yours == ours,
                "{interests:?}, {trigger:?}: {yours:#x} has a bit that is none of the five"
            );
        }
    }
}
