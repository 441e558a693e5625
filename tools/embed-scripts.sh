#!/bin/sh
# Write a C file that holds the given Lua scripts and their SHA-1 names.
# The order of the arguments must be that of enum wp_script: alphabetical.
#
# Redis' scripts cannot call each other, so a line "-- include NAME" stands for
# parts/NAME.lua beside the script; parts use the script's local names.
set -eu

# expand FILE: the script as Redis gets it.
expand() {
	awk -v parts="$(dirname "$1")/parts/" '
		/^-- include [a-z_]+$/ {
			file = parts $3 ".lua"
			while ((status = (getline line < file)) > 0)
				print line
			if (status < 0) {
				print "no such part: " file > "/dev/stderr"
				exit 1
			}
			close(file)
			next
		}
		{ print }' "$1"
}

whole=$(mktemp)
trap 'rm -f "$whole"' EXIT

echo '/* Made by tools/embed-scripts.sh from lib/mailbox/scripts. */'
echo '#include "lib/mailbox/scripts.h"'
echo 'static const struct wp_script_source sources[WP_SCRIPT_COUNT] = {'
for file in "$@"; do
	expand "$file" >"$whole"
	name=$(basename "$file" .lua)
	constant=$(printf '%s' "$name" | tr '[:lower:]' '[:upper:]')
	sha=$(sha1sum <"$whole" | cut -d' ' -f1)
	printf '\t[WP_SCRIPT_%s] = {\n\t\t.name = "%s",\n' "$constant" "$name"
	printf '\t\t.sha1 = "%s",\n\t\t.len = %s,\n\t\t.text =\n' \
		"$sha" "$(wc -c <"$whole")"
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/\t\t\t"/' \
		-e 's/$/\\n"/' "$whole"
	printf '\t},\n'
done
echo '};'
echo 'const struct wp_script_set wp_scripts = { sources, WP_SCRIPT_COUNT };'
