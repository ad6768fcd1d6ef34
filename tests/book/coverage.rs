//! How much of each source file the pages show, and how much they must show.

use crate::sources::range;
use crate::tree::{Tree, chapter_of};
use std::collections::{BTreeMap, BTreeSet};

/// Which chapters show a file: the first line whose path begins the file's path.
/// Once *all* of these chapters are written, they must show every code line of a
/// core file, and every function of any other file. Until then, `coverage` only
/// reports the file.
const SHOWN_IN: &[(&str, Kind, &[usize])] = &[
    ("src/event.rs", Kind::Core, &[6, 8, 10]),
    ("src/events.rs", Kind::Core, &[6, 8]),
    ("src/queue.rs", Kind::Core, &[6, 10]),
    ("src/registrator.rs", Kind::Core, &[6]),
    ("src/poll.rs", Kind::Core, &[6, 8, 10]),
    ("src/ready.rs", Kind::Core, &[10]),
    ("src/registration.rs", Kind::Core, &[10]),
    ("src/waker.rs", Kind::Core, &[10]),
    ("src/epoll/selector.rs", Kind::Core, &[8]),
    ("src/kqueue/selector.rs", Kind::Core, &[9]),
    ("src/iocp/selector.rs", Kind::Core, &[11]),
    ("src/iocp/overlapped.rs", Kind::Core, &[11, 18]),
    ("src/completion/buffer_pool.rs", Kind::Core, &[13]),
    ("src/completion/incoming.rs", Kind::Rest, &[13]),
    ("src/completion/outgoing.rs", Kind::Rest, &[14]),
    ("src/completion/kind.rs", Kind::Rest, &[11]),
    ("src/completion/source.rs", Kind::Rest, &[11, 13, 14]),
    ("src/completion/mod.rs", Kind::Rest, &[11]),
    ("src/lib.rs", Kind::Rest, &[6]),
    ("src/trace.rs", Kind::Rest, &[7]),
    ("src/epoll/mask.rs", Kind::Rest, &[8]),
    ("src/epoll/", Kind::Rest, &[7, 8]),
    ("src/kqueue/changes.rs", Kind::Rest, &[9]),
    ("src/kqueue/", Kind::Rest, &[7, 9]),
    ("src/completion/binding.rs", Kind::Rest, &[18]),
    ("src/iocp/", Kind::Rest, &[7, 11]),
    ("src/channel.rs", Kind::Rest, &[20]),
    ("src/timer.rs", Kind::Rest, &[19]),
    ("src/net/by_completion/afd.rs", Kind::Rest, &[22]),
    ("src/net/by_completion/udp.rs", Kind::Rest, &[16]),
    ("src/net/ffi/windows/overlapped.rs", Kind::Rest, &[13, 14]),
    ("src/net/ffi", Kind::Rest, &[7]),
    ("src/net/by_completion/", Kind::Rest, &[13, 14]),
    ("src/net/by_readiness/u", Kind::Rest, &[16, 17]), // udp.rs, and the Unix sockets
    ("src/net/udp.rs", Kind::Rest, &[16]),
    ("src/net/options.rs", Kind::Rest, &[12, 16]),
    ("src/net/", Kind::Rest, &[12]),
    ("src/unix/pipe.rs", Kind::Rest, &[17]),
    ("src/unix/poll_fd.rs", Kind::Rest, &[21]),
    ("src/unix/", Kind::Rest, &[18]),
    ("src/windows/ffi.rs", Kind::Rest, &[7]),
    ("src/windows/named_pipe.rs", Kind::Rest, &[17]),
    ("src/windows/pipe.rs", Kind::Rest, &[17]),
    ("src/windows/source_socket.rs", Kind::Rest, &[22]),
    ("src/windows/lending.rs", Kind::Rest, &[13]),
    ("src/windows/", Kind::Rest, &[18]),
];

