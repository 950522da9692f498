#!/usr/bin/env bash
# The chart tier: the chart under the real helm, the plain manifests, the image, what a shell completes. How it is
# called and ends: tests/tier.sh.
tier=chart
. "$(dirname "${BASH_SOURCE[0]}")/../tier.sh"
need_tools helm "no Go toolchain to build helm with"
HELM=$tools PYTHONPATH=$PWD exec python3 -B ../e2e/run.py "$@"
