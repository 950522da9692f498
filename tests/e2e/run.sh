#!/usr/bin/env bash
# The e2e tier: meshgraft against a real control plane without containers. How it is called and ends: tests/tier.sh.
tier=e2e
. "$(dirname "${BASH_SOURCE[0]}")/../tier.sh"
command -v openssl >/dev/null || cannot_run "openssl is not installed"
need_tools e2e "no Go toolchain to build the control plane with"
exec python3 -B run.py "$@"
