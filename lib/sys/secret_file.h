/*
 * secret_file.h - a file with a secret in it, or with what others are trusted
 * by, as bytes: read if it may be believed that nobody else has written or read
 * it.
 */
#ifndef WP_LIB_SYS_SECRET_FILE_H
#define WP_LIB_SYS_SECRET_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

/* Whose may it be? */
enum wp_secret_owner {
	WP_SECRET_OURS,         /* ours, or root's */
	WP_SECRET_ANYS_TO_ROOT, /* if we are root, who can write all files */
};

struct wp_secret_file {
	const char *path;
	enum wp_secret_owner owner;
	size_t max_bytes;
	const char *most; /* the same in words, for a sentence: "1 MiB" */
};

/*
 * Read it. It must be a plain file, nobody's but the owner's to write and
 * nothing to others: mode 0640 or less. Never waits.
 *
 * text:    is filled; empty before
 * st_out:  what the file was before it was read; NULL: nobody wants it
 * Errors:  WP_ERR_INVAL  not there, or not fit to be trusted, or too long;
 *                        err.msg is "<path> …", without any of its text
 *          WP_ERR_NOMEM
 * Threads: any
 */
enum wp_err wp_secret_file_read(const struct wp_secret_file *file,
				struct wp_buf *text, struct stat *st_out,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SYS_SECRET_FILE_H */
