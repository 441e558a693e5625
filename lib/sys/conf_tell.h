/*
 * conf_tell.h - every key with its value, for an operator who looks at the
 * settings in effect, and all that the tables know, for whoever writes them.
 *
 * A secret is never told: only whether it is there, how long it is, and where
 * it comes from.
 */
#ifndef WP_LIB_SYS_CONF_TELL_H
#define WP_LIB_SYS_CONF_TELL_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* A key; texts are borrowed for the call. Values are YAML; those of secrets say
 * "set (43 bytes, from /etc/waypost/jwt-secret)" or "not set". */
struct wp_conf_told {
	const char *name;
	const char *value;
	const char *preset; /* in this run_mode */
	bool is_changed;    /* the value is another one */
};

typedef void (*wp_conf_tell_fn)(void *ctx, const struct wp_conf_told *key);

/*
 * Have tell hear of every key, for a wp_conf_look_fn. Errors: WP_ERR_NOMEM
 */
enum wp_err wp_conf_tell(const struct wp_conf_load *load, wp_conf_tell_fn tell,
			 void *ctx, struct wp_error *err) WP_MUST_USE;

/* How the reference is written. */
enum wp_conf_form {
	WP_CONF_AS_TEXT, /* as --help of programs has it */
	WP_CONF_AS_YAML, /* a file with every key at its default */
	WP_CONF_AS_MARKDOWN,
};

/*
 * Append every key that there is: what it may be, its default, what it is for.
 *
 * known:   all tables; ends with NULL
 * Errors:  WP_ERR_NOMEM
 */
enum wp_err wp_conf_write_reference(struct wp_buf *out,
				    const struct wp_conf_section *const *known,
				    enum wp_conf_form form,
				    struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SYS_CONF_TELL_H */
