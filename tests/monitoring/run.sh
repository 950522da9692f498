#!/usr/bin/env bash
# The monitoring tier: a real Prometheus scrapes a real `meshgraft run` on the sandbox, and evaluates every expression of
# dashboards and alerts. How it is called and ends: tests/tier.sh.
tier=monitoring
. "$(dirname "${BASH_SOURCE[0]}")/../tier.sh"
need_tools monitoring "no Prometheus"
PROMETHEUS=$tools PYTHONPATH=$PWD:$PWD/../e2e exec python3 -B ../e2e/run.py "$@"
