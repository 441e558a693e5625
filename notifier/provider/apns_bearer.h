/*
 * apns_bearer.h - the token by which Apple knows us, of one team and key: one
 * for all notifiers, shared through Redis, for Apple refuses who comes with a
 * new one more often than every 20 minutes.
 *
 * It is at wp:push:apns:<team>:<key>, sealed under a key made of
 * auth.store_secret and beside the name of the private key, for 45 minutes;
 * then whoever is first puts another one there, and the rest read it. The one
 * that was good until then is good for ten minutes more. Without Redis each
 * makes its own, and puts it there, or takes what is there, when Redis is back.
 *
 * What is there and does not open (another auth.store_secret, or a private key
 * that was the wrong one) is as if there were none: it is replaced, by each
 * notifier once. Nobody makes a token within 20 minutes of the last that he
 * made.
 *
 * Source:  Apple, "Establishing a token-based connection to APNs"
 * Threads: the loop's
 */
#ifndef WP_NOTIFIER_APNS_BEARER_H
#define WP_NOTIFIER_APNS_BEARER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/own_key.h"
#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

struct wp_apns_bearer;

enum {
	WP_BEARER_SHARED_S = 45 * 60,
	WP_BEARER_SPENT_S = 55 * 60, /* of the hour that Apple allows */
	WP_BEARER_YOUNG_S = 20 * 60,
	/* Redis is asked no sooner again: it was not there, or has still the
	 * one that is to be replaced. */
	WP_BEARER_AGAIN_MS = 10000,
	WP_BEARER_ID_LEN = 10, /* of teams and keys */
};

/* What wp_own_key_make() is asked for. */
#define WP_BEARER_PURPOSE "apns token seal, version 1"

/* All it points to is borrowed, and outlives the bearer. */
struct wp_apns_bearer_setup {
	const char *team; /* WP_BEARER_ID_LEN characters, as is key */
	const char *key;
	const char *pem; /* EC on P-256 */
	size_t pem_len;
	const struct wp_own_key *seal;
	/* As wp_judged_do(): fn may be told when the bearer is gone. */
	enum wp_err (*redis)(void *redis_ctx, const struct wp_cmd *cmd,
			     wp_reply_fn fn, void *fn_ctx);
	void *redis_ctx;
	/* Redis has answered, and there is a token now or there is none. Never
	 * within a call of these functions, all of which it may call but
	 * wp_apns_bearer_free(). */
	void (*on_settled)(void *ctx);
	void *ctx;
};

/* NULL: out of memory, or pem is no private key. */
struct wp_apns_bearer *
wp_apns_bearer_new(const struct wp_apns_bearer_setup *setup) WP_MUST_USE;
/* The token is overwritten. NULL-safe. */
void wp_apns_bearer_free(struct wp_apns_bearer **bearer);

/* The clocks of this moment. */
struct wp_bearer_now {
	int64_t wall_s;   /* since 1970; may have been put anywhere */
	uint64_t mono_ms; /* only ever rises */
};

/* A token to use. Borrowed until the loop goes on. */
struct wp_bearer_grant {
	const char *text; /* secret */
	uint64_t number;  /* another one for each token */
	int64_t age_s;
};

/*
 * What to use now. Without one, or with one that others may have replaced by
 * now, Redis is asked.
 *
 * Returns:  false: there is none. on_settled is told if
 *           wp_apns_bearer_is_coming()
 */
bool wp_apns_bearer_get(struct wp_apns_bearer *bearer,
			const struct wp_bearer_now *now,
			struct wp_bearer_grant *out) WP_MUST_USE;

/*
 * How old it is; WP_BEARER_SPENT_S when it is not in use any more, so that
 * another one may be tried.
 */
int64_t wp_apns_bearer_age_s(const struct wp_apns_bearer *bearer,
			     const struct wp_bearer_now *now, uint64_t number);

/* Is Redis being asked? */
bool wp_apns_bearer_is_coming(const struct wp_apns_bearer *bearer);

/*
 * For how long it is of no use to ask: there is none, and Redis will not be
 * asked before. 0: there is one, or one may come.
 */
uint64_t wp_apns_bearer_wait_ms(const struct wp_apns_bearer *bearer,
				const struct wp_bearer_now *now);

/*
 * Apple says that it has expired: it is not used any more, here and in Redis.
 * Nothing, when it is another one by now, or younger than WP_BEARER_YOUNG_S:
 * then the fault is another.
 */
void wp_apns_bearer_renew(struct wp_apns_bearer *bearer,
			  const struct wp_bearer_now *now, uint64_t number);

#endif /* WP_NOTIFIER_APNS_BEARER_H */
