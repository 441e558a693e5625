/*
 * token_cache.h - tokens that were found good before, so that who asks often is
 * not looked at anew each time.
 *
 * A token is known by all of its text, and good from the second in which it was
 * verified to the one before it expires; outside of that, as if the clock was
 * set back, or once anything about the keys of issuers has changed, it is
 * verified again. What was refused is not kept. Who asks often stays known,
 * however many others come.
 *
 * Threads: one at a time.
 */
#ifndef WP_LIB_AUTH_TOKEN_CACHE_H
#define WP_LIB_AUTH_TOKEN_CACHE_H

#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/err.h"

enum {
	WP_TOKEN_CACHE_PLACES = 4096, /* 64 KiB; a token that is kept its own */
	WP_TOKEN_CACHE_BYTES = 4096,  /* longer ones are not kept */
};

struct wp_token_cache;

/*
 * auth:       borrowed, must outlive the cache
 * Ownership:  the caller's; end with wp_token_cache_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_token_cache_new(struct wp_token_cache **out,
			       const struct wp_auth *auth,
			       struct wp_error *err) WP_MUST_USE;
void wp_token_cache_free(struct wp_token_cache **cache);

/* As wp_auth_verify(), of which it is what it would say. */
enum wp_err wp_token_cache_verify(struct wp_token_cache *cache,
				  const struct wp_token *token, int64_t now_s,
				  struct wp_identity *out,
				  struct wp_error *err) WP_MUST_USE;

/* How many were known since the cache was made. */
uint64_t wp_token_cache_hits(const struct wp_token_cache *cache);

#endif /* WP_LIB_AUTH_TOKEN_CACHE_H */
