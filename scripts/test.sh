#!/usr/bin/env bash
# All tests, from a fresh clone on: sets up, then counts. The last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh || { echo "0 passed, 1 failed"; exit 1; }
exec node scripts/test.mjs "$@"
