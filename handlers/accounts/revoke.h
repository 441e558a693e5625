/*
 * revoke.h - say that tokens are good no longer, as the last thing that a call
 * does (docs/architecture.md "Revocation"); what they have registered to be
 * told of mail ends first.
 */
#ifndef WP_HANDLERS_ACCOUNTS_REVOKE_H
#define WP_HANDLERS_ACCOUNTS_REVOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/revoked.h"

#include "handlers/request/call.h"

enum { WP_REVOKE_KEYS_MAX = 2 };

struct wp_revoke_order {
	struct wp_revoked_key keys[WP_REVOKE_KEYS_MAX];
	size_t n;
	int64_t until_s;     /* what was issued by then; 0: by now */
	int64_t keep_s;      /* for so long; 0: for auth.revocation_hours */
	unsigned int status; /* the answer when Redis has it */
	bool has_pushes;     /* of revoke.c: which could not be ended */
};

/*
 * Do that, and answer: 503 when nobody knows whether Redis, or the store, has
 * it.
 *
 * order:    lives as long as the call
 * Returns:  as a handler
 */
bool wp_call_revoke(struct wp_call *call, struct wp_revoke_order *order);

#endif /* WP_HANDLERS_ACCOUNTS_REVOKE_H */
