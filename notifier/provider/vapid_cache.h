/*
 * vapid_cache.h - tokens for push services, one for each origin, for as long as
 * they are good: to sign one takes longer than all the rest of a push.
 */
#ifndef WP_NOTIFIER_VAPID_CACHE_H
#define WP_NOTIFIER_VAPID_CACHE_H

#include <stdint.h>

#include "lib/auth/vapid.h"
#include "lib/base/err.h"

enum {
	/* Of more, that goes which was asked for longest ago. */
	WP_VAPID_ORIGINS_MAX = 256,
	WP_VAPID_KEPT_S = 11 * 3600, /* of the 12 hours that one is good */
};

struct wp_vapid_cache;

/*
 * vapid, subject:  as for wp_vapid_sign(); borrowed until the cache is freed
 * Ownership:       the caller's; end with wp_vapid_cache_free(). NULL: out of
 *                  memory
 * Threads:         of one
 */
struct wp_vapid_cache *wp_vapid_cache_new(const struct wp_vapid *vapid,
					  const char *subject) WP_MUST_USE;
void wp_vapid_cache_free(struct wp_vapid_cache **cache);

/*
 * The Authorization header for an origin.
 *
 * now_s:    wall clock, since 1970; it may have been put back
 * Returns:  borrowed until the next call; NULL: out of memory
 */
const char *wp_vapid_cache_get(struct wp_vapid_cache *cache, const char *origin,
			       int64_t now_s, struct wp_error *err);

#endif /* WP_NOTIFIER_VAPID_CACHE_H */
