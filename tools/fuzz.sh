#!/bin/sh
# Run fuzz targets one after the other: tools/fuzz.sh SECONDS TARGET…
# The corpus grows in build/corpus; a crash stays in build/crashes.
set -eu

seconds=$1
shift
mkdir -p build/crashes
for target in "$@"; do
	name=$(basename "$target")
	mkdir -p "build/corpus/$name"
	echo "$name: $seconds s"
	if ! "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="build/crashes/$name-" -verbosity=0 \
		-print_final_stats=1 "build/corpus/$name" \
		>"build/crashes/$name.log" 2>&1; then
		cat "build/crashes/$name.log"
		echo "$name: failed"
		exit 1
	fi
	grep 'number_of_executed_units' "build/crashes/$name.log"
done
