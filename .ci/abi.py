"""Compares tests/abi/table.txt with the headers of each system, by a C compiler.

    abi.py FOLDER COMPILER...

For each target it writes a C file to FOLDER and compiles it. The file has a
_Static_assert for each constant, size, alignment, offset and width, and assigns
each function to a pointer of the table's type. The assembly tells which symbol a
function's name stands for. On Windows, the functions of each library are linked
with that library alone.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

TABLE = pathlib.Path(__file__).parent.parent / "tests" / "abi" / "table.txt"

LINUX = "linux epoll sockets"
KQUEUE = "kqueue sockets"
# Each target, and the words of the table that fit it.
TARGETS = {
    "x86_64-macos": f"apple {KQUEUE} 64 x86_64",
    "aarch64-macos": f"apple {KQUEUE} 64",
    "x86_64-freebsd": f"freebsd {KQUEUE} 64 x86_64",
    "aarch64-freebsd": f"freebsd {KQUEUE} 64",
    "x86-freebsd": f"freebsd {KQUEUE} 32 x86",
    "arm-freebsd-eabihf": f"freebsd {KQUEUE} 32",
    "x86_64-netbsd": f"netbsd {KQUEUE} 64 x86_64",
    "aarch64-netbsd": f"netbsd {KQUEUE} 64",
    "x86-netbsd": f"netbsd {KQUEUE} 32 x86",
    "arm-netbsd-eabi": f"netbsd {KQUEUE} 32",
    "x86_64-openbsd": f"openbsd {KQUEUE} 64 x86_64",
    "aarch64-openbsd": f"openbsd {KQUEUE} 64",
    "x86-openbsd": f"openbsd {KQUEUE} 32 x86",
    "arm-openbsd-eabi": f"openbsd {KQUEUE} 32",
    "x86_64-linux-gnu": f"{LINUX} 64 x86_64",
    "x86-linux-gnu": f"{LINUX} 32 x86",
    "aarch64-linux-gnu": f"{LINUX} 64",
    "arm-linux-gnueabihf": f"{LINUX} 32",
    "riscv64-linux-gnu": f"{LINUX} 64",
    "loongarch64-linux-gnu": f"{LINUX} 64",
    "mips-linux-gnueabi": f"{LINUX} 32 big mips",
    "mips64el-linux-gnuabi64": f"{LINUX} 64 mips",
    "s390x-linux-gnu": f"{LINUX} 64 big",
    "sparc64-linux-gnu": f"{LINUX} 64 big sparc",
    "x86_64-linux-musl": f"{LINUX} 64 x86_64 musl",
    "x86-linux-musl": f"{LINUX} 32 x86 musl",
    "aarch64-linux-musl": f"{LINUX} 64 musl",
    "arm-linux-musleabihf": f"{LINUX} 32 musl",
    "riscv64-linux-musl": f"{LINUX} 64 musl",
    "mips-linux-musleabi": f"{LINUX} 32 big mips musl",
    "powerpc64-linux-musl": f"{LINUX} 64 big musl",
    "s390x-linux-musl": f"{LINUX} 64 big musl",
    "x86_64-windows-gnu": "windows 64 x86_64",
    "x86-windows-gnu": "windows 32 x86",
    "aarch64-windows-gnu": "windows 64",
}

# With these, each C library declares everything that it has.
DEFINES = ["_GNU_SOURCE", "_NETBSD_SOURCE", "_DARWIN_C_SOURCE"]

# On Windows these headers come first, in this order.
WINDOWS = ["winsock2.h", "ws2tcpip.h", "windows.h"]


# Words that fit no target here: Rust's own, and systems without headers.
OTHERS = "rust dragonfly libkqueue"
KNOWN = {"c", *" ".join([OTHERS, *TARGETS.values()]).split()}


def fits(where, words):
    for word in re.split("[,:]", where):
        if word not in KNOWN:
            sys.exit(f"{TABLE}: unknown word: {word}")
    return any(set(system.split(":")) <= words for system in where.split(","))


def rows(words):
    """The rows that count for a target: the kind, the name, the rest, the header."""
    header, seen, found = None, set(), []
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        kind, where, *rest = line.split(None, 3)
        if kind == "from":
            header = where
            continue
        if kind not in ("const", "guid", "struct", "fn", "type") or header is None or len(rest) != 2:
            sys.exit(f"{TABLE}:{number}: not a row: {line}")
        name, rest = rest
        ours, _, other = name.partition("=")
        if fits(where, words) and (kind, ours) not in seen:
            seen.add((kind, ours))
            found.append((kind, ours, other or ours, rest, header))
    return found


def field(c_struct, text):
    name, type_, offset = re.fullmatch(r"(\w+) ([iu]\d+|ptr|\d+)@(\d+)", text).groups()
    place = f"(({c_struct} *)0)->{name}"
    claims = [f"offsetof({c_struct}, {name}) == {offset}"]
    if type_ == "ptr":
        claims.append(f"sizeof({place}) == sizeof(void *)")
    elif type_.isdigit():
        claims.append(f"sizeof({place}) == {type_}")
    else:
        claims.append(f"sizeof({place}) == {int(type_[1:]) // 8}")
        claims.append(f"(__typeof__({place}))-1 {'<' if type_[0] == 'i' else '>'} 0")
    return claims


def guid(digits):
    """The fields of a GUID in C, each with its number."""
    one, two, three, four, five = digits.split("-")
    yield from (("Data1", one), ("Data2", two), ("Data3", three))
    for place in range(8):
        yield f"Data4[{place}]", (four + five)[2 * place : 2 * place + 2]


def program(found, words):
    headers = sorted({header for *_, header in found})
    if "windows" in words:
        headers = [*WINDOWS, *(header for header in headers if header not in WINDOWS)]
    lines = [f"#define {define} 1" for define in DEFINES]
    lines += [f"#include <{header}>" for header in ["stddef.h", "sys/types.h", *headers]]
    # The calling convention of functions.
    way = "WINAPI " if "windows" in words else ""

    def claim(truth, what):
        lines.append(f'_Static_assert({truth}, "{what}");')

    for kind, ours, other, rest, _ in found:
        if kind == "const":
            claim(f"(long long)({other}) == {rest}", f"{ours} is {rest}")
        elif kind == "struct":
            size, align, fields = rest.split(None, 2)
            c_struct = f"struct {other}"
            claim(f"sizeof({c_struct}) == {size}", f"{ours}: size {size}")
            claim(f"_Alignof({c_struct}) == {align}", f"{ours}: alignment {align}")
            for text in re.findall(r"\S+ \S+", fields):
                for truth in field(c_struct, text):
                    claim(truth, f"{ours}: {text}")
        elif kind == "guid":
            lines.append(f"static constexpr GUID evq_{ours} = {other};")
            for place, digits in guid(rest):
                claim(f"evq_{ours}.{place} == 0x{digits}", f"{ours}: {place} is {digits}")
        else:
            pointer = rest.replace(" (", f" ({way}*evq_{ours})(", 1)
            lines.append(f"{pointer} = {f'({other})0' if kind == 'type' else ours};")
    return "\n".join(lines) + "\n"


def check(target, words, compiler, folder):
    """Returns how many claims were checked, and the faults."""
    found = rows(words)
    source = folder / f"{target}.c"
    source.write_text(program(found, words))
    claims = len(re.findall(r"_Static_assert|\(\*evq_", source.read_text()))
    # Without these errors clang accepts any pointer type, and the test proves nothing.
    assembly = source.with_suffix(".s")
    command = [*compiler, "-S", "-o", str(assembly), "-std=gnu23", "-w", str(source)]
    command += ["-Werror=incompatible-pointer-types", "-Werror=int-conversion"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return claims, f"{target}: the headers disagree with the table\n{done.stderr}"
    # One line has the pointer's name and a colon, the next the symbol that it points to.
    symbols = re.findall(r"^_?evq_(\w+):.*\n\s*\.\w+\s+(\S+)", assembly.read_text(), re.M)
    symbols = dict(symbols)
    wrong = []
    for kind, ours, other, _, _ in found:
        if kind == "fn":
            symbol = symbols.get(ours, "none")
            if "macos" in target or target == "x86-windows-gnu":
                symbol = symbol.removeprefix("_")
            if "windows" in words:
                # On 32-bit x86 the symbol ends with the number of bytes of the arguments.
                symbol, other = symbol.split("@")[0], ours
            if symbol != other:
                wrong.append(f"{target}: `{ours}` is the symbol {symbol}, not {other}")
    if "windows" in words:
        wrong += link(target, found, words, compiler, folder)
    return claims, "\n".join(wrong)


ENTRY = "BOOL WINAPI DllMainCRTStartup(HINSTANCE a, DWORD b, LPVOID c) { return 1; }\n"


def link(target, found, words, compiler, folder):
    """Returns which libraries lack a function that the table says they have."""
    functions = [row for row in found if row[0] == "fn"]
    for library in sorted({other for _, _, other, *_ in functions}):
        source = folder / f"{target}.{library}.c"
        own = [row for row in functions if row[2] == library]
        source.write_text(program(own, words) + ENTRY)
        # `-nostdlib` also removes the headers, so only the second command has it.
        objects, dll = source.with_suffix(".obj"), source.with_suffix(".dll")
        for command in (
            [*compiler, "-c", "-std=gnu23", "-w", "-o", str(objects), str(source)],
            [*compiler, "-shared", "-nostdlib", "-o", str(dll), str(objects), f"-l{library}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                yield f"{target}: {library} lacks a function that the table gives it\n{done.stderr}"
                break


def main():
    folder, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    jobs = [
        (target, set(words.split()) | {"c"}, [*compiler, "-target", target])
        for target, words in TARGETS.items()
    ]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda job: check(*job, folder), jobs))
    wrong = [text for _, text in results if text]
    if wrong:
        sys.exit("\n".join(wrong))
    claims = sum(claims for claims, _ in results)
    print(f".ci/abi: {claims} claims hold for the headers of {len(jobs)} targets (compiled only)")


main()