/// Functions that no chapter shows: (beginning of the path, functions, why).
/// A name without `Type::` means the function of every type.
pub const NOT_SHOWN: &[(&str, &[&str], &str)] = &[
    (
        "src/",
        &["fmt"],
        "writes the fields out, and decides nothing about events",
    ),
    (
        "src/net/tcp.rs",
        &[
            "TcpListener::bind",
            "accept",
            "from_std",
            "into_std",
            "try_clone",
            "local_addr",
            "peer_addr",
            "ttl",
            "set_ttl",
            "take_error",
            "peek",
            "shutdown",
            "nodelay",
            "set_nodelay",
            "TcpStream::read",
            "TcpStream::read_vectored",
            "write",
            "write_vectored",
            "flush",
        ],
        "only calls the platform's method of the same name",
    ),
    (
        "src/net/as_fd.rs",
        &["as_fd", "as_raw_fd"],
        "returns the platform's descriptor",
    ),
    (
        "src/lib.rs",
        &["operations_in_flight", "port"],
        "used by tests only",
    ),
    (
        "src/net/by_readiness/tcp.rs",
        &[
            "TcpListener::bind",
            "accept",
            "from_socket",
            "try_clone",
            "TcpStream::take_error",
            "read",
            "read_vectored",
            "peek",
            "write",
            "write_vectored",
            "shutdown",
            "socket",
        ],
        "calls one or two of the foreign functions that it names",
    ),
    (
        "src/net/udp.rs",
        &[
            "bind",
            "UdpSocket::socket",
            "from_std",
            "into_std",
            "connect",
            "send_to",
            "recv_from",
            "peek_from",
            "send",
            "recv",
            "peek",
            "try_clone",
            "socket",
            "local_addr",
            "peer_addr",
            "take_error",
            "ttl",
            "set_ttl",
            "only_v6",
            "broadcast",
            "set_broadcast",
            "join_multicast_v4",
            "leave_multicast_v4",
            "join_multicast_v6",
            "leave_multicast_v6",
            "multicast_loop_v4",
            "set_multicast_loop_v4",
            "multicast_ttl_v4",
            "set_multicast_ttl_v4",
            "multicast_loop_v6",
            "set_multicast_loop_v6",
            "socket",
        ],
        "only calls the platform's method, or an option's function",
    ),
    (
        "src/net/by_completion/udp.rs",
        &[
            "bind",
            "connect",
            "send_to",
            "recv_from",
            "peek_from",
            "send",
            "recv",
            "peek",
            "try_clone",
            "take_error",
            "socket",
            "from_socket",
        ],
        "calls one or two foreign functions, or functions that are shown",
    ),
    (
        "src/net/by_readiness/udp.rs",
        &[
            "from_socket",
            "send",
            "recv",
            "peek",
            "try_clone",
            "take_error",
            "socket",
        ],
        "calls one or two of the foreign functions that it names",
    ),
    (
        "src/iocp/ffi.rs",
        &[
            "owned",
            "create_port",
            "associate",
            "post",
            "cancel",
            "skip_on_success",
            "status",
        ],
        "the same wrapper as those shown, around another call",
    ),
    (
        "src/epoll/ffi.rs",
        &["epoll_create1", "eventfd", "eventfd_read", "eventfd_write"],
        "the same wrapper as those shown, around another call",
    ),
    (
        "src/net/ffi.rs",
        &[
            "bind",
            "listen",
            "connect",
            "getsockname",
            "getpeername",
            "option",
            "set_option",
            "send",
            "sendto",
            "shutdown",
        ],
        "the same wrapper as those shown, around another call",
    ),
    (
        "src/net/ffi/windows.rs",
        &[
            "owned",
            "raw",
            "size",
            "socket",
            "accept",
            "set_nonblocking",
            "set_connreset",
            "has_kernel_handles",
            "recv_vectored",
            "send_vectored",
        ],
        "the same wrapper as those shown, around another call",
    ),
    (
        "src/net/by_completion/tcp.rs",
        &[
            "try_clone",
            "read",
            "read_vectored",
            "peek",
            "TcpStream::write",
            "socket",
            "from_socket",
        ],
        "calls a function that is shown, or an option's function",
    ),
    (
        "src/net/by_completion/listener.rs",
        &["try_clone", "socket"],
        "like the stream's, which is shown, or calls an option's function",
    ),
    (
        "src/net/as_socket.rs",
        &["as_socket", "as_raw_socket"],
        "returns the socket",
    ),
    (
        "src/net/ffi/windows/overlapped.rs",
        &[
            "room",
            "send_overlapped",
            "recvfrom_overlapped",
            "sendto_overlapped",
            "overlapped_result",
        ],
        "the same wrapper as those shown, around another call",
    ),
    (
        "src/windows/ffi.rs",
        &[
            "wide",
            "create_pipe",
            "open_pipe",
            "disconnect_pipe",
            "connect_pipe",
            "read_overlapped",
            "write_overlapped",
            "overlapped_result",
        ],
        "the same wrapper as those shown, around another call",
    ),
    (
        "src/net/ffi/unix.rs",
        &["raw", "size", "owned", "recv_vectored", "duplicate"],
        "the same wrapper as those shown, around another call",
    ),
    (
        "src/net/address.rs",
        &["new", "room", "of", "read"],
        "copies an address from one layout to the other, field by field",
    ),
    (
        "src/net/by_readiness/fd_source.rs",
        &["new", "fd", "into_std"],
        "makes the struct, or returns a field",
    ),
    (
        "src/net/options.rs",
        &[
            "domain",
            "flag",
            "set_flag",
            "multicast_ttl_v4",
            "set_multicast_ttl_v4",
            "member_v4",
            "member_v6",
        ],
        "reads or sets one option, like the functions that are shown",
    ),
    (
        "src/completion/kind.rs",
        &[
            "is_registered",
            "watches_reading",
            "is_level",
            "skip_packets",
        ],
        "reads one field of the registration",
    ),
    (
        "src/completion/source.rs",
        &[
            "Locked::deref",
            "Locked::deref_mut",
            "Operations::lock",
            "Locked::is_bound",
            "CompletionSource::handle",
        ],
        "returns a field, or its lock",
    ),
    ("src/iocp/orphans.rs", &["lock"], "like the selector's"),
    (
        "src/net/by_completion/socket.rs",
        &["socket"],
        "like the Unix function, which chapter 12 shows",
    ),
    (
        "src/net/by_completion/tcp.rs",
        &["from_socket"],
        "calls a function that is shown",
    ),
];

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Core,
    Rest,
}

