/*
 * key_file.h - change the file of keys: one at a time, and either whole or not
 * at all.
 *
 * Whoever changes it holds a lock on it, reads it, and puts another file in its
 * place. A program that reads meanwhile has the one or the other, and being
 * killed leaves the one or the other.
 */
#ifndef WP_TOOLS_WAYPOST_KEYS_KEY_FILE_H
#define WP_TOOLS_WAYPOST_KEYS_KEY_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct wp_key_file {
	char *path;         /* owned; what a link led to */
	int fd;             /* owned; holds the lock */
	struct wp_buf text; /* owned; what is in it */
	struct stat st;     /* whose it is, and its mode */
};

/*
 * Wait until nobody else changes the file, and read it. Fine only when every
 * line of it is.
 *
 * may_make:   one that is not there is made, empty, mode 0640, ours
 * Ownership:  the caller's; end with wp_key_file_close(), also after an error
 * Errors:     WP_ERR_INVAL  it is broken, or not fit to be trusted
 *             WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_key_file_open(struct wp_key_file *out, const char *path,
			     bool may_make, struct wp_error *err) WP_MUST_USE;

/* The same for who changes nothing: waits for nobody, makes no file. */
enum wp_err wp_key_file_read(struct wp_key_file *out, const char *path,
			     struct wp_error *err) WP_MUST_USE;

/*
 * Put another text in its place, with owner, group and mode of before. On disk
 * when this returns.
 *
 * Errors:  WP_ERR_INVAL  text is no file of keys, or too long for one
 *          WP_ERR_NOMEM
 *          WP_ERR_SYS    nothing has changed
 */
enum wp_err wp_key_file_replace(struct wp_key_file *file,
				const struct wp_buf *text,
				struct wp_error *err) WP_MUST_USE;

void wp_key_file_close(struct wp_key_file *file);

#endif /* WP_TOOLS_WAYPOST_KEYS_KEY_FILE_H */
