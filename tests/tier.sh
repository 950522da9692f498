# What the tiers in Python (chart, monitoring, e2e) begin with: sourced by their run.sh, which sets `tier` before and
# stands in its own folder afterwards. Never run by itself.
#   MESHGRAFT_BIN_DIR=build/dev/bin tests/TIER/run.sh [test name…]
# The last line is for ./test: RESULT passed=N failed=N skipped=N
# A machine that cannot run a tier says SKIPPED with the reason and exits 0; with REQUIRE_E2E=1 that is a failure.
set -uo pipefail
[ -z "${MESHGRAFT_BIN_DIR:-}" ] || MESHGRAFT_BIN_DIR=$(realpath "$MESHGRAFT_BIN_DIR")
export MESHGRAFT_BIN_DIR
cd "$(dirname "${BASH_SOURCE[0]}")/$tier" || exit 1

cannot_run() {
  local tests
  tests=$(cat test_*.py | grep -c '^    def test_')
  echo "SKIPPED $tier: $*"
  if [ "${REQUIRE_E2E:-}" = 1 ]; then
    echo "and REQUIRE_E2E=1 asks for it: a failure"
    echo "RESULT passed=0 failed=$tests skipped=0"
    exit 1
  fi
  echo "RESULT passed=0 failed=0 skipped=$tests"
  exit 0
}

# need_tools WHAT REASON: sets `tools` to what scripts/tools.sh WHAT prints; REASON is said where this machine cannot have it.
need_tools() {
  tools=$(../../scripts/tools.sh "$1")
  case $? in
    0) ;;
    3) cannot_run "$2 (the line above says why)" ;;
    *)
      echo "scripts/tools.sh $1 failed"
      echo "RESULT passed=0 failed=1 skipped=0"
      exit 1
      ;;
  esac
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || cannot_run "no Python 3.11 or later"
python3 -c 'import yaml' 2>/dev/null || cannot_run "Python lacks yaml: install the package python3-yaml"
