#!/usr/bin/env python3
"""Runs a command that draws a screen on a terminal of its own, and says what becomes of the terminal.

  pty_watch.py END [--screen FILE] -- COMMAND…   END: key (Ctrl-C), or a signal's name

Waits until the screen is drawn, makes it smaller, suspends and continues the command, and ends it.
Prints one line for each thing that is not as it must be, else "as it was".
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

end, *rest = sys.argv[1:]
saved = rest[1] if rest[0] == "--screen" else None
command = rest[rest.index("--") + 1:]
OPEN, CLOSE = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"
faults = []
output = bytearray()


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


# The other end is kept open, to ask for the settings after the command's end.
master, slave = pty.openpty()
resize(slave, 30, 240)
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.execvp(command[0], command)


def read(patience):
    if not select.select([master], [], [], patience)[0]:
        return False
    output.extend(os.read(master, 65536))
    return True


def until(what, condition):
    limit = time.monotonic() + 60
    while not condition():
        if time.monotonic() > limit:
            faults.append(f"in vain: {what}")
            return
        read(0.1)


def stopped():
    pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
    return pid == child and os.WIFSTOPPED(status)


until("the screen is drawn", lambda: b"CONNECTIONS" in output and output.startswith(OPEN))
if saved:
    until("a connection is on the screen", lambda: b"new   " in output)
    with open(saved, "wb") as file:
        file.write(output)
seen = len(output)
resize(master, 20, 60)
until("some more times", lambda: output[seen:].count(b"\x1b[H") > 3)
last = bytes(output[seen:]).split(b"\x1b[H")[-2].replace(b"\x1b[K", b"").replace(b"\x1b[J", b"")
lines = last.decode().replace("\r", "").split("\n")  # the terminal adds returns of its own
if len(lines) > 20 or max(map(len, lines)) > 60:
    faults.append(f"too large for the terminal: {len(lines)} lines, {max(map(len, lines))} columns")

os.write(master, b"\x1a")
until("Ctrl-Z stops it", stopped)
until("the first screen is back", lambda: output.endswith(CLOSE))
seen = len(output)
os.kill(child, signal.SIGCONT)
until("it goes on", lambda: OPEN in output[seen:] and b"CONNECTIONS" in output[seen:])

if end == "key":
    os.write(master, b"\x03")
else:
    os.kill(child, getattr(signal, end))
until("the first screen is back at the end", lambda: CLOSE in output[seen:])
status = os.waitpid(child, 0)[1]
while read(0.2):
    pass
if os.waitstatus_to_exitcode(status) != 0:
    faults.append(f"exit status {os.waitstatus_to_exitcode(status)}")
behind = bytes(output[output.rindex(CLOSE) + len(CLOSE):])
if b"connections: " not in behind or b"\x1b" in behind:
    faults.append(f"behind the screen: {behind!r}")
if output.count(OPEN) != output.count(CLOSE):
    faults.append("the second screen is not left as often as entered")
if termios.tcgetattr(slave) != before:
    faults.append("the terminal's settings are others than before")
print("\n".join(faults) or "as it was")
