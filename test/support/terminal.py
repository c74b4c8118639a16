"""Runs a program on a new terminal and plays a script to it. Usage: terminal.py '[[STEP...]...]' PROGRAM ARG...

Steps, in order: ["expect", TEXT], ["send", TEXT], ["resize", ROWS, COLUMNS], ["signal", NUMBER], ["wait"].
Prints one JSON object: output, status (as a shell sees it), the terminal's settings before and after, and "failed" with the step
that timed out.
"""
import errno, fcntl, json, os, pty, select, signal, struct, sys, termios, time

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
limit_seconds = 20.0


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def flags(fd):
    iflag, oflag, _, lflag = termios.tcgetattr(fd)[:4]
    return [iflag, oflag, lflag]


master, slave = pty.openpty()
resize(master, 24, 80)
before = flags(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.closerange(3, 256)
    os.execv(command[0], command)

output, seen, status, failed, during = b"", 0, None, None, None


def pump(until):
    """Reads for a moment; returns whether the condition came true."""
    global output, status
    end = time.monotonic() + limit_seconds
    while time.monotonic() < end:
        if until():
            return True
        if select.select([master], [], [], 0.02)[0]:
            try:
                output += os.read(master, 65536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
        if status is None:
            done, code = os.waitpid(pid, os.WNOHANG)
            if done:
                status = code
    return until()


for step in steps:
    word = step[0]
    if word == "expect":
        text = step[1].encode()
        if not pump(lambda: text in output[seen:]):
            failed = step
            break
        seen = output.index(text, seen) + len(text)
        during = flags(slave)
    elif word == "send":
        os.write(master, step[1].encode())
    elif word == "resize":
        resize(master, step[1], step[2])
    elif word == "signal":
        os.kill(pid, step[1])
    elif word == "wait" and not pump(lambda: status is not None):
        failed = step
        break
if failed is not None and status is None:
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
pump_end = time.monotonic() + 0.1
while time.monotonic() < pump_end and select.select([master], [], [], 0.05)[0]:
    output += os.read(master, 65536)
code = None if status is None else os.waitstatus_to_exitcode(status)
print(json.dumps({
    "output": output.decode(errors="replace"), "status": code if code is None or code >= 0 else 128 - code,
    "before": before, "during": during, "after": flags(slave), "failed": failed,
}))
