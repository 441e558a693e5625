/*
 * signing.h - what a process needs to give tokens of sessions, and to take them
 * back: all of it secret, but what it publishes.
 */
#ifndef WP_HANDLERS_REQUEST_SIGNING_H
#define WP_HANDLERS_REQUEST_SIGNING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/auth/issue.h"
#include "lib/auth/own_key.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* Of the key of marks: see lib/auth/own_key.h. */
#define WP_ACCOUNT_MARK_PURPOSE "marks in the log, version 1"

struct wp_sessions {
	bool is_on; /* accounts are; else there is nothing more in here */
	struct wp_own_key refresh_key;
	struct wp_own_key proof_key;
	struct wp_own_key mark_key; /* of account_log.h */
	struct wp_signer *signer;   /* owned */
	/* What jwks.json answers, and since when, by the monotonic clock. */
	struct wp_buf published; /* owned; empty: there is nothing */
	uint64_t published_ms;
};

/*
 * conf:    borrowed
 * Errors:  WP_ERR_NOMEM; end with wp_sessions_release() also then
 */
enum wp_err wp_sessions_init(struct wp_sessions *sessions,
			     const struct wp_conf *conf,
			     struct wp_error *err) WP_MUST_USE;
/* All zero is nothing. */
void wp_sessions_release(struct wp_sessions *sessions);

#endif /* WP_HANDLERS_REQUEST_SIGNING_H */
