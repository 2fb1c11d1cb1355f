#!/bin/sh
# Puts the standard input between `<!-- bench: NAME -->` and `<!-- bench: end -->` of a page of the documentation.
#
#   bench/put_into_page.sh NAME PAGE
set -eu
grep -q "^<!-- bench: $1 -->" "$2" || { echo "$0: $2 has no \"<!-- bench: $1 -->\"" >&2; exit 1; }
new=$(mktemp)
trap 'rm -f "$new"' EXIT
awk -v begin="<!-- bench: $1 -->" -v end='<!-- bench: end -->' -v text="$(cat)" '
  inside && $0 == end { inside = 0 }
  !inside { print }
  $0 == begin { inside = 1; print text }
' "$2" >"$new"
cat "$new" >"$2"
