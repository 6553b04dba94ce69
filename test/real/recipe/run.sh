#!/usr/bin/env bash
# Boots Debian's cloud kernel in QEMU, makes it stall, dumps it in every format, and checks what
# stallcore says of each dump against what the guest itself said. `npm run real` calls this.
#
#	STALLCORE_REAL_DIR    where the dumps go and stay; else a temporary folder
#	STALLCORE_REAL_ACCEL  tcg: do without /dev/kvm
#	STALLCORE_REAL_DEB    image package to boot (linux-image-RELEASE_….deb); else today's

set -euo pipefail
cd "$(dirname "$0")/../../.."

need=(qemu-system-x86_64:qemu-system-x86 gcc:gcc dpkg-deb:dpkg makedumpfile:makedumpfile)
missing=()
for each in "${need[@]}"; do
  command -v "${each%%:*}" >/dev/null || missing+=("${each##*:}")
done
[ -e /usr/lib/x86_64-linux-gnu/libc.a ] || missing+=(libc6-dev)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "please install: ${missing[*]}" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -q install -y --no-install-recommends "${missing[@]}"
fi

if [ -z "${STALLCORE_REAL_DIR:-}" ]; then
  STALLCORE_REAL_DIR=$(mktemp -d)
  trap 'rm -rf "$STALLCORE_REAL_DIR"' EXIT
fi
export STALLCORE_REAL_DIR

npm run --silent build
node --import=tsx test/real/recipe/main.ts "$STALLCORE_REAL_DIR"
npx mocha --no-package --node-option import=tsx --forbid-only --timeout 120000 \
  'test/real/*.real.ts'
