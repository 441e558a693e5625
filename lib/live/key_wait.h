/*
 * key_wait.h - who shows a token that no known key of its issuer has signed,
 * and may be right: the issuer has a new key, perhaps.
 *
 * They wait together, a few and not for long: waypost-keys is asked, and when
 * it has put a new file in place, each is tried again. Whoever makes keys up
 * fills places, and nothing proves that he does; so of one address only some
 * may wait, and of those who let nobody in, but say that somebody has left,
 * only some altogether. Somebody with a really new key is told to come again
 * when many addresses make keys up.
 *
 * Threads: the loop's.
 */
#ifndef WP_LIB_LIVE_KEY_WAIT_H
#define WP_LIB_LIVE_KEY_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/err.h"
#include "lib/limit/address.h"

struct ev_loop;

enum {
	WP_KEY_WAITERS_MAX = 256,
	WP_KEY_WAITERS_OF_ONE = 32,  /* address, but for loopback */
	WP_KEY_WAITERS_LOGOUTS = 64, /* of providers */
};

/* Embedded in whoever waits; begins all zero. */
struct wp_key_waiter {
	struct wp_address from; /* len 0: nobody knows, and it counts as none */
	bool is_logout;
	/*
	 * Try again; is_over: for the last time.
	 *
	 * Returns:  wait on, unless is_over. If not, the waiter may be gone
	 */
	bool (*again)(struct wp_key_waiter *waiter, bool is_over);
	/* The rest is not the owner's. */
	struct wp_key_waiter *next, **link; /* link NULL: does not wait */
	size_t issuer;
	uint64_t until_ms;
};

struct wp_key_wait;

/*
 * auth:       borrowed; changed by wp_key_wait_use()
 * Ownership:  the caller's; end with wp_key_wait_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_key_wait_new(struct wp_key_wait **out, struct ev_loop *loop,
			    struct wp_auth *auth,
			    struct wp_error *err) WP_MUST_USE;
/* Nobody waits any more, and nobody is told. */
void wp_key_wait_free(struct wp_key_wait **wait);

/* Other issuers from now on: everybody is tried again, for the last time. */
void wp_key_wait_use(struct wp_key_wait *wait, struct wp_auth *auth);

/*
 * Wait for the keys of an issuer, for so long.
 *
 * waiter:   its again is set, from and is_logout
 * Returns:  false when too many wait already
 */
bool wp_key_wait_add(struct wp_key_wait *wait, struct wp_key_waiter *waiter,
		     size_t issuer, uint64_t ms) WP_MUST_USE;
/* Idempotent, also for one that never waited. */
void wp_key_wait_remove(struct wp_key_wait *wait, struct wp_key_waiter *waiter);

#endif /* WP_LIB_LIVE_KEY_WAIT_H */
