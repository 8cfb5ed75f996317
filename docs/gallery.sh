#!/usr/bin/env bash
# Draws the pictures of docs/gallery.md by the commands that stand there.
#   bash docs/gallery.sh             replaces them
#   bash docs/gallery.sh check BIN   draws them beside, with the built examples in the folder BIN, and compares
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

grep '^cargo run --release --example' docs/gallery.md >"$scratch/commands"
count=0
while read -r command; do
    picture=${command##* --plot }
    printf '\n== %s\n' "$command"
    if [ "${1:-}" = check ]; then
        read -r _ _ _ _ example _ options <<<"$command"
        drawn="$scratch/$(basename "$picture")"
        # Options of the page hold no blanks within a word.
        # shellcheck disable=SC2086
        "$2/$example" ${options/--plot $picture/--plot $drawn} </dev/null >/dev/null
        cmp "$drawn" "$picture"
    else
        $command </dev/null >/dev/null
    fi
    count=$((count + 1))
done <"$scratch/commands"
[ "$count" -ge 4 ] || { echo "docs/gallery.md holds $count commands"; exit 1; }