/// The chapters that show a file: its own name tells, or the table.
pub fn chapters(path: &str) -> Vec<usize> {
    let stem = path.rsplit('/').next().unwrap_or(path);
    let exercise = stem.strip_prefix("ex").and_then(|rest| {
        let (number, _) = rest.split_once('_')?;
        number.parse().ok()
    });
    let own = chapter_of(stem).or(exercise);
    let row = SHOWN_IN.iter().find(|(begin, ..)| path.starts_with(begin));
    match (own, row) {
        (Some(chapter), _) => vec![chapter],
        (None, Some((_, _, chapters))) => chapters.to_vec(),
        (None, None) => Vec::new(),
    }
}

/// The lines of each file that the pages show.
fn shown(tree: &Tree) -> BTreeMap<String, BTreeSet<usize>> {
    let mut shown: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for page in tree.pages() {
        for include in &page.includes {
            let text = tree.text(&include.file).unwrap_or_default();
            let range = range(include, text);
            shown.entry(include.file.clone()).or_default().extend(range);
        }
    }
    shown
}

/// The lines of a file that the pages must show: all but comments, blank lines, imports,
/// `mod` lines, closing brackets, and the tests at its end.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut code = Vec::new();
    let mut attributes: Vec<(usize, &str)> = Vec::new();
    let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    while let Some((n, line)) = lines.next() {
        let bare = line.trim();
        let item = bare
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        let tests = attributes
            .iter()
            .any(|(_, line)| line.trim() == "#[cfg(test)]");
        if bare.is_empty() || bare.starts_with("//") || bare.starts_with("#![") {
            continue;
        }
        if bare.starts_with("#[") && bare.ends_with(']') {
            attributes.push((n, line));
        } else if item.starts_with("use ") || item.starts_with("mod ") {
            let end = if item.ends_with('{') { "}" } else { ";" };
            let indent = line.len() - line.trim_start().len();
            if item.ends_with('{') && !tests {
                attributes.clear(); // an inline module: its lines count, its first line does not
                continue;
            }
            let mut last = line;
            while !(last.trim_end().ends_with(end)
                && (end == ";" || last.len() - last.trim_start().len() == indent && last != line))
            {
                match lines.next() {
                    Some((_, next)) => last = next,
                    None => break,
                }
            }
            attributes.clear();
        } else if bare.chars().any(|c| !"{}()[];,".contains(c)) {
            code.append(&mut attributes);
            code.push((n, line));
        }
    }
    code
}

/// The functions that have a body: (`Type::name`, first line, last line).
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let code = code(text);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().collect();
    let mut owner = String::new();
    let mut found = Vec::new();
    for (n, line) in &code {
        let mut item = line.trim_start();
        if indent(line) == 0 {
            owner = owner_of(item);
        }
        for before in ["pub(crate) ", "pub(super) ", "pub ", "const ", "unsafe "] {
            item = item.strip_prefix(before).unwrap_or(item);
        }
        if let Some(rest) = item.strip_prefix("extern ") {
            item = rest.split_once("\" ").map_or(item, |(_, rest)| rest);
        }
        let Some(rest) = item.strip_prefix("fn ") else {
            continue;
        };
        let name = rest.split(['(', '<']).next().unwrap_or(rest);
        let close = format!("{}}}", " ".repeat(indent(line)));
        let last = match line.ends_with('}') {
            true => Some(*n),
            false => (*n..lines.len())
                .take_while(|at| {
                    let line = lines[*at];
                    indent(line) > indent(lines[n - 1])
                        || line.trim().is_empty()
                        || line.trim_start().starts_with([')', '{', '}'])
                        || line.trim() == "where"
                })
                .find(|at| lines[*at] == close)
                .map(|at| at + 1),
        };
        let declared = line.ends_with(';');
        if let (Some(last), false) = (last, declared) {
            let name = match owner.as_str() {
                "" => name.to_string(),
                owner => format!("{owner}::{name}"),
            };
            found.push((name, *n, last));
        }
    }
    found
}

