//! Reads `table.txt` at compile time, and compares it with our declarations.
//!
//! Every function here is `const`, so a declaration that differs from the table is
//! a compile error, also when we compile for another target.

use std::ffi::{c_int, c_void};

// The table.

#[derive(Clone, Copy)]
pub struct Row {
    pub kind: &'static [u8],
    pub name: &'static [u8],
    /// The value, the layout or the prototype.
    rest: &'static [u8],
}

const TABLE: &[u8] = include_str!("table.txt").as_bytes();

static FITTING: ([Row; 512], usize) = {
    let nothing = Row {
        kind: b"",
        name: b"",
        rest: b"",
    };
    let (mut rows, mut count) = ([nothing; 512], 0);
    let mut table = TABLE;
    while !table.is_empty() {
        let (line, lines) = cut(table, b'\n');
        table = lines;
        let (kind, line) = cut(line, b' ');
        let (place, line) = cut(line, b' ');
        let (name, rest) = cut(line, b' ');
        let is_row = matches!(kind, b"const" | b"guid" | b"struct" | b"fn" | b"type");
        if is_row && fits(place) {
            let name = cut(name, b'=').0;
            if find(rows.split_at(count).0, kind, name).is_none() {
                rows[count] = Row { kind, name, rest };
                count += 1;
            }
        }
    }
    (rows, count)
};

/// The rows that count for this target. Of several rows with one name, the first.
pub const ROWS: &[Row] = FITTING.0.split_at(FITTING.1).0;

const fn find(rows: &[Row], kind: &[u8], name: &[u8]) -> Option<&'static [u8]> {
    let mut i = 0;
    while i < rows.len() {
        if same(rows[i].name, name) && same(rows[i].kind, kind) {
            return Some(rows[i].rest);
        }
        i += 1;
    }
    None
}

const fn row(kind: &str, name: &str) -> &'static [u8] {
    match find(ROWS, kind.as_bytes(), name.as_bytes()) {
        Some(rest) => rest,
        None => panic!("no row in tests/abi/table.txt fits this target"),
    }
}

const fn fits(mut place: &[u8]) -> bool {
    while !place.is_empty() {
        let (mut system, others) = cut(place, b',');
        let mut all = true;
        while !system.is_empty() {
            let (word, words) = cut(system, b':');
            all &= holds(word);
            system = words;
        }
        if all {
            return true;
        }
        place = others;
    }
    false
}

/// Whether a word of the table's second column holds for this target.
const fn holds(word: &[u8]) -> bool {
    let on_linux = cfg!(any(target_os = "linux", target_os = "android"));
    let libkqueue = cfg!(evq_libkqueue);
    match word {
        b"rust" => true,
        b"sockets" => cfg!(unix),
        b"windows" => cfg!(windows),
        b"linux" => on_linux,
        b"epoll" => on_linux && !libkqueue,
        b"kqueue" => cfg!(unix) && !on_linux || libkqueue,
        b"libkqueue" => libkqueue,
        b"apple" => cfg!(any(target_os = "macos", target_os = "ios")),
        b"freebsd" => cfg!(target_os = "freebsd"),
        b"dragonfly" => cfg!(target_os = "dragonfly"),
        b"netbsd" => cfg!(target_os = "netbsd"),
        b"openbsd" => cfg!(target_os = "openbsd"),
        b"32" => cfg!(target_pointer_width = "32"),
        b"64" => cfg!(target_pointer_width = "64"),
        b"big" => cfg!(target_endian = "big"),
        b"x86" => cfg!(target_arch = "x86"),
        b"x86_64" => cfg!(target_arch = "x86_64"),
        b"mips" => cfg!(any(target_arch = "mips", target_arch = "mips64")),
        b"sparc" => cfg!(any(target_arch = "sparc", target_arch = "sparc64")),
        b"musl" => cfg!(target_env = "musl"),
        b"c" => false,
        _ => panic!("unknown word in tests/abi/table.txt"),
    }
}

// Constants.

pub const fn value(name: &str) -> i128 {
    number(row("const", name))
}

/// The number in a constant that has a pointer's type but points nowhere.
#[cfg(windows)]
#[allow(ptr_to_integer_transmute_in_consts)]
pub const fn address<T>(constant: *mut T) -> i128 {
    // SAFETY: the pointer was made from a number. For any other pointer, a const
    // `transmute` to a number is a compile error.
    (unsafe { std::mem::transmute::<*mut T, usize>(constant) }) as i128
}

/// The 16 bytes of a GUID, in the order of the table's text: the first three
/// numbers begin with their high bytes.
#[cfg(windows)]
pub const fn guid(name: &str) -> [u8; 16] {
    let (text, mut bytes) = (row("guid", name), [0; 16]);
    let (mut at, mut digits) = (0, 0);
    while at < text.len() {
        if text[at] != b'-' {
            assert!(digits < 32, "a GUID is too long");
            bytes[digits / 2] = bytes[digits / 2] << 4 | digit(text[at]);
            digits += 1;
        }
        at += 1;
    }
    assert!(digits == 32, "a GUID is too short");
    bytes
}

