"""No rule of the ClusterRole goes unused: read when every other file of the tier has ended."""

import subprocess
import unittest

import yaml

from programs import binary
from rights import noted

# What nothing in this tier need give cause to: an object is looked at by itself when the server finds a write to it
# invalid, and when a plan wants to know whose a field is.
NO_CAUSE = {"get"}


class Rights(unittest.TestCase):
    maxDiff = None

    def test_every_right_is_used_by_some_scenario_as_the_charts_service_account(self):
        used = noted()
        self.assertTrue(used, "this judges the whole tier: tests/e2e/run.sh without names")
        printed = subprocess.run([binary("meshgraft"), "reference", "rbac"], capture_output=True, text=True, check=True)
        granted = {(group, resource, verb) for rule in yaml.safe_load(printed.stdout) for group in rule["apiGroups"]
                   for resource in rule["resources"] for verb in rule["verbs"]}
        unused = {(resource, verb) for _, resource, verb in granted - set().union(*used.values()) if verb not in NO_CAUSE}
        self.assertEqual(sorted(unused), [], "granted and never used")


if __name__ == "__main__":
    unittest.main()