/// `Poll` for `impl Drop for Poll {`; empty if the item is no `impl` or `trait`.
fn owner_of(item: &str) -> String {
    let item = item
        .trim_start_matches("pub ")
        .trim_start_matches("pub(crate) ")
        .trim_start_matches("unsafe ");
    let Some(rest) = item
        .strip_prefix("impl")
        .or_else(|| item.strip_prefix("trait "))
    else {
        return String::new();
    };
    let rest = match rest.starts_with('<') {
        true => rest.split_once("> ").map_or(rest, |(_, rest)| rest),
        false => rest,
    };
    let rest = rest.split_once(" for ").map_or(rest, |(_, rest)| rest);
    let rest = rest.trim_start_matches([' ', '&']);
    let rest = match rest.starts_with('\'') {
        true => rest.split_once(' ').map_or(rest, |(_, rest)| rest),
        false => rest,
    };
    rest.trim_start_matches("mut ")
        .split(['<', ' ', '{', ':'])
        .next()
        .unwrap_or_default()
        .to_string()
}

/// A row for each file, and the faults of the files whose chapters are written.
pub fn coverage(tree: &Tree) -> (Vec<String>, Vec<String>) {
    let shown = shown(tree);
    let mut rows = vec![format!(
        "{:34} {:>14} {:>12}  chapters",
        "file", "lines shown", "functions"
    )];
    let mut faults = Vec::new();
    for (path, text) in tree.files("src/", ".rs") {
        let Some((_, kind, chapters)) = SHOWN_IN.iter().find(|(begin, ..)| path.starts_with(begin))
        else {
            faults.push(format!(
                "{path}:1: no chapter shows this file; give it a line in SHOWN_IN (tests/book/coverage.rs)"
            ));
            continue;
        };
        let none = BTreeSet::new();
        let shown = shown.get(path).unwrap_or(&none);
        let code = code(text);
        let missing: Vec<_> = code.iter().filter(|(n, _)| !shown.contains(n)).collect();
        let functions: Vec<_> = functions(text)
            .into_iter()
            .filter(|(name, ..)| !exempt(path, name))
            .collect();
        let hidden: Vec<_> = functions
            .iter()
            .filter(|(_, first, last)| missing.iter().any(|(n, _)| (first..=last).contains(&n)))
            .collect();
        let drafts: Vec<String> = chapters
            .iter()
            .filter(|chapter| !tree.written(**chapter))
            .map(|chapter| chapter.to_string())
            .collect();
        rows.push(format!(
            "{path:34} {:>6} of {:>4} {:>5} of {:>3}  {chapters:?}{}{}",
            code.len() - missing.len(),
            code.len(),
            functions.len() - hidden.len(),
            functions.len(),
            if *kind == Kind::Core { " core" } else { "" },
            match drafts.is_empty() {
                true => String::new(),
                false => format!(" (to be written: {})", drafts.join(", ")),
            }
        ));
        if !drafts.is_empty() {
            continue;
        }
        match kind {
            Kind::Core => faults.extend(missing.iter().map(|(n, line)| {
                format!(
                    "{path}:{n}: no page shows `{}`; chapters {chapters:?} must show every line of this file",
                    line.trim()
                )
            })),
            Kind::Rest => faults.extend(hidden.iter().map(|(name, first, _)| {
                format!(
                    "{path}:{first}: no page shows all of `{name}`; show it in {chapters:?}, or add it to NOT_SHOWN (tests/book/coverage.rs) and say why"
                )
            })),
        }
    }
    (rows, faults)
}

/// Whether the list names the function, with or without its type.
fn excuses(names: &[&str], function: &str) -> bool {
    let last = function.rsplit("::").next().unwrap_or(function);
    names.contains(&function) || names.contains(&last)
}

fn exempt(path: &str, function: &str) -> bool {
    NOT_SHOWN
        .iter()
        .any(|(begin, names, _)| path.starts_with(begin) && excuses(names, function))
}

/// The functions that the list excuses but no file has.
pub fn stale_excuses(tree: &Tree, list: &[(&str, &[&str], &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (begin, names, why) in list {
        let there: Vec<_> = tree
            .files(begin, ".rs")
            .flat_map(|(_, text)| functions(text))
            .collect();
        for name in *names {
            if !there
                .iter()
                .any(|(function, ..)| excuses(&[name], function))
            {
                faults.push(format!(
                    "tests/book/coverage.rs: NOT_SHOWN names `{name}` of {begin} ({why}), but no such function exists; remove the name"
                ));
            }
        }
    }
    faults
}
