"""Clients for .ci/echo: `echo.py slow|half|many|flood|starve|chat|talk PORT PID`."""

import os
import resource
import selectors
import socket
import struct
import sys
import threading
import time


def cpu_seconds(pid):
    """The processor time of the server so far, from /proc/PID/stat (see proc_pid_stat(5))."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sleeps(pid, when):
    """In a second without traffic, the server must use almost no processor time."""
    before = cpu_seconds(pid)
    time.sleep(1)
    used = cpu_seconds(pid) - before
    if used > 0.03:
        sys.exit(f"echo.py: {when}, the server used {used:.2f} s in a second: it spins")
    print(f"{when}: {used:.2f} s of a second used")


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def receive(connection, length):
    received = bytearray()
    while len(received) < length:
        piece = connection.recv(length - len(received))
        if not piece:
            sys.exit(f"echo.py: the stream ended after {len(received)} of {length} bytes")
        received += piece
    return bytes(received)


def resident(pid):
    """The resident memory of the server, in KiB."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def slow(port, pid):
    """Sends much and reads nothing for a while: the server waits, and keeps few of the bytes."""
    connection, before = connect(port), resident(pid)
    sent = os.urandom(1 << 20) * 64
    sender = threading.Thread(target=connection.sendall, args=(sent,), daemon=True)
    sender.start()
    time.sleep(0.5)
    if not sender.is_alive():
        sys.exit(f"echo.py: the server took all of {len(sent)} bytes from a client that reads none")
    sleeps(pid, "a client that sends and does not read")
    grown = resident(pid) - before
    if grown > 1024:
        sys.exit(f"echo.py: for a client that does not read, the server grew by {grown} KiB")
    if receive(connection, len(sent)) != sent:
        sys.exit("echo.py: the slow reader got other bytes than it sent")
    connection.shutdown(socket.SHUT_WR)
    if connection.recv(1):
        sys.exit("echo.py: the slow reader got more than it sent")
    print(f"slow: all {len(sent) >> 20} MiB came back; the server grew by {grown} KiB")


def held(connection, sent):
    """How many of the bytes sent are in the server itself, not in a queue of the kernel."""
    near, far = connection.getsockname()[1], connection.getpeername()[1]
    queued = 0
    with open("/proc/net/tcp") as sockets:
        for line in list(sockets)[1:]:
            local, remote, _, queues = line.split()[1:5]
            if {int(local[-4:], 16), int(remote[-4:], 16)} == {near, far}:
                queued += sum(int(queue, 16) for queue in queues.split(":"))
    return sent - queued


