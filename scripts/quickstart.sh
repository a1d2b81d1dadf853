#!/usr/bin/env bash
# From a fresh clone to a running server: sets up, starts it, runs the sample against it, and stays until Ctrl-C.
# Usage: quickstart.sh [--once]   (--once: ends after the sample, with the sample's exit code)
# HOST and PORT say where the server listens.
set -euo pipefail
cd "$(dirname "$0")/.."

export HOST=${HOST:-127.0.0.1} PORT=${PORT:-5000}
case $HOST in 0.0.0.0) address=127.0.0.1 ;; ::) address="[::1]" ;; *:*) address="[$HOST]" ;; *) address=$HOST ;; esac
log=$PWD/codebeaker.log
server=

fail() { echo "quickstart: $*" >&2; exit 1; }
case "$*" in '' | --once) once=${1:-} ;; *) fail "usage: quickstart.sh [--once]" ;; esac
command -v node >/dev/null || fail "Node.js 20.15 or newer is needed"

# shellcheck disable=SC2016 # the dollars below are JavaScript's
port_is_free() {
  node -e '
    const server = require("net").createServer();
    server.on("error", (error) => { console.error(`quickstart: cannot listen on ${process.env.HOST}:${process.env.PORT}: ${error.code}`); process.exit(1); });
    server.listen(Number(process.env.PORT), process.env.HOST, () => server.close());
  '
}
# shellcheck disable=SC2016
# until the server is ready, has died, or 60 s have gone by
is_ready() {
  node -e '
    const [url, pid] = process.argv.slice(1);
    const end = Date.now() + 60_000;
    let last = "no answer";
    (async () => {
      while (Date.now() < end) {
        try {
          const reply = await fetch(url, { signal: AbortSignal.timeout(5_000) });
          if (reply.ok) process.exit(0);
          last = await reply.text();
        } catch {}
        try { process.kill(Number(pid), 0); } catch { last = "it has ended"; break; }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      console.error(`quickstart: the server is not ready: ${last}`);
      process.exit(1);
    })();
  ' "http://$address:$PORT/health/ready" "$server"
}
stop() {
  local status=$?
  trap - EXIT
  trap '' INT TERM
  if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then
    for _ in $(seq 150); do kill -0 "$server" 2>/dev/null || break; sleep 0.1; done
    if kill -KILL "$server" 2>/dev/null; then echo "quickstart: the server did not end by itself within 15 s" >&2; fi
  fi
  exit $status
}

port_is_free || fail "is a server running there already? Choose another port: PORT=5050 npm run quickstart"
bash scripts/setup.sh

trap stop EXIT
trap 'exit 130' INT TERM
# a process group of its own: Ctrl-C reaches us alone, and we end the server once
set -m
node dist/apps/api/src/main.js </dev/null >"$log" 2>&1 &
server=$!
set +m
is_ready || { tail -n 30 "$log" >&2; exit 1; }

status=0
node scripts/sample.mjs "ws://$address:$PORT/ws/jsonrpc" || status=$?
if [ -n "$once" ] || [ $status != 0 ]; then exit $status; fi

echo "The server listens on ws://$address:$PORT/ws/jsonrpc and logs to ${log##*/}. Ctrl-C ends it."
trap 'exit 0' INT TERM
wait "$server" || { status=$?; tail -n 30 "$log" >&2; echo "quickstart: the server has ended" >&2; server=; exit $status; }
