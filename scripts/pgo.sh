#!/usr/bin/env bash
# Renews what the release build knows of what runs often (pgo/README.md): builds the program with counters, puts it
# under the load of benches/whole/train.py for a minute, and keeps what it has counted in pgo/. Does it for both
# programs that are given to users: that of `cargo build --release`, and the image's, whose functions have other
# names. Needs wrk, redis-server, python3, cargo-auditable where the image has it, and the llvm-profdata of rustc's LLVM.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/pgo
host=$(rustc -vV | sed -n 's/^host: //p')
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
profdata=${LLVM_PROFDATA:-$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata}
command -v "$profdata" >/dev/null || profdata=llvm-profdata-$major
# The Dockerfile's. Cargo makes the path of a program that stands before the compiler part of the names.
auditable=/usr/local/cargo/bin/cargo-auditable

missing() { echo "error: $1 is missing: $2" >&2; exit 2; }
command -v "$profdata" >/dev/null || missing "llvm-profdata of LLVM $major" "rustup component add llvm-tools, or apt-get install llvm-$major"
command -v wrk >/dev/null || missing wrk "apt-get install wrk"
command -v redis-server >/dev/null || missing redis-server "apt-get install redis-server"
[ -x "$auditable" ] || missing "$auditable" "cargo install --locked --version 0.7.7 --root ${auditable%/bin/*} cargo-auditable"

count() {
  local name=$1 builder=$2
  shift 2
  echo "==> $name: building with counters"
  OTP_SIDECAR_PGO=$target/counts CARGO_TARGET_DIR=$target/$name "$builder" "$@"
  echo "==> $name: under load"
  python3 benches/whole/train.py --peers "$target/peers/release" --policies policies \
    --sidecar "$target/$name/release/otp-sidecar"
}

rm -rf "$target/counts"
OTP_SIDECAR_PGO=off CARGO_TARGET_DIR=$target/peers cargo build --locked --release --manifest-path benches/whole/peers/Cargo.toml
count release cargo build --locked --release --bin otp-sidecar
count image "$auditable" auditable build --locked --release --bin otp-sidecar --no-default-features
"$profdata" merge --sparse -o pgo/otp-sidecar.profdata "$target"/counts/*.profraw
rustc --version > pgo/compiler
ls -l pgo/otp-sidecar.profdata
