"""`meshgraft status --watch` on a terminal of its own, against the embedded API server: what a person sees."""

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import unittest
from pathlib import Path

from chart import ROOT

sys.path.append(str(ROOT / "tests" / "e2e"))
from processes import Process, free_ports  # noqa: E402
from programs import binary  # noqa: E402

HOME_AND_ERASE = "\033[H\033[J"  # ECMA-48: each picture stands in the place of the last


def on_its_own_terminal():
    """As a shell starts a program in the foreground: a shell that starts tests in the background ignores Ctrl-C for them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Watch(unittest.TestCase):
    def test_a_join_is_followed_by_a_bar_until_interrupted(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="meshgraft-watch-")))
        kubeconfig = folder / "kubeconfig"
        sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "--kubeconfig-out", kubeconfig, "--pod-ready-seconds", "0.1",
                                      "-f", ROOT / "deploy" / "sample" / "shop.yaml"], folder)
        self.addCleanup(sandbox.stop)
        sandbox.wait_for(lambda: kubeconfig.exists() and "current-context" in kubeconfig.read_text(), 60, "its kubeconfig")
        subprocess.run([binary("meshgraft-sandbox"), "label", "--kubeconfig", kubeconfig, "shop", "meshgraft.io/app=shop"],
                       check=True, capture_output=True)
        (port,) = free_ports(1)

        master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        watch = subprocess.Popen([binary("meshgraft"), "status", "-n", "shop", "--watch", "--kubeconfig", kubeconfig],
                                 stdin=terminal, stdout=terminal, stderr=terminal, env={**env, "TERM": "xterm"}, start_new_session=True,
                                 preexec_fn=on_its_own_terminal)
        os.close(terminal)
        self.addCleanup(lambda: watch.poll() is None and watch.kill())
        seen = ""
        decoder = codecs.getincrementaldecoder("utf-8")()  # a piece may end inside a character

        def read_until(pattern):
            nonlocal seen
            while not re.search(pattern, seen):
                seen += decoder.decode(os.read(master, 65536))
            return re.search(pattern, seen)

        (every,) = read_until(r"\[-{10,}\] 0/(\d+) joined").groups()
        controller = Process("controller", [binary("meshgraft"), "run", "--kubeconfig", kubeconfig,
                                            "--metrics-address", f"127.0.0.1:{port}"], folder)
        self.addCleanup(controller.stop)
        # And under the bar the rows, in green.
        read_until(rf"\[#{{10,}}\] {every}/{every} joined[^#]*\033\[32mjoined")
        self.assertGreaterEqual(seen.count(HOME_AND_ERASE), 2)
        for picture in seen.split(HOME_AND_ERASE):
            for line in picture.splitlines():
                self.assertLessEqual(len(re.sub(r"\033\[[0-9;]*m", "", line)), 100)
        os.write(master, b"\x03")  # Ctrl-C
        self.assertEqual(watch.wait(120), -2)
        os.close(master)

    def test_where_the_output_is_no_terminal_there_are_no_escapes(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="meshgraft-watch-")))
        kubeconfig = folder / "kubeconfig"
        sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "--kubeconfig-out", kubeconfig,
                                      "-f", ROOT / "deploy" / "sample" / "shop.yaml"], folder)
        self.addCleanup(sandbox.stop)
        sandbox.wait_for(lambda: kubeconfig.exists() and "current-context" in kubeconfig.read_text(), 60, "its kubeconfig")
        with subprocess.Popen([binary("meshgraft"), "status", "-A", "--watch", "--kubeconfig", kubeconfig],
                              stdout=subprocess.PIPE, text=True) as watch:
            line = watch.stdout.readline()
            watch.stdout.close()
            watch.terminate()
        self.assertRegex(line, r"^\[[#-]+\] 0/0 joined$")


if __name__ == "__main__":
    unittest.main()
