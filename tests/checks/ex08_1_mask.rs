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
            "{trigger:?}: the peer's last word is reported as EPOLLRDHUP, to who asks for it"
        );
    }
}

#[test]
fn writing() {
    for trigger in EACH {
        let mask = mask(Interests::WRITABLE, trigger);
        assert!(
            mask & EPOLLOUT != 0 && mask & (EPOLLIN | EPOLLRDHUP) == 0,
            "{trigger:?}: to write, ask for EPOLLOUT, and for nothing that concerns reading: a \
             program that waits for room would be woken by every byte that arrives"
        );
    }
}

#[test]
fn both() {
    for trigger in EACH {
        let mask = mask(Interests::READABLE | Interests::WRITABLE, trigger);
        assert!(
            mask & (EPOLLIN | EPOLLOUT) == EPOLLIN | EPOLLOUT,
            "{trigger:?}: with both directions in the set, one mask asks for both"
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
                "{trigger:?}: EPOLLONESHOT needs no EPOLLET: after one report there is silence, \
                 and no second one that edges could spare"
            );
            assert!(
                yours & how == ours & how,
                "{interests:?}, {trigger:?}: {yours:#x} has not the trigger's bits: epoll reports \
                 levels unless EPOLLET asks for edges, and again and again unless EPOLLONESHOT"
            );
            assert!(
                yours == ours,
                "{interests:?}, {trigger:?}: {yours:#x} asks for more than these five bits say"
            );
        }
    }
}
