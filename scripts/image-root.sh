#!/usr/bin/env bash
# Puts together everything that the image holds: the program, the libraries that it is linked with, the certificates
# of public authorities, and the notes by which scanners know what these are. No shell, no package manager.
#
#   scripts/image-root.sh PROGRAM FOLDER     on Debian, as the Dockerfile does; needs no root
set -euo pipefail
program=$1
root=$2

install -D -m 755 "$program" "$root/otp-sidecar"

# Every library, at the place where the loader looks for it.
ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
  install -D -m 755 "$(readlink -f "$library")" "$root$library"
done

# For relays, Redis, key sets and collectors behind public certificates.
install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

# Files first, then the cluster's DNS.
mkdir -p "$root/etc" "$root/tmp"
chmod 1777 "$root/tmp"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
echo 'otp:x:65532:65532:otp-sidecar:/:/otp-sidecar' >"$root/etc/passwd"
echo 'otp:x:65532:' >"$root/etc/group"

# What the libraries are, in the form in which scanners look for it in images without a package manager.
cp -L /etc/os-release "$root/etc/os-release"
mkdir -p "$root/var/lib/dpkg/status.d"
for package in libc6 libgcc-s1 ca-certificates; do
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
done
