/*
 * secret_set.h - settings and secrets as they lie on a host: files with what is
 * in them, and the folders above them, each with its owner and mode.
 *
 * One file of a copy, secrets.json, which nobody but its owner may read.
 */
#ifndef WP_TOOLS_WAYPOST_COPIES_SECRET_SET_H
#define WP_TOOLS_WAYPOST_COPIES_SECRET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_SECRET_NAME_MAX = 32,      /* of a user or a group */
	WP_SECRET_FILE_MAX = 1 << 20, /* bytes of one file */
	WP_SECRET_ITEMS_MAX = 512,
};

struct wp_secret_item {
	char *path;                         /* owned; see wp_secret_path() */
	char owner[WP_SECRET_NAME_MAX + 1]; /* a name, or its number */
	char group[WP_SECRET_NAME_MAX + 1];
	mode_t mode; /* 0777 at most */
	bool is_folder;
	struct wp_buf data; /* of a file */
};

/* Each folder stands before what is in it; no path stands twice. */
struct wp_secret_set {
	size_t n;
	struct wp_secret_item items[WP_SECRET_ITEMS_MAX];
};

/* NULL-safe; wipes what was in the files, and frees the set. */
void wp_secret_set_free(struct wp_secret_set **set);

/* An empty one; NULL without memory. */
struct wp_secret_set *wp_secret_set_new(void) WP_MUST_USE;

/*
 * The path by which something is put back: an absolute one, which begins at the
 * working folder of this process where text does not, without "." and doubled
 * slashes.
 *
 * Returns:  the caller's; NULL: it has "..", a character that is no printable
 *           one of ASCII, or is too long; or there is no memory
 */
char *wp_secret_path(const char *text) WP_MUST_USE;

/* The folder that a path of wp_secret_path() is in; the caller's; NULL without
 * memory. */
char *wp_secret_folder_of(const char *path) WP_MUST_USE;

bool wp_secret_set_has(const struct wp_secret_set *set, const char *path);

/*
 * Add what stat(2) says of something, and the folders above it before it.
 * Of a file data is the caller's to fill.
 *
 * path:     of wp_secret_path(), and not in it
 * *out:     the item, until the set is changed; may be NULL
 * Errors:   WP_ERR_FULL, WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_secret_set_add(struct wp_secret_set *set, const char *path,
			      const struct stat *st,
			      struct wp_secret_item **out,
			      struct wp_error *err) WP_MUST_USE;

/* Write secrets.json; on disk when this returns. */
enum wp_err wp_secret_set_write(const struct wp_secret_set *set,
				const char *folder,
				struct wp_error *err) WP_MUST_USE;

/*
 * Read it.
 *
 * *out:    the caller's
 * Errors:  WP_ERR_INVAL   it is none that this Waypost understands
 *          WP_ERR_DENIED  others could read or write it
 *          WP_ERR_NOTFOUND, WP_ERR_SYS, WP_ERR_NOMEM
 */
enum wp_err wp_secret_set_read(struct wp_secret_set **out, const char *folder,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_COPIES_SECRET_SET_H */
