#!/bin/sh
# Prints the path of the Bun that package-lock.json pins, or nothing. npm may have skipped install scripts (then bin/bun is a stub
# that only complains), so the platform's own package is tried first.
cd "$(dirname "$0")/.." || exit 1
for bun in node_modules/@oven/bun-linux-*/bin/bun node_modules/.bin/bun; do
	if [ -x "$bun" ] && "$bun" --version >/dev/null 2>&1; then
		echo "$PWD/$bun"
		exit 0
	fi
done
