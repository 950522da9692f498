"""Every command in the docs is run: blocks fenced as ```sh in one shell against the sandbox with the sample in it, one
page after the other; of blocks fenced as ```sh cluster, which need a real cluster, a registry or a compiler, the
programs, subcommands and flags are looked up. Used by ./test e2e; needs no control plane of its own."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import tools_folder
from processes import Process
from programs import binary

ROOT = Path(__file__).resolve().parents[2]
# Pages whose blocks begin with a cluster as the sample makes it.
PAGES = ("README.md", "docs/guide.md", "docs/upgrade.md", "docs/security.md", "docs/client.md",
         "CONTRIBUTING.md")
# Pages that must have the very commands of another, which is run.
TRANSLATIONS = {"README.zh-CN.md": "README.md", "docs/guide.zh-CN.md": "docs/guide.md",
                "docs/client.zh-CN.md": "docs/client.md"}
# Programs that are not ours and not on every machine: their arguments are taken as given.
OTHERS = {"docker", "git", "cmake", "cp", "export", "mkdir"}


def blocks(page):
    """[(the words after "sh", the text)] of a page's shell blocks."""
    return re.findall(r"^```sh *([^\n]*)\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def commands(text):
    """The commands of a block: a line each, or several joined by a backslash; comments gone."""
    joined = text.replace("\\\n", " ")
    return [line for raw in joined.splitlines() if (line := re.sub(r"(^|\s)# .*", "", raw).strip())]


class Docs(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.tools = tools_folder()
        cls.programs = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="meshgraft-docs-bin-")))
        for name in ("meshgraft", "meshgraft-sandbox"):
            (cls.programs / name).symlink_to(binary(name))
        (cls.programs / "kubectl-meshgraft").symlink_to(binary("meshgraft"))
        for name in ("kubectl", "helm"):
            (cls.programs / name).symlink_to(cls.tools / name)
        cls.environment = {**os.environ, "PATH": f"{cls.programs}:{os.environ['PATH']}", "NO_COLOR": "1"}
        cls.help = {}

    def help_of(self, *words):
        if words not in self.help:
            done = subprocess.run([*words, "--help"], env=self.environment, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, f"{' '.join(words)} --help: {done.stderr}")
            text = done.stdout
            if words[0] == "kubectl":
                text += subprocess.run(["kubectl", "options"], env=self.environment, capture_output=True, text=True,
                                       timeout=300).stdout
            self.help[words] = text
        return self.help[words]

    def look_up(self, command):
        """Program, subcommand and flags exist."""
        words = shlex.split(command.rstrip("& "))
        while re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        program, rest = words[0], words[1:]
        if program.startswith("build/"):  # what a build makes: one of the tests' programs
            name = program.rsplit("/", 1)[1]
            self.assertTrue(any(name in text.read_text() for text in ROOT.glob("tests/*/CMakeLists.txt")), command)
            return
        if program.startswith("./"):
            self.assertTrue(os.access(ROOT / program, os.X_OK), f"{program} is not there")
            return
        if program in OTHERS:
            return
        self.assertIn(program, ("meshgraft", "meshgraft-sandbox", "kubectl", "helm"), command)
        if program == "kubectl" and rest[:1] == ["meshgraft"]:
            program, rest = "meshgraft", rest[1:]
        named = [program, *rest[:1]] if rest and not rest[0].startswith("-") else [program]
        if program == "meshgraft" and len(named) == 2:
            self.assertIn(f"  {named[1]} ", self.help_of("meshgraft"), command)
        flags = self.help_of(*named)
        if "--" in rest:
            rest = rest[:rest.index("--")]
        for word in rest:
            if re.match(r"--?[A-Za-z]", word):
                flag = word.split("=")[0]
                self.assertRegex(flags, rf"(?m)(^|[\s,]){re.escape(flag)}\b", f"{command}: no flag {flag}")

    def run_page(self, page, all_commands, folder):
        """One shell for the whole page; [(command, status, its output)]."""
        for name in ("deploy", "charts", "docs", "tests", "build"):
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        (folder / "manifests").symlink_to(ROOT / "deploy" / "sample")
        script = ["trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
        for number, command in enumerate(all_commands):
            script += [f"echo '@@ {number}'", f"{{ {command.rstrip('&')} {'&' if command.endswith('&') else ';'} }} 2>&1",
                       f"echo '@@ {number} ended' $?"]
        done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, text=True, timeout=1800,
                              env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        found = []
        for number, command in enumerate(all_commands):
            match = re.search(rf"@@ {number}\n(.*?)@@ {number} ended (\d+)$", done.stdout, re.DOTALL | re.MULTILINE)
            self.assertIsNotNone(match, f"{page}: {command} did not end:\n{done.stdout[-2000:]}")
            found.append((command, int(match[2]), match[1]))
        return found

    def check_page(self, page):
        run, looked_up = [], []
        for words, text in blocks(page):
            for command in commands(text):
                if words == "cluster" or command.startswith("./"):
                    looked_up.append(command)
                else:
                    run.append(command)
        for command in looked_up:
            with self.subTest(page, command=command):
                self.look_up(command)
        if not run:
            return
        with tempfile.TemporaryDirectory(prefix="meshgraft-docs-") as name:
            folder = Path(name)
            if not any(command.startswith("meshgraft-sandbox -f") for command in run):
                sandbox = Process("sandbox", [binary("meshgraft-sandbox"), "-f", ROOT / "deploy" / "sample",
                                              "--kubeconfig-out", folder / "kubeconfig"], folder)
                self.addCleanup(sandbox.stop)
                sandbox.wait_for(lambda: "KUBECONFIG=" in sandbox.log.read_text(), 60, "the sandbox serves")
                run.insert(0, "export KUBECONFIG=$PWD/kubeconfig")
            for command, status, output in self.run_page(page, run, folder):
                with self.subTest(page, command=command):
                    # 2 of plan and check: there are changes, there are findings.
                    allowed = (0, 2) if re.match(r"(meshgraft|kubectl meshgraft) (plan|check|undo)\b", command) else (0,)
                    self.assertIn(status, allowed, output[-1500:])

    def test_every_page_with_commands_is_among_those_that_are_run(self):
        found = {str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
                 if re.search(r"^```sh", p.read_text(), re.MULTILINE)}
        self.assertEqual(found, {*PAGES, *TRANSLATIONS})

    def test_the_code_in_contributing_compiles(self):
        found = re.findall(r"^```cpp\n(.*?)^```$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
        self.assertEqual(len(found), 2)
        for code in found:
            code = code.replace("#pragma once\n", "")
            done = subprocess.run(["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", f"-I{ROOT}", "-x", "c++", "-"],
                                  input=code, text=True, capture_output=True, timeout=1200)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_links_between_pages_lead_somewhere(self):
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
                with self.subTest(page.name, link=target):
                    self.assertTrue((page.parent / target).exists(), target)

    def test_a_translation_has_the_commands_of_the_page_that_is_run(self):
        for page, original in TRANSLATIONS.items():
            self.assertIn(original, PAGES)
            both = [[(words, commands(text)) for words, text in blocks(p)] for p in (page, original)]
            self.assertEqual(*both, page)


def page_test(page):
    def test(self):
        self.check_page(page)
    return test


for _page in PAGES:
    setattr(Docs, f"test_commands_of_{re.sub(r'[^a-z]+', '_', _page.lower())}_work", page_test(_page))


if __name__ == "__main__":
    unittest.main()
