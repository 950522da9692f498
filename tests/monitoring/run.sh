#!/usr/bin/env bash
# The monitoring tier: a real Prometheus scrapes a real `meshgraft run` on the sandbox, and evaluates every expression of
# dashboards and alerts.
#   MESHGRAFT_BIN_DIR=build/dev/bin tests/monitoring/run.sh [test name…]
# The last line is for ./test: RESULT passed=N failed=N skipped=N
# A machine where Prometheus cannot be had says SKIPPED with the reason and exits 0; with REQUIRE_E2E=1 that is a failure.
set -uo pipefail
[ -z "${MESHGRAFT_BIN_DIR:-}" ] || MESHGRAFT_BIN_DIR=$(realpath "$MESHGRAFT_BIN_DIR")
export MESHGRAFT_BIN_DIR
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

cannot_run() {
  local tests
  tests=$(cat test_*.py | grep -c '^    def test_')
  echo "SKIPPED monitoring: $*"
  if [ "${REQUIRE_E2E:-}" = 1 ]; then
    echo "and REQUIRE_E2E=1 asks for it: a failure"
    echo "RESULT passed=0 failed=$tests skipped=0"
    exit 1
  fi
  echo "RESULT passed=0 failed=0 skipped=$tests"
  exit 0
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || cannot_run "no Python 3.11 or later"
python3 -c 'import yaml' 2>/dev/null || cannot_run "Python lacks yaml: install the package python3-yaml"
PROMETHEUS=$(../../scripts/tools.sh monitoring)
case $? in
  0) export PROMETHEUS ;;
  3) cannot_run "no Prometheus (the line above says why)" ;;
  *)
    echo "scripts/tools.sh monitoring failed"
    echo "RESULT passed=0 failed=1 skipped=0"
    exit 1
    ;;
esac
PYTHONPATH=$PWD:$PWD/../e2e exec python3 -B ../e2e/run.py "$@"
