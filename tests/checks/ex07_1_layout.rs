use super::*;

const U16: Field = Field { size: 2, align: 2 };
const U32: Field = Field { size: 4, align: 4 };
const U64: Field = Field { size: 8, align: 8 };
/// On 32-bit x86, except on Windows, C aligns eight bytes to four.
const U64_ON_X86: Field = Field { size: 8, align: 4 };

fn check(fields: &[Field], packing: Option<usize>, offsets: &[usize], why: &str) -> Layout {
    let layout = layout(fields, packing);
    assert_eq!(layout.offsets, offsets, "{why}");
    layout
}

#[test]
fn a_field_stands_at_a_multiple_of_its_alignment() {
    let why = "a field lies at the next multiple of its alignment: on most machines, epoll_event \
               has a gap before its data";
    let layout = check(&[U32, U64], None, &[0, 8], why);
    assert_eq!((layout.size, layout.align), (16, 8));
    let why = "if eight bytes may lie at any multiple of four, there is no gap";
    let layout = check(&[U32, U64_ON_X86], None, &[0, 4], why);
    assert_eq!((layout.size, layout.align), (12, 4));
}

#[test]
fn the_whole_fits_into_an_array() {
    let why = "OVERLAPPED_ENTRY: a key, a pointer, a number of 8 bytes and one of 4";
    let layout = check(&[U64, U64, U64, U32], None, &[0, 8, 16, 24], why);
    assert_eq!(
        (layout.size, layout.align),
        (32, 8),
        "in an array the next OVERLAPPED_ENTRY follows at once, and its fields must be aligned, \
         too: so the size is a multiple of the struct's alignment"
    );
}

#[test]
fn packing_takes_gaps_away() {
    let why = "the epoll_event of x86-64 is packed: its data follows at once";
    let layout = check(&[U32, U64], Some(1), &[0, 4], why);
    assert_eq!(
        (layout.size, layout.align),
        (12, 1),
        "packing also limits the alignment of the whole: 12 bytes, and the next struct follows"
    );
}

#[test]
fn packing_is_a_limit() {
    let why = "macOS packs its kevent to 4; packing never moves a field to a higher offset";
    let fields = [U64, U16, U16, U32, U64, U64];
    let layout = check(&fields, Some(4), &[0, 8, 10, 12, 16, 24], why);
    assert_eq!(
        (layout.size, layout.align),
        (32, 4),
        "macOS packs its kevent to 4, and 4 is also the alignment of the whole"
    );
}

#[test]
fn one_struct_on_two_machines() {
    let why = "NetBSD's kevent: on most machines, data needs a gap after three numbers of 4 bytes";
    let fields = [U64, U32, U32, U32, U64, U64];
    let layout = check(&fields, None, &[0, 8, 12, 16, 24, 32], why);
    assert_eq!((layout.size, layout.align), (40, 8));
    let why = "NetBSD's kevent on 32-bit x86";
    let fields = [U32, U32, U32, U32, U64_ON_X86, U32];
    let layout = check(&fields, None, &[0, 4, 8, 12, 16, 24], why);
    assert_eq!(
        (layout.size, layout.align),
        (28, 4),
        "on 32-bit x86 no alignment is above 4, so NetBSD's kevent has no gap after its last field"
    );
}
