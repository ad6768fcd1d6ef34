//! Ctrl-C reaches every program at the terminal. While a child runs, it is meant
//! for the child, and the workbook lets it pass.

pub struct Ignored(());

impl Ignored {
    /// Only after the child has begun, because a child inherits this.
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
    // SAFETY: no pointer is passed, and neither handler is code of ours.
    unsafe { signal(SIGINT, if yes { SIG_IGN } else { SIG_DFL }) };
}

#[cfg(windows)]
fn ignore(yes: bool) {
    unsafe extern "system" {
        // <https://learn.microsoft.com/en-us/windows/console/setconsolectrlhandler>
        fn SetConsoleCtrlHandler(handler: *const (), add: i32) -> i32;
    }
    // SAFETY: a null handler stands for ignoring Ctrl-C.
    unsafe { SetConsoleCtrlHandler(std::ptr::null(), i32::from(yes)) };
}

#[cfg(not(any(unix, windows)))]
fn ignore(_: bool) {}
