#!/bin/sh
# The folders are the architecture: check who includes whom.
#
# Programs include lib/ and themselves; lib/ includes lib/ only; lib/base knows
# nothing of the rest; each third-party header has few, named places.
set -eu
cd "$(dirname "$0")/.."

failures=$(mktemp)
trap 'rm -f "$failures"' EXIT

# forbid WHERE PATTERN REASON: no include in WHERE may match PATTERN.
forbid() {
	# shellcheck disable=SC2086 # WHERE is a list of files and folders
	grep -rnE --include='*.[ch]' "^[[:space:]]*#[[:space:]]*include[[:space:]]*$2" \
		$1 2>/dev/null | sed "s|\$|    <- $3|" >>"$failures" || :
}

# only HEADER PLACES…: a third-party header belongs in these places alone.
only() {
	header=$1
	shift
	places=
	for place in "$@"; do
		places="$places|$place"
	done
	grep -rnE --include='*.[ch]' \
		"^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$header" \
		lib handlers worker ws-daemon tools 2>/dev/null |
		grep -vE "^(${places#|})" |
		sed "s|\$|    <- only in: $*|" >>"$failures" || :
}

programs='handlers worker ws-daemon tests tools bench'
for folder in handlers worker ws-daemon; do
	for other in $programs; do
		[ "$other" = "$folder" ] ||
			forbid "$folder" "\"$other/" "$folder/ includes lib/ and itself"
	done
	forbid lib "\"$folder/" 'lib/ includes lib/ only'
done
forbid lib '"(tests|tools|bench)/' 'lib/ includes lib/ only'
forbid tools '"(handlers|worker|ws-daemon|tests|bench)/' \
	'tools/ includes lib/ and itself'
forbid 'handlers worker tools' '"lib/live/' 'lib/live is for programs that hold connections'
forbid lib/base '"lib/(name|sys|redis|mailbox|store|auth|http|metrics)/' \
	'lib/base knows nothing of Waypost'
forbid ws-daemon/wire '(<ev\.h>|<sys/socket\.h>|<unistd\.h>|"lib/(redis|sys|base/clock)|"ws-daemon/[^w/])' \
	'ws-daemon/wire/ is the protocol: no socket, clock, loop or Redis'
# Paths are from the root, so that the line shows the layer.
forbid 'lib handlers worker ws-daemon tools' '"[^/"]+"' 'write the path from the root'
forbid 'lib handlers worker ws-daemon tools' '"\.\.?/' 'write the path from the root'

only 'hiredis/' 'lib/redis/'
only 'sqlite3\.h' 'lib/store/sqlite'
only 'yaml\.h' 'lib/sys/'
only 'openssl/' 'lib/auth/' 'lib/base/digest\.c' 'lib/base/random\.c'
only 'ev\.h' 'ws-daemon/' 'lib/live/' 'lib/redis/async\.c'
only 'fcgi' 'handlers/fcgi_io\.c'
only 'json-c/' 'nowhere'
only 'jwt\.h' 'nowhere'

if [ -s "$failures" ]; then
	cat "$failures"
	exit 1
fi
