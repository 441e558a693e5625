/*
 * bearers.h - Apple's tokens of all apps: apps of one team and key have one in
 * common, and it outlives the providers that a reload makes anew, as long as
 * the new ones are made before the old ones go.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_BEARERS_H
#define WP_NOTIFIER_BEARERS_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "notifier/provider/apns_bearer.h"

struct wp_bearers;
struct wp_bearer_entry;

struct wp_bearers_setup {
	const char *store_secret; /* not kept */
	/* As of struct wp_apns_bearer_setup. */
	enum wp_err (*redis)(void *redis_ctx, const struct wp_cmd *cmd,
			     wp_reply_fn fn, void *fn_ctx);
	void *redis_ctx;
};

/* NULL: out of memory. */
struct wp_bearers *
wp_bearers_new(const struct wp_bearers_setup *setup) WP_MUST_USE;
/* All must have been given back. NULL-safe. */
void wp_bearers_free(struct wp_bearers **bearers);

/* Embedded in who uses one. */
struct wp_bearer_user {
	/* As of struct wp_apns_bearer_setup. May not give anything back. */
	void (*on_settled)(void *ctx);
	void *ctx;
	struct wp_bearer_entry *entry; /* the rest is private; NULL: none */
	struct wp_bearer_user *next;
};

/* Whose it is; copied. */
struct wp_bearer_of {
	const char *team;
	const char *key;
	const char *pem;
	size_t pem_len;
};

/*
 * user:    its on_settled and ctx are set; end with wp_bearers_give_back()
 * Errors:  WP_ERR_NOMEM
 */
enum wp_err wp_bearers_take(struct wp_bearers *bearers,
			    const struct wp_bearer_of *of,
			    struct wp_bearer_user *user,
			    struct wp_error *err) WP_MUST_USE;
/* Nothing, if it has none. */
void wp_bearers_give_back(struct wp_bearers *bearers,
			  struct wp_bearer_user *user);

/* Borrowed until it is given back. */
struct wp_apns_bearer *wp_bearer_of(const struct wp_bearer_user *user);

#endif /* WP_NOTIFIER_BEARERS_H */
