"""Child programs of a test cluster: started with their output in a file,
stopped by SIGTERM and, when that does not help, SIGKILL. Used by cluster.py and
by the tests for meshgraft itself. Never touches a process it did not start."""

import atexit
import contextlib
import fcntl
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class ProcessError(RuntimeError):
    """A child ended early, or did not become ready in time; says its last lines."""


# A limit is there to end a test that will never be right, never to measure: a machine with two cores and four control
# planes may let any program stand still for 20 s. So many times the seconds that an idle machine is given.
PATIENCE = 4

# What is said of a write that istiod's webhook, which fails closed, did not answer within its 10 s: nothing was written.
WEBHOOK_STOOD_STILL = re.compile("failed calling webhook.*(deadline exceeded|timed? ?out)", re.IGNORECASE | re.DOTALL)

PORTS = range(20000, 30000)  # below 32768, where Linux takes the ports of connections from (ip_local_port_range)
_taken = []  # files whose locks say that a port is this process's; they go with it


def _give_back():
    """Each file while it is still locked: who has opened it meanwhile finds that it is no longer the one at its path."""
    while _taken:
        with _taken.pop() as file, contextlib.suppress(FileNotFoundError):
            os.unlink(file.name)


def _claim(path):
    """The file at this path, locked by this process; None when another has it."""
    file = open(path, "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            return file
    except OSError:  # locked by another, or taken away by who had it
        pass
    file.close()
    return None


def free_ports(count):
    """`count` TCP ports of 127.0.0.1, all different, that nobody listens on, that no connection is given by the kernel,
    and that no other test process takes while this one lives."""
    folder = os.path.join("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), f"meshgraft-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    ports = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(ports) == count:
            return ports
        file = _claim(os.path.join(folder, str(port)))
        if file is None:
            continue
        if not _taken:
            atexit.register(_give_back)
        _taken.append(file)
        try:
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            continue
        ports.append(port)
    raise ProcessError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def run_client(arguments, **how):
    """subprocess.run of a client of the API server that is written in Go, its output as text; again when the server stood
    still as it connected: such a client waits 10 s for that; or a webhook did, which the server gives as long. What it had
    sent before, as helm and an apply of many documents may have, it sends again: an apply ends as it would have, and helm
    refuses, which the caller is told."""
    for _ in range(PATIENCE):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, **how)
        if "TLS handshake timeout" not in done.stderr and not WEBHOOK_STOOD_STILL.search(done.stderr):
            break
    return done


def wait_until(condition, seconds, what, step=0.05):
    """Calls `condition` until it returns something true, and returns that.
    Raises TimeoutError naming `what` after PATIENCE times `seconds`."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(step)


class Process:
    """One child. `log` is the file that holds its output."""

    def __init__(self, name, arguments, folder, env=None):
        self.name = name
        self.log = Path(folder) / f"{name}.log"
        self.arguments = arguments
        self.env = env
        self._file = open(self.log, "ab")
        full = dict(os.environ)
        full.update(env or {})
        self._child = subprocess.Popen(
            [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=self._file,
            stderr=subprocess.STDOUT, cwd=str(folder), env=full, start_new_session=True)

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def check(self):
        """Raises when the child has ended."""
        code = self._child.poll()
        if code is not None:
            raise ProcessError(f"{self.name} ended with status {code}:\n{self.tail()}")

    def tail(self, lines=25):
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join(text[-lines:])

    def wait_for(self, condition, seconds, what):
        """wait_until, but gives up at once when the child ends."""
        def alive_and():
            self.check()
            return condition()
        try:
            return wait_until(alive_and, seconds, what)
        except TimeoutError as error:
            raise ProcessError(f"{self.name}: {error}\n{self.tail()}") from None

    def stop(self, seconds=15 * PATIENCE):
        """SIGTERM, and SIGKILL when that has not ended it within `seconds`. Returns the exit
        status; how long it took is in `stopped_in` (seconds)."""
        begin = time.monotonic()
        if self.running():
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self.stopped_in = time.monotonic() - begin
        self._file.close()
        return self._child.returncode

    def kill(self):
        """SIGKILL: what a crash of the machine looks like to everybody else."""
        if self.running():
            self._child.kill()
        self._child.wait()
