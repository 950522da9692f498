"""No rule of the ClusterRole goes unused: read when every other file of the tier has ended."""

import subprocess
import unittest

import yaml

from programs import binary
from rights import noted

# What nothing in this tier need give cause to: an object is looked at by itself when the server finds a write to it
# invalid, and when a plan wants to know whose a field is.
NO_CAUSE = {"get"}
# Who follows a kind needs both, and which of the two is asked is the API server's doing: a stream that begins with every
# object where it offers that, pages where it does not, forbids, or stood still. So one of them is cause enough for both.
FOLLOWING = {"list", "watch"}


class Rights(unittest.TestCase):
    maxDiff = None

    def test_every_right_is_used_by_some_scenario_as_the_charts_service_account(self):
        used = noted()
        self.assertTrue(used, "this judges the whole tier: tests/e2e/run.sh without names")
        printed = subprocess.run([binary("meshgraft"), "reference", "rbac"], capture_output=True, text=True, check=True)
        granted = {(group, resource, verb) for rule in yaml.safe_load(printed.stdout) for group in rule["apiGroups"]
                   for resource in rule["resources"] for verb in rule["verbs"]}
        seen = set().union(*used.values())
        followed = {(group, resource) for group, resource, verb in seen if verb in FOLLOWING}
        unused = {(resource, verb) for group, resource, verb in granted - seen
                  if verb not in NO_CAUSE and not (verb in FOLLOWING and (group, resource) in followed)}
        self.assertEqual(sorted(unused), [], "granted and never used")


if __name__ == "__main__":
    unittest.main()
