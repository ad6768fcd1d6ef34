//! Chapter 8: the epoll selector. Each part first asks the kernel, or the naive stage of chapter 6,
//! and then evq. The stage is a module here, unchanged.

#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(dead_code)]
#[path = "ch06_shape.rs"]
mod ch06_shape;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn main() -> std::io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("ch06") => linux::wait_in_ch06(),
        Some("evq") => linux::wait_in_evq(),
        _ => linux::main(),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn main() {
    let chapter = if cfg!(windows) { 11 } else { 9 };
    println!("Only Linux and Android have epoll; on this system, run chapter {chapter} instead.");
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::env;
    use std::fs::File;
    use std::io::{self, BufRead, BufReader, Write};
    use std::mem::MaybeUninit;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use evq::inside::ffi::{self, EPOLL_CTL_ADD, epoll_event};
    use evq::inside::mask::{
        EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, mask, readiness,
    };
    use evq::unix::SourceFd;
    use evq::{Events, Interests, Poll, Token, Trigger};

    use crate::ch06_shape::shape as ch06;

    pub fn main() -> io::Result<()> {
        answers()?;
        regular_file()?;
        duplicate()?;
        short_waits()?;
        println!("-- stopped and continued during a wait");
        stop_and_continue("ch06")?;
        stop_and_continue("evq")?;
        wakes()
    }

    /// Two ends of a connection.
    fn connection() -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        Ok((near, listener.accept()?.0))
    }

    // ANCHOR: ask
    /// Asks a new epoll instance with this mask, and returns its first answer; 0 if none comes in time.
    fn ask(fd: &impl AsFd, mask: u32, milliseconds: i32) -> io::Result<u32> {
        let epoll = ffi::epoll_create1()?;
        ffi::epoll_ctl(epoll.as_fd(), EPOLL_CTL_ADD, fd.as_fd(), entry(mask))?;
        let mut room = [MaybeUninit::uninit()];
        let answers = ffi::epoll_wait(epoll.as_fd(), &mut room, milliseconds)?;
        Ok(answers.first().map_or(0, |answer| answer.events))
    }
    // ANCHOR_END: ask

    fn entry(events: u32) -> epoll_event {
        epoll_event { events, data: 0 }
    }

    fn answers() -> io::Result<()> {
        println!("-- what epoll answers, and what that means");
        let reading = mask(Interests::READABLE, Trigger::Level);
        let writing = mask(Interests::WRITABLE, Trigger::Level);

        let (near, far) = connection()?;
        far.shutdown(Shutdown::Write)?;
        show("the peer writes no more", ask(&near, reading, 1000)?);
        show("the same, asked for IN", ask(&near, EPOLLIN, 1000)?);
        near.shutdown(Shutdown::Write)?;
        show("nor do we", ask(&near, reading, 1000)?);

        let mut reader = Command::new("sleep")
            .arg("5")
            .stdin(Stdio::piped())
            .spawn()?;
        let mut pipe = reader.stdin.take().expect("stdin is piped");
        while ask(&pipe, writing, 0)? & EPOLLOUT != 0 {
            pipe.write_all(&[0; 4096])?;
        }
        reader.kill()?;
        reader.wait()?;
        show("a full pipe, its reader gone", ask(&pipe, writing, 1000)?);
        Ok(())
    }

    fn show(what: &str, answer: u32) {
        let names = [
            ("IN", EPOLLIN),
            ("OUT", EPOLLOUT),
            ("RDHUP", EPOLLRDHUP),
            ("HUP", EPOLLHUP),
            ("ERR", EPOLLERR),
        ];
        let set = names.iter().filter(|(_, bit)| answer & bit != 0);
        let set: Vec<&str> = set.map(|(name, _)| *name).collect();
        println!("{what}: {} = {:?}", set.join(" "), readiness(answer));
    }

    fn regular_file() -> io::Result<()> {
        println!("-- a regular file");
        let file = File::open(env::current_exe()?)?;
        if let Err(error) = ch06::Poll::new()?.registrator().register(&file, 1) {
            println!("ch06: {error}");
        }
        let mut source = SourceFd::new(file.as_fd());
        let poll = Poll::new()?;
        let registrator = poll.registrator();
        if let Err(error) = registrator.register(&mut source, Token(1), Interests::READABLE) {
            println!("evq: {error}");
        }
        Ok(())
    }

    fn duplicate() -> io::Result<()> {
        println!("-- a stream is dropped, and its duplicate is not; then bytes arrive");
        // ANCHOR: duplicate
        let (mut near, far) = connection()?;
        let poll = ch06::Poll::new()?;
        poll.registrator().register(&far, 7)?;
        let duplicate = far.try_clone()?;
        drop(far);
        near.write_all(b"!")?;
        println!("ch06: {:?}", poll.poll(Some(Duration::ZERO))?);
        let far = duplicate.try_clone()?;
        let error = poll.registrator().register(&far, 8).unwrap_err();
        println!("ch06, another duplicate: {error}");
        // ANCHOR_END: duplicate

        let (mut near, far) = connection()?;
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        let mut far = evq::net::TcpStream::from_std(far)?;
        let registrator = poll.registrator().clone();
        registrator.register(&mut far, Token(7), Interests::READABLE)?;
        let duplicate = far.try_clone()?;
        drop(far);
        near.write_all(b"!")?;
        poll.poll(&mut events, Some(Duration::ZERO))?;
        println!("evq: {events:?}");
        let mut far = duplicate.try_clone()?;
        registrator.register(&mut far, Token(8), Interests::READABLE)?;
        poll.poll(&mut events, Some(Duration::ZERO))?;
        println!("evq, another duplicate: {events:?}");
        Ok(())
    }

    fn short_waits() -> io::Result<()> {
        println!("-- 20 waits of 900 us");
        let poll = ch06::Poll::new()?;
        let calls = calls(|left| poll.poll(Some(left)).map(drop))?;
        println!("ch06: more than 200 calls: {}", calls > 200);
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        let calls = self::calls(|left| poll.poll(&mut events, Some(left)).map(drop))?;
        println!("evq: {calls} calls");
        Ok(())
    }

    // ANCHOR: short_waits
    /// Waits for 900 us, 20 times. Returns the number of calls.
    fn calls(mut wait: impl FnMut(Duration) -> io::Result<()>) -> io::Result<u32> {
        let mut calls = 0;
        for _ in 0..20 {
            let end = Instant::now() + Duration::from_micros(900);
            let mut left = Duration::from_micros(900);
            while !left.is_zero() {
                wait(left)?;
                calls += 1;
                left = end.saturating_duration_since(Instant::now());
            }
        }
        Ok(calls)
    }
    // ANCHOR_END: short_waits

    // ANCHOR: signals
    /// Starts this program again as a child that waits. Stops and continues the child, as Ctrl-Z and
    /// `fg` do.
    fn stop_and_continue(stage: &str) -> io::Result<()> {
        let mut program = Command::new(env::current_exe()?);
        let mut child = program.arg(stage).stdout(Stdio::piped()).spawn()?;
        let (id, mut said) = (child.id(), BufReader::new(child.stdout.take().unwrap()));
        said.read_line(&mut String::new())?;
        let signals = format!("sleep 0.1; kill -STOP {id}; sleep 0.1; kill -CONT {id}");
        Command::new("sh").args(["-c", &signals]).status()?;
        print!("{stage}: {}", io::read_to_string(said)?);
        child.wait().map(drop)
    }
    // ANCHOR_END: signals

    pub fn wait_in_ch06() -> io::Result<()> {
        println!("about to wait");
        match ch06::Poll::new()?.poll(Some(Duration::from_secs(4))) {
            Ok(tokens) => println!("{tokens:?}"),
            Err(error) => println!("{error}"),
        }
        Ok(())
    }

    pub fn wait_in_evq() -> io::Result<()> {
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        println!("about to wait");
        let (began, whole) = (Instant::now(), Duration::from_millis(400));
        let count = poll.poll(&mut events, Some(whole))?;
        println!(
            "{count} events, after the whole time: {}",
            began.elapsed() >= whole
        );
        Ok(())
    }

    // ANCHOR: wakes
    fn wakes() -> io::Result<()> {
        println!("-- an eventfd that is never read: asked twice after a write, once after another");
        for (name, trigger) in [("level", 0), ("edge", EPOLLET)] {
            let (epoll, eventfd) = (ffi::epoll_create1()?, ffi::eventfd()?);
            let asked = entry(EPOLLIN | trigger);
            ffi::epoll_ctl(epoll.as_fd(), EPOLL_CTL_ADD, eventfd.as_fd(), asked)?;
            let mut counts = Vec::new();
            for write in [true, false, true] {
                if write {
                    ffi::eventfd_write(eventfd.as_fd(), 1)?;
                }
                let mut room = [MaybeUninit::uninit()];
                counts.push(ffi::epoll_wait(epoll.as_fd(), &mut room, 0)?.len());
            }
            println!("{name}: {counts:?}");
        }
        Ok(())
    }
    // ANCHOR_END: wakes
}
