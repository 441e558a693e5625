#!/bin/sh
# Write a C file that holds the given Lua scripts and their SHA-1 names.
# The order of the arguments must be that of enum wp_script: alphabetical.
set -eu

echo '/* Made by tools/embed-scripts.sh from lib/mailbox/scripts. */'
echo '#include "lib/redis/script.h"'
echo 'const struct wp_script_source wp_script_sources[WP_SCRIPT_COUNT] = {'
for file in "$@"; do
	name=$(basename "$file" .lua)
	constant=$(printf '%s' "$name" | tr '[:lower:]' '[:upper:]')
	sha=$(sha1sum <"$file" | cut -d' ' -f1)
	printf '\t[WP_SCRIPT_%s] = {\n\t\t.name = "%s",\n' "$constant" "$name"
	printf '\t\t.sha1 = "%s",\n\t\t.len = %s,\n\t\t.text =\n' \
		"$sha" "$(wc -c <"$file")"
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/\t\t\t"/' \
		-e 's/$/\\n"/' "$file"
	printf '\t},\n'
done
echo '};'
