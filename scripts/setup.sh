#!/usr/bin/env bash
# Makes everything ready to run: dependencies, engine, images, build. What is there already is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT

fail() { echo "setup: $*" >&2; exit 1; }
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2; return 1; }; }
# step NAME COMMAND...
step() {
  local name=$1 started=$SECONDS
  shift
  "$@" </dev/null || fail "$name failed"
  printf '%-24s %3d s\n' "$name" $((SECONDS - started))
}
dependencies() {
  if [ node_modules/.package-lock.json -nt package-lock.json ]; then return; fi
  npm ci && touch node_modules/.package-lock.json
}

command -v node >/dev/null || fail "Node.js 20.15 or newer is needed"
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 15) ? 0 : 1)' ||
  fail "Node.js 20.15 or newer is needed, this is $(node --version)"

step dependencies quietly dependencies
step engine bash scripts/engine.sh
step images bash scripts/images.sh
step build quietly npm run --silent build
