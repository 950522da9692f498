"""What shells and kubectl make of `meshgraft completion`, each asked itself; and what `cmake --install` lays down."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from chart import ROOT

sys.path.append(str(ROOT / "tests" / "e2e"))
from programs import binary  # noqa: E402

# What is typed -> what must be offered, and what must not.
CASES = (
    ("", ["run", "plan", "check", "status", "completion"], ["--policy"]),
    ("pl", ["plan"], ["check"]),
    ("plan --pro", ["--profile"], ["--policy"]),
    ("plan --profile kube", ["kubesphere-3.3", "kubesphere-4"], ["istio"]),
    ("plan --profile ", ["kubesphere-3.3", "istio"], ["--profile"]),
    ("plan --client-ip-mode ", ["envoyFilter", "bypass"], []),
    ("check --fail-on ", ["error", "warning", "info"], []),
    ("run --log-format ", ["text", "json"], ["yaml"]),
    ("status -o ", ["text", "json", "yaml"], []),
    ("status -n ", ["shop", "default"], ["namespace/shop"]),
    ("status --context ", ["blue"], []),
    ("completion ", ["bash", "zsh", "fish"], []),
    ("reference ", ["rbac", "docs"], []),
)

KUBECTL = """#!/bin/sh
case "$*" in
  "get namespaces -o name") echo namespace/default; echo namespace/shop ;;
  "config get-contexts -o name") echo blue ;;
esac
"""

BASH = """
source <(meshgraft completion bash)
read -ra COMP_WORDS <<<"meshgraft $1"
[[ "$1" = *" " || -z "$1" ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_meshgraft
printf '%s\\n' "${COMPREPLY[@]}"
"""

# Without a terminal zsh completes nothing: the builtins that offer print instead, what fits included.
ZSH = """
compadd() { local word; for word in "${@:#--}"; do [[ $word == ${words[CURRENT]}* ]] && print -r -- $word; done }
_describe() { local row; for row in "${(@P)2}"; do compadd -- ${row%%:*}; done }
_files() { print files }
source <(meshgraft completion zsh)
words=(meshgraft ${(s: :)1})
[[ $1 == *" " || -z $1 ]] && words+=("")
CURRENT=${#words}
_meshgraft
"""

FISH = """
meshgraft completion fish | source
complete -C "meshgraft $argv[1]" | string split -f1 \\t
"""


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="meshgraft-shell-")))
        bin_folder = cls.folder / "bin"
        bin_folder.mkdir()
        for name in ("meshgraft", "kubectl-meshgraft"):
            (bin_folder / name).symlink_to(binary("meshgraft"))
        (bin_folder / "kubectl").write_text(KUBECTL)
        (bin_folder / "kubectl").chmod(0o755)
        cls.env = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(cls.folder), "TERM": "dumb"}

    def offered(self, *command):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=self.env, timeout=60)
        self.assertEqual((done.returncode in (0, 1), done.stderr), (True, ""), command)
        return done.stdout.split()

    def check(self, *shell):
        for typed, wanted, unwanted in CASES:
            with self.subTest(typed=typed):
                words = self.offered(*shell, typed)
                for word in wanted:
                    self.assertIn(word, words)
                for word in unwanted:
                    self.assertNotIn(word, words)

    def test_bash_completes(self):
        self.check("bash", "--norc", "-c", BASH, "bash")

    def test_bash_completes_after_an_equals_sign(self):
        script = BASH.replace("_meshgraft\nprintf", 'COMP_WORDS=(meshgraft plan --profile = "kube"); COMP_CWORD=4; _meshgraft\nprintf')
        self.assertEqual(self.offered("bash", "--norc", "-c", script, "bash", "x"), ["kubesphere-3.3", "kubesphere-3.4", "kubesphere-4"])

    def test_bash_offers_files_where_a_file_is_wanted(self):
        (self.folder / "some-manifest.yaml").write_text("")
        self.assertEqual(self.offered("bash", "--norc", "-c", BASH, "bash", f"plan -f {self.folder}/some"),
                         [f"{self.folder}/some-manifest.yaml"])

    def test_zsh_completes(self):
        self.check("zsh", "-f", "-c", ZSH, "zsh")

    def test_fish_completes(self):
        self.check("fish", "--no-config", "-c", FISH)

    def test_kubectl_completes_the_plugin(self):
        script = ROOT / "cmd" / "kubectl_complete-meshgraft"
        for arguments, wanted in ((["pl"], ["plan", ":4"]), (["plan", "--profile", "i"], ["istio", ":4"]),
                                  (["status", "-n", "sh"], ["shop", ":4"]), (["plan", "-f", "nothing"], [":0"])):
            self.assertEqual(self.offered(script, *arguments), wanted)

    def test_every_word_that_is_offered_for_a_flag_is_taken(self):
        text = subprocess.run([binary("meshgraft"), "completion", "bash"], capture_output=True, text=True, check=True).stdout
        offers = re.findall(r'^    "(\w+) (-[^"]+)"(?:\|"[^"]*")*\) COMPREPLY=\(\$\(compgen -W "([^"$]+)"', text, re.MULTILINE)
        self.assertGreater(len(offers), 8)
        for command, flag, words in offers:
            for word in words.split():
                done = subprocess.run([binary("meshgraft"), command, flag, word], capture_output=True, text=True,
                                      env={**self.env, "KUBECONFIG": "/nowhere"})
                for complaint in ("invalid argument", "unknown", "must be"):
                    self.assertNotIn(complaint, done.stderr, (command, flag, word))


class Install(unittest.TestCase):
    def test_the_program_installs_as_a_plugin_of_kubectl_with_its_completion(self):
        with tempfile.TemporaryDirectory(prefix="meshgraft-install-") as folder:
            build = binary("meshgraft").parent.parent
            subprocess.run(["cmake", "-DCMAKE_INSTALL_LOCAL_ONLY=1", f"-DCMAKE_INSTALL_PREFIX={folder}", "-P", "cmake_install.cmake"],
                           cwd=build / "cmd", check=True, capture_output=True, text=True)
            here = Path(folder)
            found = {str(f.relative_to(here)) for f in here.rglob("*") if not f.is_dir()}
            self.assertEqual(found, {
                "bin/meshgraft", "bin/kubectl-meshgraft", "bin/kubectl_complete-meshgraft",
                "share/bash-completion/completions/meshgraft", "share/bash-completion/completions/kubectl-meshgraft",
                "share/zsh/site-functions/_meshgraft", "share/fish/vendor_completions.d/meshgraft.fish"})
            done = subprocess.run([here / "bin" / "kubectl-meshgraft", "plan", "-x"], capture_output=True, text=True)
            self.assertIn("Run 'kubectl meshgraft plan --help' for usage.", done.stderr)
            self.assertIn("_meshgraft", (here / "share/bash-completion/completions/kubectl-meshgraft").read_text())


if __name__ == "__main__":
    unittest.main()