// Structs.

/// A field of a Rust struct.
pub struct Field {
    /// Its name in C.
    pub name: &'static str,
    pub sign: Sign,
    pub size: usize,
    pub offset: usize,
}

#[derive(Clone, Copy)]
pub enum Sign {
    Signed,
    Unsigned,
    Pointer,
    Bytes,
}

pub trait Type {
    const SIGN: Sign;
}

macro_rules! types {
    ($($sign:ident: $($type:ty)*;)*) => { $($(
        impl Type for $type {
            const SIGN: Sign = Sign::$sign;
        }
    )*)* };
}

types! {
    Signed: i16 i32 i64 isize;
    Unsigned: u8 u16 u32 u64 usize;
}

impl<T> Type for *const T {
    const SIGN: Sign = Sign::Pointer;
}

impl<T> Type for *mut T {
    const SIGN: Sign = Sign::Pointer;
}

impl<T, const N: usize> Type for [T; N] {
    const SIGN: Sign = Sign::Bytes;
}

/// Describes the field that a closure such as `|s: epoll_event| s.data` returns.
pub const fn field<S, F: Type>(name: &'static str, offset: usize, _: fn(S) -> F) -> Field {
    Field {
        name,
        sign: F::SIGN,
        size: size_of::<F>(),
        offset,
    }
}

/// Panics unless the struct `S` has the table's layout.
pub const fn layout<S>(name: &str, fields: &[Field]) {
    let (size, rest) = cut(row("struct", name), b' ');
    let (align, mut rest) = cut(rest, b' ');
    assert!(size_of::<S>() as i128 == number(size), "another size");
    assert!(
        align_of::<S>() as i128 == number(align),
        "another alignment"
    );
    let mut i = 0;
    while !rest.is_empty() {
        let (name, more) = cut(rest, b' ');
        let (place, more) = cut(more, b' ');
        let (word, offset) = cut(place, b'@');
        rest = more;
        assert!(i < fields.len(), "the table has more fields");
        let field = &fields[i];
        assert!(same(field.name.as_bytes(), name), "another field's name");
        assert!(field.offset as i128 == number(offset), "another offset");
        assert!(is_type(field, word), "another type of field");
        i += 1;
    }
    assert!(i == fields.len(), "the table has fewer fields");
}

const fn is_type(field: &Field, word: &[u8]) -> bool {
    match (word[0], field.sign) {
        (b'p', Sign::Pointer) => true,
        // We may declare a pointer as a number if we never follow it.
        (b'p', Sign::Unsigned) => field.size == size_of::<usize>(),
        (b'i', Sign::Signed) | (b'u', Sign::Unsigned) => {
            field.size as i128 * 8 == number(word.split_at(1).1)
        }
        (b'0'..=b'9', _) => field.size as i128 == number(word),
        _ => false,
    }
}

// Functions.

/// The names that C has for a Rust type.
pub trait Named {
    const NAMES: &'static [&'static str];
    const POINTER: Pointer = Pointer::No;
}

#[derive(Clone, Copy)]
pub enum Pointer {
    No,
    ToConst,
    ToMut,
}

// A C long has a pointer's size, except on Windows.
#[cfg(all(target_pointer_width = "32", not(windows)))]
impl Named for i32 {
    const NAMES: &'static [&'static str] = &["int", "long"];
}

#[cfg(all(target_pointer_width = "64", not(windows)))]
impl Named for i32 {
    const NAMES: &'static [&'static str] = &["int"];
}

#[cfg(all(target_pointer_width = "64", not(windows)))]
impl Named for i64 {
    const NAMES: &'static [&'static str] = &["long"];
}

#[cfg(windows)]
impl Named for i32 {
    const NAMES: &'static [&'static str] = &["int", "long", "BOOL", "NTSTATUS"];
}

#[cfg(not(windows))]
impl Named for u32 {
    const NAMES: &'static [&'static str] = &["unsigned int", "socklen_t"];
}

#[cfg(windows)]
impl Named for u32 {
    const NAMES: &'static [&'static str] = &["DWORD", "ULONG", "u_long", "GROUP"];
}

#[cfg(windows)]
impl Named for u16 {
    const NAMES: &'static [&'static str] = &["WORD", "WCHAR"];
}

#[cfg(windows)]
impl Named for u8 {
    const NAMES: &'static [&'static str] = &["char", "UCHAR"];
}

#[cfg(not(windows))]
impl Named for usize {
    const NAMES: &'static [&'static str] = &["size_t"];
}

#[cfg(windows)]
impl Named for usize {
    const NAMES: &'static [&'static str] = &["ULONG_PTR", "SOCKET"];
}

impl Named for isize {
    const NAMES: &'static [&'static str] = &["ssize_t"];
}

#[cfg(not(windows))]
impl Named for c_void {
    const NAMES: &'static [&'static str] = &["void"];
}

/// Winsock's buffers hold chars. We pass only null for a pointer to SECURITY_ATTRIBUTES.
#[cfg(windows)]
impl Named for c_void {
    const NAMES: &'static [&'static str] = &["void", "char", "SECURITY_ATTRIBUTES"];
}

