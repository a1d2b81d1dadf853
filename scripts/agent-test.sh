#!/usr/bin/env bash
# Runs the agent's own checks (gofmt, go vet, go test) in a container, so that no Go is needed here.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
export DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock} BUILDX_BUILDER=default BUILDKIT_PROGRESS=plain
if ! docker buildx version >/dev/null 2>&1; then export DOCKER_BUILDKIT=0; fi

# the sandbox's Go image has its library compiled, which else takes longer than the tests
bash "$root/scripts/images.sh" --only golang
# a new TEST each time: nothing of an earlier run is taken for this one
docker build --force-rm --target test --build-arg BASE=codebeaker-golang --build-arg "TEST=$(date +%s)-$$" \
  -t codebeaker-agent-test "$root/docker/agent" </dev/null 2>&1 | sed '/^DEPRECATED/,/^$/d'
docker rmi --no-prune codebeaker-agent-test >/dev/null
