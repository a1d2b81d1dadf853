#!/usr/bin/env bash
# Builds the images of the agent and of the languages: those that are missing, and those whose sources have changed.
# Usage: images.sh [--only python,nodejs]
# CODEBEAKER_BASES says what they are built on: official (pulled), local (scripts/bases.sh), or auto: official where
# they are there or can be pulled. IMAGE_TAG is their tag, as it is the server's: two checkouts can share an engine.
set -euo pipefail

all="agent python python-data nodejs golang dotnet"
root=$(cd "$(dirname "$0")/.." && pwd)
bases=${CODEBEAKER_BASES:-auto}
tag=${IMAGE_TAG:-latest}
export DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock} # the server's engine, whatever the client's context says
export BUILDX_BUILDER=default                                  # other builders keep what they build to themselves
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "images: $*" >&2; exit 1; }

wanted=$all
if [ $# = 2 ] && [ "$1" = --only ]; then wanted=${2//,/ }; elif [ $# != 0 ]; then fail "usage: images.sh [--only ${all// /,}]"; fi
# one is built on another of them
case " $wanted " in *" python-data "*) case " $wanted " in *" python "*) ;; *) wanted="python $wanted" ;; esac ;; esac
for name in $wanted; do
  case " $all " in *" $name "*) ;; *) fail "no image is called $name; there are: $all" ;; esac
done
case $bases in official | local | auto) ;; *) fail "CODEBEAKER_BASES is official, local or auto, not $bases" ;; esac
if command -v sha256sum >/dev/null; then sha=(sha256sum); else sha=(shasum -a 256); fi

context() { if [ "$1" = agent ]; then echo "$root/docker/agent"; else echo "$root/docker/images/$1"; fi; }
official() { sed -n 's/^ARG BASE=//p' "$(context "$1")/Dockerfile"; }
local_base() { if [ "$1" = agent ]; then echo codebeaker-base:golang; else echo "codebeaker-base:$1"; fi; }
# what an image is made of: its own files, and its base or the recipe of its base
fingerprint() {
  (
    cd "$(context "$1")"
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 "${sha[@]}"
    if [ "$1" = python-data ]; then label python
    elif [ "$2" = "$(local_base "$1")" ]; then "${sha[@]}" <"$root/scripts/bases.sh"; else echo "$2"; fi
  ) | "${sha[@]}" | cut -c1-64
}
label() { docker image inspect -f '{{index .Config.Labels "codebeaker.source"}}' "codebeaker-$1:$tag" 2>/dev/null; }
up_to_date() {
  local have
  have=$(label "$1") || return 1
  if [ "$1" = python-data ]; then
    [ "$have" = "$(fingerprint "$1" "")" ]
    return
  fi
  [ "$bases" = local ] || [ "$have" != "$(fingerprint "$1" "$(official "$1")")" ] || return 0
  [ "$bases" = official ] || [ "$have" != "$(fingerprint "$1" "$(local_base "$1")")" ] || return 0
  return 1
}

# a registry that cannot be reached answers nothing for minutes; one that is only slow soon names the layers
pull() {
  local log=$scratch/pull tries=0 client
  : >"$log"
  docker pull "$1" >"$log" 2>&1 </dev/null &
  client=$!
  while kill -0 $client 2>/dev/null && ! grep -q 'Pulling fs layer\|Already exists' "$log"; do
    tries=$((tries + 1))
    if [ $tries = 200 ]; then kill $client; echo "no answer within 20 s" >>"$log"; fi
    sleep 0.1
  done
  if kill -0 $client 2>/dev/null; then echo "pulling $1"; fi
  wait $client
}
no_registry=
base_of() { # sets base
  if [ "$1" = python-data ]; then
    base=codebeaker-python:$tag
    return
  fi
  base=$(official "$1")
  if [ "$bases" = official ]; then return; fi # the build pulls it
  if [ "$bases" = auto ]; then
    if docker image inspect "$base" >/dev/null 2>&1; then return; fi
    if [ -z "$no_registry" ]; then
      if pull "$base"; then return; fi
      no_registry=1
      echo "$base cannot be pulled ($(tail -n 1 "$scratch/pull")): building local bases"
    fi
  fi
  base=$(local_base "$1")
}

# what the server says the toolchain's version is: asked of the toolchain itself
version_in() {
  case $1 in
    python | python-data) set -- "$2" python3 --version ;;
    nodejs) set -- "$2" node --version ;;
    golang) set -- "$2" go env GOVERSION ;;
    dotnet) set -- "$2" dotnet --version ;;
    *) return ;;
  esac
  docker run --rm --network none -e DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$@" 2>/dev/null </dev/null | sed 's/^[^0-9]*//' | head -n 1
}

build() {
  local name=$1 base=$2 started log=$scratch/build-$1 options=()
  if [ "$base" = "$(local_base "$name")" ]; then
    bash "$root/scripts/bases.sh" "${base#*:}" || return 1
    options=(--network host) # without a registry there is often no network behind the engine's bridge either
  fi
  if [ "$name" = python-data ]; then
    # its packages come the way the base below has come
    case $(docker image inspect -f '{{index .Config.Labels "codebeaker.base"}}' "$base") in codebeaker-base:*) options=(--network host) ;; esac
  fi
  started=$SECONDS
  options+=(--label "codebeaker.version=$(version_in "$name" "$base")")
  options+=(--build-arg "BASE=$base" --label "codebeaker.source=$(fingerprint "$name" "$base")" --label "codebeaker.base=$base")
  if ! docker build --force-rm "${options[@]}" -t "codebeaker-$name:$tag" "$(context "$name")" >"$log" 2>&1 </dev/null; then
    sed '/^DEPRECATED/,/^$/d' "$log" >&2
    echo "images: codebeaker-$name could not be built" >&2
    return 1
  fi
  printf '%-24s %3d s  on %s\n' "codebeaker-$name" $((SECONDS - started)) "$base"
}

todo=
later=
for name in ${wanted/python-data/}; do up_to_date "$name" || todo="$todo $name"; done
case " $wanted " in *" python-data "*)
  case " $todo " in *" python "*) later=python-data ;; *) up_to_date python-data || later=python-data ;; esac
  ;;
esac
if [ -z "$todo$later" ]; then exit; fi

docker version >/dev/null 2>&1 || fail "no Docker engine answers at $DOCKER_HOST: run scripts/engine.sh"
# newer clients have BuildKit as a plugin only, and fail when asked for it without one
if ! docker buildx version >/dev/null 2>&1; then export DOCKER_BUILDKIT=0; fi

# side by side: some wait for the network while others compile
jobs=
for name in $todo; do
  base_of "$name"
  build "$name" "$base" &
  jobs="$jobs $!"
done
status=0
for job in $jobs; do wait "$job" || status=1; done
if [ -n "$later" ] && [ $status = 0 ]; then
  base_of "$later"
  build "$later" "$base" || status=1
fi
# what earlier builds have left; an hour, for a build that goes on elsewhere leaves its steps lying about as well
docker image prune -f --filter label=codebeaker.source --filter until=1h >/dev/null || true
exit $status
