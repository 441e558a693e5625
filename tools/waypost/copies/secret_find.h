/*
 * secret_find.h - which files of settings and secrets a deployment has on this
 * host, and what is in them.
 */
#ifndef WP_TOOLS_WAYPOST_COPIES_SECRET_FIND_H
#define WP_TOOLS_WAYPOST_COPIES_SECRET_FIND_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/sys/conf.h"
#include "tools/waypost/copies/copy_set.h"
#include "tools/waypost/copies/secret_set.h"

enum { WP_SECRET_NAMES_MAX = 256 };

/* What the settings name. Begin with zeros. */
struct wp_secret_names {
	size_t n;
	struct wp_secret_name {
		const char *key; /* that names it; a text of the program */
		char *path;      /* owned; NULL: a secret of the environment */
	} items[WP_SECRET_NAMES_MAX];
};

/* A wp_conf_look_fn; ctx is a struct wp_secret_names. */
enum wp_err wp_secret_names_look(void *ctx, const struct wp_conf_load *load,
				 struct wp_error *err) WP_MUST_USE;
void wp_secret_names_release(struct wp_secret_names *names);

/*
 * Read all of them, and of auth.key_dir the keys that sign, into the copy that
 * is being made; what cannot be in it is named in copy->missing.
 *
 * folder:  of the copy; gets secrets.json
 * Errors:  WP_ERR_INVAL  one that is named is not there, or no file
 *          WP_ERR_SYS    it cannot be read: only root may read all of them
 *          WP_ERR_FULL, WP_ERR_NOMEM
 */
enum wp_err wp_secret_take(const struct wp_conf *conf,
			   const struct wp_secret_names *names,
			   const char *folder, struct wp_copy_set *copy,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_COPIES_SECRET_FIND_H */
