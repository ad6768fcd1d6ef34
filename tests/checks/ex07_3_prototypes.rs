use super::*;

/// How C passes a type. All machines here have 64 bits, so an `isize` is an `i64`.
trait Passed {
    const AS: &'static str;
}

macro_rules! passed {
    ($($type:ty: $as:literal,)*) => { $(
        impl Passed for $type {
            const AS: &'static str = $as;
        }
    )* };
}

passed! {
    bool: "bool", i8: "i8", i16: "i16", i32: "i32", i64: "i64", isize: "i64",
    u8: "u8", u16: "u16", u32: "u32", u64: "u64", usize: "u64", (): "nothing",
}

impl<T: Passed> Passed for *mut T {
    const AS: &'static str = match T::AS.as_bytes() {
        b"i32" | b"u32" => "pointer to 32 bits",
        b"i64" | b"u64" => "pointer to 64 bits",
        _ => "pointer",
    };
}

impl Passed for c_void {
    const AS: &'static str = "anything";
}

/// The parts of a foreign function's type: the calling convention, the arguments, the answer.
trait Prototype {
    const SAYS: (&'static str, &'static [&'static str], &'static str);
}

macro_rules! prototypes {
    ($abi:literal: $(($($argument:ident),*))*) => { $(
        impl<R: Passed, $($argument: Passed),*> Prototype
            for unsafe extern $abi fn($($argument),*) -> R
        {
            const SAYS: (&'static str, &'static [&'static str], &'static str) =
                ($abi, &[$($argument::AS),*], R::AS);
        }
    )* };
}

prototypes! { "C": (A) (A, B) (A, B, C) (A, B, C, D) }
prototypes! { "system": (A) (A, B) (A, B, C) (A, B, C, D) }

impl<R: Passed, A: Passed> Prototype for unsafe extern "C" fn(A, ...) -> R {
    const SAYS: (&'static str, &'static [&'static str], &'static str) =
        ("C", &[A::AS, "..."], R::AS);
}

#[test]
fn syscall() {
    let (way, takes, returns) = Syscall::SAYS;
    assert_eq!(
        takes.last(),
        Some(&"..."),
        "syscall is variadic: some machines pass the arguments of the three dots in other places"
    );
    assert_eq!(
        (way, takes, returns),
        ("C", &["i64", "..."][..], "i64"),
        "on 64-bit Linux, a long has 64 bits"
    );
}

#[test]
fn recv() {
    let (way, takes, returns) = Recv::SAYS;
    assert_eq!(
        returns, "i64",
        "a count of bytes may need more than 31 bits: ssize_t has the width of size_t"
    );
    assert_eq!((way, takes), ("C", &["i32", "pointer", "u64", "i32"][..]));
}

#[test]
fn ioctlsocket() {
    let (way, takes, returns) = IoctlSocket::SAYS;
    assert_eq!(
        way, "system",
        "WSAAPI is a calling convention: on 32-bit x86 it differs from C's"
    );
    assert_eq!(
        takes[0], "u64",
        "a SOCKET is a handle: it has the width of a pointer, and no sign"
    );
    assert_eq!(
        takes[1..],
        ["i32", "pointer to 32 bits"],
        "on Windows a long has 32 bits, and so has a u_long; if the number is wider, the call \
         writes only one half of it"
    );
    assert_eq!(returns, "i32");
}

#[test]
fn cancel_io_ex() {
    let (way, takes, returns) = CancelIoEx::SAYS;
    assert_eq!(
        returns, "i32",
        "a BOOL is an int and may hold any of 2 to the 32nd values, but a `bool` that is neither 0 \
         nor 1 is undefined behaviour"
    );
    assert_eq!((way, takes), ("system", &["pointer", "pointer"][..]));
}
