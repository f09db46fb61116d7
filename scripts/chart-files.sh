#!/usr/bin/env bash
# The chart carries copies of the rules, the dashboards and the shipped policy, because Helm reads nothing
# outside of a chart. (Links would do for Helm, but not for what packs charts straight from a repository.)
# Without an argument the copies are made anew; with --check, says whether they are the very files.
set -euo pipefail
cd "$(dirname "$0")/.."

chart=helm/otp-sidecar/files
wanted=$(mktemp -d)
trap 'rm -rf "$wanted"' EXIT

mkdir -p "$wanted/alerts" "$wanted/dashboards" "$wanted/policies/templates"
cp alerts/*.rules.yaml "$wanted/alerts/"
cp dashboards/*.json "$wanted/dashboards/"
cp policies/*.yaml "$wanted/policies/"
cp policies/templates/* "$wanted/policies/templates/"

if [ "${1:-}" = --check ]; then
  diff --recursive --brief "$wanted" "$chart" || { echo "the chart's copies are old: run make chart" >&2; exit 1; }
else
  rm -rf "$chart"
  mkdir -p "$chart"
  cp -r "$wanted/." "$chart/"
fi
