#!/usr/bin/env bash
# Installs what builds and checks the page, and what its tests drive: Node.js, Chromium, and the
# packages of web/package-lock.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
run_as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
if [ "${#missing[@]}" -gt 0 ]; then
  run_as_root apt-get update -q
  run_as_root apt-get install -qy --no-install-recommends "${missing[@]}"
fi
(cd web && npm ci --no-audit --no-fund)
