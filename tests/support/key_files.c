/* See key_files.h. */
#include "tests/support/key_files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/auth/key_file.h"

static void need(bool is_so)
{
	if (!is_so)
		abort();
}

void key_files_path(char path[PATH_MAX], const char *folder, const char *issuer)
{
	char name[WP_KEY_FILE_NAME_MAX + 1];

	wp_key_file_name(issuer, name);
	need(snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
}

void key_files_put(const char *path, const char *issuer, int64_t fetched_ms,
		   const char *keys, mode_t mode)
{
	char new_path[PATH_MAX];
	FILE *file;

	need(snprintf(new_path, sizeof(new_path), "%s.new", path) < PATH_MAX);
	file = fopen(new_path, "we");
	need(file != NULL);
	need(fprintf(file,
		     "{\"issuer\":\"%s\",\"fetched_ms\":%lld,\"keys\":[%s]}",
		     issuer, (long long)fetched_ms, keys) > 0);
	need(fclose(file) == 0 && chmod(new_path, mode) == 0 &&
	     rename(new_path, path) == 0);
}
