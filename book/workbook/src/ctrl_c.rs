//! Ctrl-C reaches every program at the terminal. While a child runs, the reader
//! means the child, so the workbook ignores Ctrl-C.

pub struct Ignored(());

impl Ignored {
    /// Call this after the child has started, because a child inherits ignored signals.
    pub fn new() -> Ignored {
        ignore(true);
        Ignored(())
    }
}

impl Drop for Ignored {
    fn drop(&mut self) {
        ignore(false);
    }
}

#[cfg(unix)]
fn ignore(yes: bool) {
    unsafe extern "C" {
        // <https://man7.org/linux/man-pages/man2/signal.2.html>
        fn signal(number: i32, handler: usize) -> usize;
    }
    const SIGINT: i32 = 2;
    const SIG_DFL: usize = 0;
    const SIG_IGN: usize = 1;
    // SAFETY: no pointer is passed, and both handlers are the system's.
    unsafe { signal(SIGINT, if yes { SIG_IGN } else { SIG_DFL }) };
}

#[cfg(windows)]
fn ignore(yes: bool) {
    unsafe extern "system" {
        // <https://learn.microsoft.com/en-us/windows/console/setconsolectrlhandler>
        fn SetConsoleCtrlHandler(handler: *const (), add: i32) -> i32;
    }
    // SAFETY: the call takes a null handler; it means that this process ignores Ctrl-C.
    unsafe { SetConsoleCtrlHandler(std::ptr::null(), i32::from(yes)) };
}

#[cfg(not(any(unix, windows)))]
fn ignore(_: bool) {}
