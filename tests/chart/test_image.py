"""The image's root file system, made by scripts/rootfs from this build and started as a container would be: another
root, read-only, as user 65532, without capabilities. A whole image build (Dockerfile, scripts/image) takes a compiler's
time and is not run here."""

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from chart import ROOT

sys.path.append(str(ROOT / "tests" / "e2e"))
from processes import Process, free_ports, wait_until  # noqa: E402
from programs import binary  # noqa: E402

MOST = 40 * 2**20  # bytes; docs/design/testing.md section 4
USER = 65532

# What `unshare` runs: the new root is mounted read-only over itself, then entered as the user.
ENTER = ('mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && '
         f'exec setpriv --no-new-privs chroot --userspec={USER}:{USER} "$0" "$@"')


def cannot_enter():
    """Why this machine lets nobody into another root; "" when it does."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "another root needs root's rights"
    for tool in ("unshare", "setpriv", "chroot", "strip", "dpkg-query"):
        if not shutil.which(tool):
            return f"no {tool}"
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"', empty],
                              capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no mounts of one's own: {done.stderr.strip()}"


@unittest.skipIf(cannot_enter(), cannot_enter())
class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="meshgraft-image-")))
        cls.folder.chmod(0o755)
        cls.root = cls.folder / "root"
        print(subprocess.run([ROOT / "scripts" / "rootfs", binary("meshgraft"), cls.root], capture_output=True, text=True,
                             check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}).stdout.strip(), end=" ")

    def inside(self, *arguments):
        return ["unshare", "--mount", "sh", "-c", ENTER, str(self.root), "/usr/bin/meshgraft", *map(str, arguments)]

    def files(self):
        return {"/" + str(f.relative_to(self.root)) for f in self.root.rglob("*") if f.is_file()}

    def test_it_is_small(self):
        self.assertLessEqual(sum((self.root / f.lstrip("/")).stat().st_size for f in self.files()), MOST)

    def test_it_holds_the_program_its_libraries_and_no_other_program(self):
        named = {line.split("=> ")[-1].split(" (")[0].strip() for line in subprocess.run(
            ["ldd", binary("meshgraft")], capture_output=True, text=True, check=True).stdout.splitlines()}
        named = {n for n in named if n.startswith("/")}
        runnable = {f for f in self.files() if (self.root / f.lstrip("/")).stat().st_mode & stat.S_IXUSR}
        self.assertEqual(runnable, named | {"/usr/bin/meshgraft"})
        self.assertFalse([f for f in self.files() if "ca-certificates" in f or f.startswith("/root")])

    def test_nothing_in_it_can_be_written_by_its_user_or_raises_rights(self):
        for f in [self.root, *self.root.rglob("*")]:
            mode = f.lstat().st_mode
            self.assertFalse(mode & (stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID), f)
            self.assertNotEqual(f.lstat().st_uid, USER, f)

    def test_the_list_of_contents_names_every_library(self):
        document = json.loads((self.root / "usr/share/doc/meshgraft/sbom.spdx.json").read_text())
        self.assertEqual((document["spdxVersion"], document["creationInfo"]["created"]), ("SPDX-2.3", "2023-11-14T22:13:20Z"))
        listed = {p["name"]: p for p in document["packages"]}
        ids = {p["SPDXID"] for p in document["packages"]} | {"SPDXRef-DOCUMENT"}
        self.assertEqual(len(ids), len(listed) + 1)
        for relation in document["relationships"]:
            self.assertLessEqual({relation["spdxElementId"], relation["relatedSpdxElement"]}, ids)
        for package in ("libc6", "libcpprest2.10", "libssl3", "libyaml-cpp0.7", "nlohmann-json3-dev", "libcli11-dev"):
            installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version}\\n", package], capture_output=True, text=True,
                                       check=True).stdout.splitlines()[0]
            self.assertEqual(listed[package]["versionInfo"], installed)
            self.assertTrue((self.root / f"usr/share/doc/{package}/copyright").read_text())
        for package in (p.name for p in (self.root / "var/lib/dpkg/status.d").iterdir()):
            self.assertIn(package, listed)

    def test_a_folder_that_holds_something_is_refused(self):
        done = subprocess.run([ROOT / "scripts" / "rootfs", binary("meshgraft"), self.root], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, f"rootfs: {self.root} is not empty\n"))

    def test_every_command_that_needs_no_cluster_runs_in_it(self):
        for arguments in (["version"], ["--help"], ["reference", "rbac"], ["completion", "bash"]):
            done = subprocess.run(self.inside(*arguments), capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)

    def test_the_controller_becomes_ready_in_it(self):
        kubeconfig = self.root / "etc" / "kubeconfig"
        sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "--kubeconfig-out", kubeconfig,
                                      "-f", ROOT / "deploy" / "sample" / "shop.yaml"], self.folder)
        self.addCleanup(sandbox.stop)
        sandbox.wait_for(lambda: kubeconfig.exists() and "\ncurrent-context" in "\n" + kubeconfig.read_text(), 30, "its kubeconfig")
        self.addCleanup(kubeconfig.unlink)
        kubeconfig.chmod(0o644)
        # By name: the resolver works without a library beside libc.
        kubeconfig.write_text(kubeconfig.read_text().replace("https://127.0.0.1", "https://localhost"))
        hosts = self.root / "etc" / "hosts"
        hosts.write_text("127.0.0.1 localhost\n")
        self.addCleanup(hosts.unlink)
        (port,) = free_ports(1)
        begin = time.monotonic()
        controller = Process("controller", self.inside("run", "--kubeconfig", "/etc/kubeconfig",
                                                       "--metrics-address", f"127.0.0.1:{port}"), self.folder)
        self.addCleanup(controller.stop)

        def ready():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200
            except (OSError, urllib.error.URLError):
                return False
        try:
            wait_until(lambda: controller.check() or ready(), 30, "/readyz", step=0.005)
        except TimeoutError:
            self.fail(controller.tail())
        print(f"ready {1000 * (time.monotonic() - begin):.0f} ms after its start", end=" ")
        self.assertEqual(controller.stop(), 0)

    def test_it_asks_the_clusters_dns_without_a_library_of_its_own_for_it(self):
        files = {"resolv.conf": "nameserver 127.53.53.53\n", "by-name.kubeconfig": """\
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://kubernetes.default.svc.cluster.test"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
"""}
        for name, text in files.items():
            (self.root / "etc" / name).write_text(text)
            self.addCleanup((self.root / "etc" / name).unlink)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.53.53.53", 53))
            server.settimeout(120)
            with subprocess.Popen(self.inside("status", "--kubeconfig", "/etc/by-name.kubeconfig"),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asking:
                self.assertIn(b"\x0akubernetes\x07default\x03svc\x07cluster\x04test", server.recv(512))
                asking.kill()

    def test_the_plugins_archive_runs_with_its_own_libraries_wherever_krew_puts_it(self):
        made = self.folder / "krew"
        subprocess.run([ROOT / "scripts" / "krew", binary("meshgraft"), made, "https://example.com/meshgraft.tar.gz"],
                       check=True, capture_output=True)
        manifest = yaml.safe_load((made / "meshgraft.yaml").read_text())
        (platform,) = manifest["spec"]["platforms"]
        (archive,) = made.glob("*.tar.gz")
        self.assertEqual(platform["sha256"], hashlib.sha256(archive.read_bytes()).hexdigest())
        self.assertEqual(platform["uri"], "https://example.com/meshgraft.tar.gz")
        self.assertRegex(manifest["spec"]["version"], r"^v\d+\.\d+\.\d+$")
        self.assertNotIn("@", (made / "meshgraft.yaml").read_text())
        store, link = self.folder / "store", self.folder / "kubectl-meshgraft"
        shutil.unpack_archive(archive, store)
        link.symlink_to(store / platform["bin"])
        done = subprocess.run([link, "plan", "-x"], capture_output=True, text=True, env={})
        self.assertEqual(done.stderr.splitlines()[-1], "Run 'kubectl meshgraft plan --help' for usage.")
        self.assertTrue((store / "LICENSE").exists())


if __name__ == "__main__":
    unittest.main()
