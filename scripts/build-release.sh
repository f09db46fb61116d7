#!/usr/bin/env bash
# Builds the release twice: first with counters, which learn under load what runs how often, then for good,
# with what runs often laid out together and what hardly runs out of the way (profile-guided optimisation).
# Needs python3, wrk and the llvm-profdata of rustc's LLVM. The result is target/trained/otp-sidecar; further
# arguments, such as --no-default-features, go to cargo. Nothing depends on it: `cargo build --release`
# builds the same program, which takes some 4 to 9 % more CPU time for a passed request (benches/README.md).
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
host=$(rustc -vV | sed -n 's/^host: //p')
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
profdata=${LLVM_PROFDATA:-$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata}
command -v "$profdata" >/dev/null || profdata=llvm-profdata-$major
command -v "$profdata" >/dev/null || {
  echo "error: no llvm-profdata of LLVM $major: rustup component add llvm-tools, or apt-get install llvm-$major" >&2
  exit 2
}
for needed in wrk python3; do
  command -v "$needed" >/dev/null || { echo "error: $needed is missing: apt-get install $needed" >&2; exit 2; }
done

# With a target of its own, so that build scripts are built without the flags. Both builds are of the same
# folder: names of functions depend on it, and the profile knows functions by their names.
build() {
  local into=$1 flags=$2
  shift 2
  CARGO_TARGET_DIR=$target/training/$into RUSTFLAGS="${RUSTFLAGS:-} $flags" \
    cargo build --locked --release --bin otp-sidecar --target "$host" "$@"
  built=$target/training/$into/$host/release/otp-sidecar
}
profiles=$target/training/profiles

echo "==> building with counters"
# Cargo does not see that crates of a registry would be built with another profile than the last time.
rm -rf "$profiles" "$target/training/final"
build counted "-Cprofile-generate=$profiles" "$@"
CARGO_TARGET_DIR=$target/peers cargo build --locked --release --manifest-path benches/whole/peers/Cargo.toml
echo "==> training"
python3 benches/whole/train.py --peers "$target/peers/release" --sidecar "$built" --policies policies
"$profdata" merge -o "$profiles/merged.profdata" "$profiles"/*.profraw
echo "==> building for good"
build final "-Cprofile-use=$profiles/merged.profdata -Clink-arg=-Wl,-z,keep-text-section-prefix" "$@"
mkdir -p "$target/trained"
cp "$built" "$target/trained/otp-sidecar"
echo "==> $target/trained/otp-sidecar"
