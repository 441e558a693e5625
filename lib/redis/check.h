/*
 * check.h - is this Redis fit to carry messages?
 *
 * In production a volatile, evicting or unlimited Redis,
 * `no-appendfsync-on-rewrite yes`, a stream node size over 1024 bytes or a
 * version under 7 stops the start; locally they are warnings.
 * lib/mailbox/deployment.h asks this first.
 */
#ifndef WP_LIB_REDIS_CHECK_H
#define WP_LIB_REDIS_CHECK_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/redis/client.h"

/*
 * log:     for warnings; NULL when they have been given before
 * Errors:  WP_ERR_INVAL    err.msg names the setting to change and its value
 *          WP_ERR_UNAVAIL  Redis could not be asked
 */
enum wp_err wp_redis_check(struct wp_redis *redis, const struct wp_conf *conf,
			   const struct wp_log *log,
			   struct wp_error *err) WP_MUST_USE;

/* One setting that messages need, and what it is. Borrowed during the call. */
struct wp_redis_setting {
	const char *name;
	const char *value;  /* NULL: Redis does not tell */
	const char *wanted; /* what redis.conf should say */
	const char *why;    /* what happens otherwise */
	bool is_good;       /* false too when Redis does not tell */
};
typedef void (*wp_redis_setting_fn)(void *ctx,
				    const struct wp_redis_setting *setting);

/*
 * Tell of each of them, for who wants to know all and refuses nothing. Those
 * of the append-only file are left out while there is none.
 *
 * Errors:  WP_ERR_UNAVAIL  Redis could not be asked, or forbids CONFIG GET
 */
enum wp_err wp_redis_settings_look(struct wp_redis *redis,
				   wp_redis_setting_fn tell, void *ctx,
				   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_REDIS_CHECK_H */