def half(port, pid):
    """Half-closes while the server holds bytes that it cannot write."""
    connection, piece, sent = socket.socket(), os.urandom(8192), 0
    # Small segments and a small buffer at our end make the server's send buffer small.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    while held(connection, sent) <= 0 or (time.sleep(0.05), held(connection, sent))[1] <= 0:
        if sent > 1 << 26:
            sys.exit(f"echo.py: the server took {sent} bytes from a client that reads none")
        connection.sendall(piece)
        sent += len(piece)
    kept = held(connection, sent)
    connection.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    if receive(connection, sent) != piece * (sent // len(piece)):
        sys.exit("echo.py: the half-closer got other bytes than it sent")
    if connection.recv(1):
        sys.exit("echo.py: the half-closer got more than it sent")
    print(f"half: closed with {kept} of {sent} bytes in the server; all came back")


def many(port, pid):
    """A thousand clients at once: each sends, is idle for a while, half-closes and gets everything."""
    connections = {connect(port): os.urandom(50_000) for _ in range(1000)}
    sleeps(pid, f"{len(connections)} idle connections")
    # A hundred of them leave by a reset.
    for connection in list(connections)[::10]:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.send(b"never mind")
        connection.close()
        del connections[connection]
    left = dict(connections)
    got = {connection: bytearray() for connection in connections}
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.setblocking(False)
            selector.register(connection, both)
        while selector.get_map():
            ready = selector.select(timeout=10)
            if not ready:
                sys.exit(f"echo.py: {len(selector.get_map())} clients never get their echo")
            for key, mask in ready:
                connection = key.fileobj
                if mask & selectors.EVENT_WRITE:
                    left[connection] = left[connection][connection.send(left[connection]) :]
                    if not left[connection]:
                        connection.shutdown(socket.SHUT_WR)
                        selector.modify(connection, selectors.EVENT_READ)
                if mask & selectors.EVENT_READ:
                    piece = connection.recv(65536)
                    got[connection] += piece
                    if not piece:
                        selector.unregister(connection)
                        connection.close()
    wrong = sum(got[connection] != sent for connection, sent in connections.items())
    if wrong:
        sys.exit(f"echo.py: {wrong} of {len(connections)} clients got other bytes than they sent")
    print(f"many: {len(connections)} clients got 50000 bytes each, 100 reset theirs")


def flood(port, pid):
    """While one client sends as fast as it can, another is still answered."""
    flooder, stop = connect(port), threading.Event()
    echoed = [0]

    def send():
        piece = bytes(1 << 20)
        try:
            while not stop.is_set():
                flooder.sendall(piece)
        except OSError:
            pass

    def read():
        try:
            while piece := flooder.recv(1 << 20):
                echoed[0] += len(piece)
        except OSError:
            pass

    threads = [threading.Thread(target=work, daemon=True) for work in (send, read)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    other, worst = connect(port), 0
    for n in range(200):
        began = time.monotonic()
        other.sendall(b"still there?")
        receive(other, 12)
        worst = max(worst, time.monotonic() - began)
    other.close()
    stop.set()
    threads[0].join()
    flooder.shutdown(socket.SHUT_RDWR)
    threads[1].join()
    if worst > 1:
        sys.exit(f"echo.py: during a flood, an answer took {worst:.2f} s")
    print(f"flood: {echoed[0] >> 20} MiB echoed, 200 answers meanwhile, the slowest in {worst * 1000:.1f} ms")


def starve(port, pid):
    """More clients than the server has descriptors: they wait, it sleeps, and all are served."""
    connections = [connect(port) for _ in range(60)]
    for n, connection in enumerate(connections):
        connection.sendall(b"%8d" % n)
    # It tries to accept again ten times a second, which takes almost no time.
    sleeps(pid, "out of descriptors")
    for n, connection in enumerate(connections):
        if receive(connection, 8) != b"%8d" % n:
            sys.exit(f"echo.py: client {n} got the echo of another client")
        connection.close()
    print(f"starve: all {len(connections)} clients were served in the end")


def chat(port, pid):
    """The server runs out of descriptors and later gets more, while one client sends all the time."""
    chatter, stop, lines = connect(port), threading.Event(), [0]

    def talk():
        while not stop.wait(0.02):
            chatter.sendall(b"still here")
            receive(chatter, 10)
            lines[0] += 1

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    connections = [connect(port) for _ in range(60)]
    for connection in connections:
        connection.sendall(b"and me")
    time.sleep(0.5)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4096, 4096))
    began = time.monotonic()
    for n, connection in enumerate(connections):
        connection.settimeout(3)
        try:
            receive(connection, 6)
        except TimeoutError:
            sys.exit(f"echo.py: client {n} waits for ever, while another client sends: {lines[0]} lines so far")
    took = time.monotonic() - began
    stop.set()
    thread.join()
    if took > 1:
        sys.exit(f"echo.py: while one client sends, {len(connections)} others had to wait for {took:.2f} s")
    print(f"chat: while one client sends, {len(connections)} others were served after {took * 1000:.0f} ms")


def talk(port, pid):
    """Clients come one after another, and each sends line by line."""
    for _ in range(10):
        connection = connect(port)
        for n in range(20):
            connection.sendall(b"%8d" % n)
            if receive(connection, 8) != b"%8d" % n:
                sys.exit("echo.py: a client got other bytes than it sent")
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(1):
            sys.exit("echo.py: a client got more than it sent")
    print("talk: 10 clients got 20 lines each")


{f.__name__: f for f in (slow, half, many, flood, starve, chat, talk)}[sys.argv[1]](*map(int, sys.argv[2:]))
