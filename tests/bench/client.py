#!/usr/bin/env python3
"""`./bench client`, its part on memory: `meshgraft run` beside 10,000 mixed objects that an
API server over TLS holds; resident memory once synced and at its highest, the kinds that
rules need, lists in pages and streamed. Needs MESHGRAFT_BIN_DIR."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from list_server import MIX, ListServer  # noqa: E402
from pki import Pki  # noqa: E402
from processes import free_ports  # noqa: E402

SETTLED = 15  # seconds after it is ready: what the start needed was given back


def kib(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def shared_mib(pid):
    """Of the resident memory: pages of the program and its libraries, which processes share."""
    return kib(pid, "RssFile") / 1024


def measure(command, ready, env=None):
    """(seconds to ready, steady MiB, peak MiB, of these file pages MiB)"""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    try:
        while not ready(child):
            if child.poll() is not None:
                raise SystemExit(f"{command[0]} ended with status {child.returncode}")
            time.sleep(0.01)
        took = time.monotonic() - begin
        time.sleep(SETTLED)
        return took, kib(child.pid, "VmRSS") / 1024, kib(child.pid, "VmHWM") / 1024, shared_mib(child.pid)
    finally:
        child.terminate()
        child.wait()


def is_ready(address):
    def ask(_):
        try:
            return urllib.request.urlopen(f"http://{address}/readyz", timeout=1).status == 200
        except (OSError, urllib.error.URLError):
            return False
    return ask


def main():
    folder = Path(tempfile.mkdtemp(prefix="meshgraft-bench-"))
    pki = Pki(folder)
    certificate, key = pki.client("bench")
    binary = Path(os.environ["MESHGRAFT_BIN_DIR"]) / "meshgraft"
    print(f"{sum(MIX.values())} objects: " + ", ".join(f"{count} {plural}" for plural, count in MIX.items()))
    print(f"{'':40}{'ready s':>9}{'steady MiB':>12}{'peak MiB':>10}{'of it files':>13}")
    for streams in (False, True):
        with ListServer(folder / "server.crt", folder / "server.key", streams) as server:
            config = folder / "kubeconfig"
            config.write_text(yaml.safe_dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "b",
                "clusters": [{"name": "b", "cluster": {"server": f"https://127.0.0.1:{server.port}",
                                                       "certificate-authority": str(pki.ca)}}],
                "users": [{"name": "b", "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
                "contexts": [{"name": "b", "context": {"cluster": "b", "user": "b"}}]}))
            (port,) = free_ports(1)
            address = f"127.0.0.1:{port}"
            figures = measure([binary, "run", "--kubeconfig", config, "--metrics-address", address], is_ready(address))
            name = "run, lists " + ("streamed" if streams else "in pages")
            print(f"{name:40}{figures[0]:9.2f}{figures[1]:12.1f}{figures[2]:10.1f}{figures[3]:13.1f}", flush=True)
            every = Path(os.environ["MESHGRAFT_BIN_DIR"]) / "watch_all"
            for kinds in ("needed", "all"):
                figures = measure([every, config, "streamed" if streams else "paged", kinds],
                                  told_ready(folder / "ready"), {"WATCH_ALL_READY": str(folder / "ready")})
                name = f"client alone, {kinds} kinds, " + ("streamed" if streams else "in pages")
                print(f"{name:40}{'':9}{figures[1]:12.1f}{figures[2]:10.1f}{figures[3]:13.1f}", flush=True)


def told_ready(path):
    path.unlink(missing_ok=True)
    return lambda _: path.exists()


if __name__ == "__main__":
    main()
