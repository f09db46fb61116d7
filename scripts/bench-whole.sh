#!/usr/bin/env bash
# Compares the release build with HAProxy, nginx and a bare hyper proxy: CPU time per request, and memory
# with idle connections. Installs what is missing (apt). With --plain as the first argument a build without the
# profile of pgo/ is compared, too. Further arguments go to benches/whole/compare.py.
set -euo pipefail
cd "$(dirname "$0")/.."

with_plain=
if [ "${1:-}" = --plain ]; then
  with_plain=yes
  shift
fi

wanted=()
command -v haproxy >/dev/null || wanted+=(haproxy)
command -v nginx   >/dev/null || wanted+=(nginx-light)
command -v wrk     >/dev/null || wanted+=(wrk)
if [ ${#wanted[@]} -gt 0 ]; then
  as_root=(); [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "==> installing ${wanted[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"
fi

target=${CARGO_TARGET_DIR:-target}
cargo build --locked --release
OTP_SIDECAR_PGO=off CARGO_TARGET_DIR=$target/peers cargo build --locked --release --manifest-path benches/whole/peers/Cargo.toml

export JWT_SECRET=a-secret-for-measuring-that-is-long-enough
# No mail is sent: nothing here asks for a code.
options="serve --listen LISTEN --admin-listen ADMIN --upstream http://BACKEND --policies policies \
  --smtp smtp://127.0.0.1:1?tls=none --mail-from otp@example.com"
sidecars=(--sidecar "$target/release/otp-sidecar $options")
if [ "$with_plain" ]; then
  OTP_SIDECAR_PGO=off CARGO_TARGET_DIR=$target/plain cargo build --locked --release
  sidecars+=(--plain "$target/plain/release/otp-sidecar $options")
fi
exec python3 benches/whole/compare.py --peers "$target/peers/release" "${sidecars[@]}" "$@"
