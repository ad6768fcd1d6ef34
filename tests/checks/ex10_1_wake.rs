use super::*;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A call that a thread is about to make.
#[derive(Clone, Copy)]
enum Call {
    List,
    Drain,
    Load,
    Store(u8),
    Swap(u8),
    CompareExchange(u8, u8),
    Wake,
    Wait,
}

/// The call and its answer, in words.
fn told(call: Call, answer: usize) -> String {
    let name = |byte: usize| match u8::try_from(byte) {
        Ok(EMPTY) => "EMPTY".to_string(),
        Ok(ASLEEP) => "ASLEEP".to_string(),
        Ok(NOTIFIED) => "NOTIFIED".to_string(),
        _ => byte.to_string(),
    };
    let byte = |byte: u8| name(byte.into());
    match call {
        Call::List => "list()".to_string(),
        Call::Drain => format!("drain() = {answer}"),
        Call::Load => format!("load() = {}", name(answer)),
        Call::Store(new) => format!("store({})", byte(new)),
        Call::Swap(new) => format!("swap({}) = {}", byte(new), name(answer)),
        Call::CompareExchange(old, new) => {
            let same = answer == 1;
            format!("compare_exchange({}, {}) = {same}", byte(old), byte(new))
        }
        Call::Wake => "wake()".to_string(),
        Call::Wait => "wait() returns".to_string(),
    }
}

/// Everything that the threads share.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct World {
    listed: usize,
    byte: u8,
    /// `wake` was called, and has ended no wait yet.
    woken: bool,
    /// How often the byte became `ASLEEP`, and how often `wake` was called.
    announced: u8,
    wakes: u8,
}

impl World {
    /// Makes the call, and returns its answer. `None`: the call has to wait.
    fn make(&mut self, call: Call) -> Option<usize> {
        match call {
            Call::List => {
                self.listed += 1;
                Some(0)
            }
            Call::Drain => Some(std::mem::take(&mut self.listed)),
            Call::Load => Some(self.byte.into()),
            Call::Store(new) | Call::Swap(new) => Some(self.write(new).into()),
            Call::CompareExchange(old, new) => {
                let same = self.byte == old;
                if same {
                    self.write(new);
                }
                Some(same.into())
            }
            Call::Wake => {
                self.wakes += 1;
                self.woken = true;
                Some(0)
            }
            Call::Wait => std::mem::take(&mut self.woken).then_some(0),
        }
    }

    fn write(&mut self, new: u8) -> u8 {
        self.announced += u8::from(new == ASLEEP && self.byte != ASLEEP);
        std::mem::replace(&mut self.byte, new)
    }
}

/// Runs a thread from its beginning, with the answers that it got before. Stops the thread at the
/// first call that has no answer yet.
struct Replay<'a> {
    answers: RefCell<std::slice::Iter<'a, usize>>,
    next: Cell<Option<Call>>,
}

impl Replay<'_> {
    fn ask(&self, call: Call) -> usize {
        match self.answers.borrow_mut().next() {
            Some(answer) => *answer,
            None => {
                self.next.set(Some(call));
                resume_unwind(Box::new("the thread stops here"))
            }
        }
    }
}

impl Shared for Replay<'_> {
    fn list(&self) {
        self.ask(Call::List);
    }
    fn drain(&self) -> usize {
        self.ask(Call::Drain)
    }
    fn load(&self) -> u8 {
        self.ask(Call::Load) as u8
    }
    fn store(&self, new: u8) {
        self.ask(Call::Store(new));
    }
    fn swap(&self, new: u8) -> u8 {
        self.ask(Call::Swap(new)) as u8
    }
    fn compare_exchange(&self, old: u8, new: u8) -> bool {
        self.ask(Call::CompareExchange(old, new)) == 1
    }
    fn wake(&self) {
        self.ask(Call::Wake);
    }
    fn wait(&self) {
        self.ask(Call::Wait);
    }
}

/// Thread 0 polls until it has had every node. Each other thread pushes one node.
fn next_call(thread: usize, pushers: usize, answers: &[usize]) -> Option<Call> {
    let replay = Replay {
        answers: RefCell::new(answers.iter()),
        next: Cell::new(None),
    };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        if thread > 0 {
            return push(&replay);
        }
        let mut found = 0;
        while found < pushers {
            found += poll(&replay);
        }
    }));
    match (ran, replay.next.get()) {
        (Err(panic), None) => resume_unwind(panic), // `push` or `poll` itself has panicked
        (_, next) => next,
    }
}

/// The answers that each thread has got so far.
type Answers = Vec<Vec<usize>>;

/// Tries the next call of every thread, and goes on from there. `story` has all calls so far.
fn explore(
    world: &World,
    answers: &mut Answers,
    story: &mut Vec<String>,
    seen: &mut HashSet<(World, Answers)>,
) {
    if !seen.insert((world.clone(), answers.clone())) {
        return;
    }
    let pushers = answers.len() - 1;
    let (mut sleeps, mut moved) = (false, false);
    for thread in 0..answers.len() {
        let Some(call) = next_call(thread, pushers, &answers[thread]) else {
            continue;
        };
        let mut world = world.clone();
        let Some(answer) = world.make(call) else {
            sleeps = true;
            continue;
        };
        moved = true;
        let who = match thread {
            0 => "poller".to_string(),
            _ => format!("pusher {thread}"),
        };
        story.push(format!("  {who}: {}", told(call, answer)));
        let so_far = story.join("\n");
        assert!(
            world.wakes <= world.announced,
            "a push costs a system call although the poller is awake, or another push has made the call:\n{so_far}"
        );
        assert!(
            story.len() < 60,
            "the poller spins: it looks again and again, and does not wait:\n{}\n  ... and so on",
            story[..20].join("\n")
        );
        answers[thread].push(answer);
        explore(&world, answers, story, seen);
        answers[thread].pop();
        story.pop();
    }
    assert!(
        moved || !sleeps,
        "a wake is lost: every push has returned, and the poller still sleeps in wait(). Nodes in \
         the list: {}. The calls so far:\n{}",
        world.listed,
        story.join("\n")
    );
}

fn in_all_orders(pushers: usize) {
    let mut answers = vec![Vec::new(); pushers + 1];
    let world = World::default();
    explore(&world, &mut answers, &mut Vec::new(), &mut HashSet::new());
}

#[test]
fn one_push_in_all_orders() {
    in_all_orders(1);
}

#[test]
fn two_threads_push_in_all_orders() {
    in_all_orders(2);
}
