#!/usr/bin/env bash
# Makes sure that a Docker engine answers and that a client is there to build with.
# Takes the engine of DOCKER_HOST or of the usual socket; as root on Debian or Ubuntu it installs and starts one.
set -euo pipefail

export PATH=$PATH:/usr/sbin:/sbin # a root shell made by su lacks them
host=${DOCKER_HOST:-unix:///var/run/docker.sock}
log=/var/log/codebeaker-dockerd.log

answers() {
  case $host in
    unix://*) ping_unix "${host#unix://}" ;;
    tcp://* | http://*) if [ -n "${DOCKER_TLS_VERIFY:-}" ]; then ping_client; else ping_http "http://${host#*://}"; fi ;;
    *) ping_client ;; # ssh: the client knows the keys
  esac
}
ping_unix() {
  [ -S "$1" ] || return 1
  if command -v curl >/dev/null; then curl -fs --max-time 5 --unix-socket "$1" http://engine/_ping >/dev/null; else ping_node "$1"; fi
}
ping_http() {
  if command -v curl >/dev/null; then curl -fs --max-time 5 "${1%/}/_ping" >/dev/null; else ping_node "$1"; fi
}
ping_node() {
  node -e '
    const [at] = process.argv.slice(1);
    const target = at.startsWith("http") ? [at.replace(/\/$/, "") + "/_ping", {}] : [{ socketPath: at, path: "/_ping" }];
    const fail = () => process.exit(1);
    setTimeout(fail, 5000).unref();
    require("http").get(...target, (reply) => process.exit(reply.statusCode === 200 ? 0 : 1)).on("error", fail);
  ' "$1"
}
ping_client() { command -v docker >/dev/null && docker version >/dev/null 2>&1; }

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
install() {
  echo "engine: installing $*"
  apt-get update -qq </dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null >/dev/null
}
install_client() {
  # Debian 13 has the client in a package of its own, older releases have it in docker.io
  apt-get update -qq </dev/null
  if apt-cache policy docker-cli 2>/dev/null | grep -q 'Candidate: [0-9]'; then install docker-cli; else install docker.io; fi
}

give_up() {
  local line
  for line in "$@"; do echo "engine: $line" >&2; done
  exit 1
}
explain() {
  local other
  if [ -n "${DOCKER_HOST:-}" ]; then
    give_up "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST" "Start it there, or unset DOCKER_HOST to use the engine of this machine."
  fi
  if [ -S "${host#unix://}" ] && [ ! -w "${host#unix://}" ]; then
    give_up "you may not use ${host#unix://}" "Run: sudo usermod -aG docker $(id -un)   and log in again."
  fi
  other=$(docker context inspect -f '{{.Endpoints.docker.Host}}' 2>/dev/null || true)
  if [ -n "$other" ] && [ "$other" != "$host" ]; then
    give_up "no Docker engine answers at $host, but your docker client uses another one" "Run: export DOCKER_HOST=$other"
  fi
  case $(uname -s) in
    Darwin) give_up "no Docker engine answers at $host" "Install and start Docker Desktop, OrbStack or Colima, then run this again." ;;
    *)
      give_up "no Docker engine answers at $host" \
        "Debian, Ubuntu: sudo apt-get install docker.io && sudo usermod -aG docker $(id -un)   and log in again." \
        "Others: install Docker Engine (package docker or moby-engine) and start its service."
      ;;
  esac
}

start_engine() {
  if [ -d /run/systemd/system ] && systemctl cat docker.service >/dev/null 2>&1; then
    systemctl start docker
  else
    start_dockerd
  fi
  for _ in $(seq 300); do
    if answers; then return; fi
    if [ -n "${dockerd_pid:-}" ] && ! kill -0 "$dockerd_pid" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if [ -n "${dockerd_pid:-}" ]; then tail -n 20 "$log" >&2; fi
  give_up "the Docker engine was started but does not answer at $host"
}
start_dockerd() {
  local pidfile=/var/run/docker.pid pid
  mountpoint -q /sys/fs/cgroup || give_up "no control groups are mounted at /sys/fs/cgroup: containers cannot run here"
  # dockerd refuses to start when its pid-file names any living process, even one that only inherited the number
  if [ -s "$pidfile" ]; then
    pid=$(cat "$pidfile")
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != dockerd ]; then rm -f "$pidfile"; fi
  fi
  # its own session and no descriptor of ours: it outlives this script, and whoever reads our output sees the end of it
  setsid dockerd -H "$host" --pidfile "$pidfile" </dev/null >>"$log" 2>&1 9>&- &
  dockerd_pid=$!
}

if ! answers; then
  if [ -n "${DOCKER_HOST:-}" ] || [ "$(uname -s)" != Linux ]; then explain; fi
  if [ "$(id -u)" != 0 ]; then explain; fi
  exec 9>/run/codebeaker-engine.lock
  flock 9 # two of us at once would start two engines
  if ! answers; then
    if ! command -v dockerd >/dev/null; then
      can_install || explain
      install docker.io iptables
    fi
    start_engine
    echo "engine: started"
  fi
  exec 9>&-
fi

if ! command -v docker >/dev/null; then
  can_install || give_up "an engine answers at $host, but there is no docker client to build images with" \
    "Debian 13: sudo apt-get install docker-cli   Debian 12, Ubuntu: docker.io   mac: brew install docker"
  install_client
fi
