/*
 * conf_files.h - every file that settings are in, or name, for who takes a
 * deployment along as a whole.
 */
#ifndef WP_LIB_SYS_CONF_FILES_H
#define WP_LIB_SYS_CONF_FILES_H

#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* Texts are borrowed for the call, but key, which is for good. */
struct wp_conf_file {
	const char *key; /* that names it; "waypost.yaml" for the file itself */
	const char *path; /* as it was given; NULL: a secret of the environment,
			   * which is in no file */
};

typedef enum wp_err (*wp_conf_file_fn)(void *ctx,
				       const struct wp_conf_file *file,
				       struct wp_error *err);

/*
 * Have hear know of every file: of settings, of secrets, and all that a key
 * called ..._file or ..._files names, push.apps included. What is made by the
 * programs (stores, auth.key_dir) is not among them, but for the store secret
 * of local mode. For a wp_conf_look_fn. Some may not be there.
 *
 * Errors:  WP_ERR_INVAL  push.apps is not in order; WP_ERR_NOMEM; hear's, which
 *          end it
 */
enum wp_err wp_conf_files(const struct wp_conf_load *load, wp_conf_file_fn hear,
			  void *ctx, struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SYS_CONF_FILES_H */
