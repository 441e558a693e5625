/*
 * access_token.h - an access token of Google for a service account, kept on an
 * event loop: asked for when it is wanted, one request at a time, and again
 * before it ends. Behind a failure nothing is asked for a second, then two, up
 * to a minute.
 *
 * One that is to end within five minutes is used while another is asked for, so
 * that who has one seldom waits, and an outage of a few minutes is not noticed.
 *
 * Source:  lib/auth/google_token.h
 * Threads: the loop's
 */
#ifndef WP_NOTIFIER_ACCESS_TOKEN_H
#define WP_NOTIFIER_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/auth/google_token.h"
#include "lib/base/err.h"

struct wp_fetch_pool;
struct wp_access_token;

enum {
	WP_ACCESS_FIRST_MS = 1000,
	WP_ACCESS_CAP_MS = 60000,
	/* So long before its end it is not used any more, whatever comes. */
	WP_ACCESS_SPENT_S = 60,
	/* The longest answer with a token, with room to spare. */
	WP_ACCESS_ANSWER_MAX = 2 * WP_GOOGLE_TOKEN_MAX,
};

/* All it points to outlives the token, but for the pool; see the end. */
struct wp_access_token_setup {
	/* Its rules bound the time of a request, and what is answered:
	 * WP_ACCESS_ANSWER_MAX is enough. */
	struct wp_fetch_pool *pool;
	const struct wp_google_account *account;
	const char *scope; /* a URL */
	const char *app;   /* whose it is, for the log */
	/* A request has ended, well or not. Never within a call of these
	 * functions, all of which it may call but wp_access_token_free(). */
	void (*on_settled)(void *ctx, bool is_good);
	void *ctx;
};

/* Asks nobody yet. NULL: out of memory. */
struct wp_access_token *
wp_access_token_new(const struct wp_access_token_setup *setup) WP_MUST_USE;

/* A token to use. Borrowed until the loop goes on. */
struct wp_access_grant {
	const char *text; /* secret */
	uint64_t number;  /* another one for each token */
};

/*
 * What to use now. Without one, or with one that is soon to end, another is
 * asked for, unless that has failed just now.
 *
 * Returns:  false: there is none. on_settled is told if
 *           wp_access_token_is_coming()
 */
bool wp_access_token_get(struct wp_access_token *token,
			 struct wp_access_grant *out) WP_MUST_USE;

/* Is a request under way? */
bool wp_access_token_is_coming(const struct wp_access_token *token);

/*
 * That one was refused (401): it is not used any more, and another one is asked
 * for. Nothing, when it is another one by now.
 */
void wp_access_token_renew(struct wp_access_token *token, uint64_t number);

/*
 * For how long it is of no use to ask: there is none, and it failed just now.
 * 0: there is one, or one may come.
 *
 * now_ms:  monotonic
 */
uint64_t wp_access_token_wait_ms(const struct wp_access_token *token,
				 uint64_t now_ms);

/*
 * Behind wp_fetch_pool_free() of its pool, for whose answer nobody is there
 * any more. The token is overwritten. NULL-safe.
 */
void wp_access_token_free(struct wp_access_token **token);

#endif /* WP_NOTIFIER_ACCESS_TOKEN_H */
