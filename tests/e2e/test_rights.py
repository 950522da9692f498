"""No rule of the ClusterRole goes unused: read when every other file of the tier has ended."""

import subprocess
import unittest

import yaml

from programs import binary
from rights import noted

# (resource, verb) that is granted and that nothing in this tier gives cause to use -> what would.
LOOKED_AT = "the server finds a write invalid: the object itself tells whether it is still the same"
NO_CAUSE = {
    ("controllerrevisions", "get"): LOOKED_AT,
    ("namespaces", "get"): LOOKED_AT,
    ("replicasets", "get"): LOOKED_AT,
}


class Rights(unittest.TestCase):
    maxDiff = None

    def test_every_right_is_used_by_some_scenario_as_the_charts_service_account(self):
        used = noted()
        self.assertTrue(used, "this judges the whole tier: tests/e2e/run.sh without names")
        printed = subprocess.run([binary("meshgraft"), "reference", "rbac"], capture_output=True, text=True, check=True)
        granted = {(group, resource, verb) for rule in yaml.safe_load(printed.stdout) for group in rule["apiGroups"]
                   for resource in rule["resources"] for verb in rule["verbs"]}
        unused = {(resource, verb) for _, resource, verb in granted - set().union(*used.values())}
        self.assertEqual(sorted(unused - set(NO_CAUSE)), [], "granted and never used")
        self.assertEqual(sorted(set(NO_CAUSE) - unused), [], "used after all: no longer an exception")


if __name__ == "__main__":
    unittest.main()
