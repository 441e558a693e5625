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

#endif /* WP_LIB_REDIS_CHECK_H */