impl Named for () {
    const NAMES: &'static [&'static str] = &["void"];
}

impl<T: Named> Named for *const T {
    const NAMES: &'static [&'static str] = T::NAMES;
    const POINTER: Pointer = Pointer::ToConst;
}

impl<T: Named> Named for *mut T {
    const NAMES: &'static [&'static str] = T::NAMES;
    const POINTER: Pointer = Pointer::ToMut;
}

#[derive(Clone, Copy)]
pub struct Name(&'static [&'static str], Pointer);

pub trait Prototype: Copy {
    const RETURNS: Name;
    const TAKES: &'static [Name];
    const VARIADIC: bool = false;
}

const fn name<T: Named>() -> Name {
    Name(T::NAMES, T::POINTER)
}

macro_rules! prototypes {
    ($abi:literal: $(($($argument:ident),*))*) => { $(
        impl<R: Named, $($argument: Named),*> Prototype
            for unsafe extern $abi fn($($argument),*) -> R
        {
            const RETURNS: Name = name::<R>();
            const TAKES: &'static [Name] = &[$(name::<$argument>()),*];
        }
    )* };
}

prototypes! { "C": () (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) }

prototypes! {
    "system":
    () (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F)
    (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) (A, B, C, D, E, F, G, H, I)
}

impl<R: Named, A: Named> Prototype for unsafe extern "C" fn(A, ...) -> R {
    const RETURNS: Name = name::<R>();
    const TAKES: &'static [Name] = &[name::<A>()];
    const VARIADIC: bool = true;
}

impl<R: Named, A: Named, B: Named> Prototype for unsafe extern "C" fn(A, B, ...) -> R {
    const RETURNS: Name = name::<R>();
    const TAKES: &'static [Name] = &[name::<A>(), name::<B>()];
    const VARIADIC: bool = true;
}

/// Panics unless the function has the table's prototype.
pub const fn prototype<F: Prototype>(function: &str, _: F) {
    prototype_of::<F>("fn", function);
}

/// The same for a row of this kind: `fn`, or `type` for a pointer to a function.
pub const fn prototype_of<F: Prototype>(kind: &str, function: &str) {
    let (returns, arguments) = cut(row(kind, function), b'(');
    assert!(is(F::RETURNS, returns.trim_ascii()), "returns another type");
    let mut left = cut(arguments, b')').0;
    if same(left, b"void") {
        left = b"";
    }
    let mut i = 0;
    while !left.is_empty() {
        let (argument, others) = cut(left, b',');
        left = others;
        if same(argument, b"...") {
            assert!(F::VARIADIC, "not declared variadic");
        } else {
            assert!(i < F::TAKES.len(), "takes too few arguments");
            assert!(
                is(F::TAKES[i], argument),
                "takes an argument of another type"
            );
            i += 1;
        }
        assert!(
            !left.is_empty() || F::VARIADIC == same(argument, b"..."),
            "variadic"
        );
    }
    assert!(i == F::TAKES.len(), "takes too many arguments");
}

/// Whether C's type, such as `const struct kevent *`, is this type of ours.
const fn is(Name(names, pointer): Name, text: &[u8]) -> bool {
    let (before, after): (&[u8], &[u8]) = match pointer {
        Pointer::No => (b"", b""),
        Pointer::ToConst => (b"const ", b" *"),
        Pointer::ToMut => (b"", b" *"),
    };
    let mut i = 0;
    while i < names.len() {
        let name = names[i].as_bytes();
        if text.len() == before.len() + name.len() + after.len() {
            let (start, rest) = text.split_at(before.len());
            let (middle, end) = rest.split_at(name.len());
            if same(start, before) && same(middle, name) && same(end, after) {
                return true;
            }
        }
        i += 1;
    }
    false
}

// Text.

/// The text before the first `at` and the text after it, both trimmed. Without an
/// `at`, the first part is the whole text.
const fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    let mut i = 0;
    while i < text.len() && text[i] != at {
        i += 1;
    }
    let (before, after) = text.split_at(i);
    match after {
        [_, after @ ..] => (before.trim_ascii(), after.trim_ascii()),
        [] => (before.trim_ascii(), after),
    }
}

pub const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

const fn number(text: &[u8]) -> i128 {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    let (base, digits) = match digits {
        [b'0', b'x', digits @ ..] => (16, digits),
        digits => (10, digits),
    };
    assert!(
        !digits.is_empty(),
        "a number is missing in tests/abi/table.txt"
    );
    let (mut number, mut i) = (0, 0);
    while i < digits.len() {
        number = number * base + digit(digits[i]) as i128;
        i += 1;
    }
    number * sign
}

const fn digit(text: u8) -> u8 {
    match text {
        b'0'..=b'9' => text - b'0',
        b'a'..=b'f' => text - b'a' + 10,
        _ => panic!("a number in tests/abi/table.txt has a wrong digit"),
    }
}

const _: () = assert!(size_of::<c_int>() == 4, "we declare C's int as i32");
