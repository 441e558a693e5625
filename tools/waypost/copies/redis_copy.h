/*
 * redis_copy.h - a copy of Redis as a file, and a Redis made of one.
 */
#ifndef WP_TOOLS_WAYPOST_COPIES_REDIS_COPY_H
#define WP_TOOLS_WAYPOST_COPIES_REDIS_COPY_H

#include "lib/base/err.h"
#include "lib/sys/conf.h"
#include "tools/waypost/copies/copy_set.h"

/*
 * Have redis-cli copy the Redis of the settings, as it is in a moment of this
 * call, as a replica would.
 *
 * to:      an empty file of ours
 * Errors:  WP_ERR_NOTFOUND  there is no redis-cli
 *          WP_ERR_UNAVAIL   Redis does not give it: down, full, or the user
 *                           may not (the commands PSYNC, SYNC, REPLCONF)
 * Source:  redis-cli(1), --rdb
 */
enum wp_err wp_redis_copy(const struct wp_conf *conf, const char *to,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Have redis-check-rdb read all of a copy.
 *
 * set:     keys and expires are filled in
 * Errors:  WP_ERR_NOTFOUND, WP_ERR_UNAVAIL  as wp_redis_copy(), or it is
 *                                           damaged
 */
enum wp_err wp_redis_copy_count(const char *path, struct wp_copy_set *set,
				struct wp_error *err) WP_MUST_USE;

/*
 * Make append-only files of a copy: <folder>/appendonlydir, whose owner is that
 * of the folder. A Redis of its own, which nobody else reaches, reads the copy,
 * writes them, is compared with the set, and ends. It works in
 * <folder>/waypost-restore, which is gone when this returns, whatever came of
 * it; not when we are killed.
 *
 * folder:  that of Redis' data, without any
 * Errors:  WP_ERR_CONFLICT  a Redis has data there, or a restore was cut off
 *          WP_ERR_NOTFOUND  there is no redis-server
 *          WP_ERR_INVAL     it does not have what the copy has
 *          WP_ERR_UNAVAIL, WP_ERR_SYS
 * Source:  redis.io "Redis persistence": how to switch to AOF with a dump.rdb
 */
enum wp_err wp_redis_copy_restore(const struct wp_conf *conf, const char *copy,
				  const char *folder,
				  const struct wp_copy_set *set,
				  struct wp_error *err) WP_MUST_USE;

/* What stands in the way of wp_redis_copy_restore()? */
enum wp_err wp_redis_copy_fits(const char *folder,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_COPIES_REDIS_COPY_H */
