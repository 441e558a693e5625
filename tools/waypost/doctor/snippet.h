/*
 * snippet.h - which version of Waypost's file a web server's configuration
 * includes: its first line says it, "# waypost-snippet 2".
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_SNIPPET_H
#define WP_TOOLS_WAYPOST_DOCTOR_SNIPPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Of web-config, raised with each change that operators must take. */
	WP_SNIPPET_VERSION = 2,
	WP_SNIPPET_PATH_MAX = 255,
};

/* What was found in a configuration. */
struct wp_snippet {
	int64_t version; /* the lowest of all; 0: none is included */
	char where[WP_SNIPPET_PATH_MAX + 1]; /* the file with that version */
	size_t n_files;                      /* that could be read */
};

/*
 * Read a configuration of nginx or lighttpd, and what it includes by `include`:
 * patterns too (glob(7)), and relative to the folder of the first file, as both
 * web servers take it. What a program would write (include_shell) is not run.
 *
 * path:  of the first file
 */
void wp_snippet_find(struct wp_snippet *out, const char *path);

/*
 * Which configuration a running web server has, by the words it was started
 * with: behind -c of nginx, or -f of lighttpd; else Debian's place.
 *
 * cmdline:  as proc(5) has it, len bytes; nginx' master writes its own words as
 *           one text
 * Returns:  false when they are of another program, or of a process of nginx
 *           that is no master
 */
bool wp_snippet_conf_of(const char *cmdline, size_t len,
			char out[WP_SNIPPET_PATH_MAX + 1]);

#endif /* WP_TOOLS_WAYPOST_DOCTOR_SNIPPET_H */
