/*
 * inflight.h - bytes of clients that Redis and the store have not answered for.
 *
 * What is accepted waits in memory while they are slow. There is one bound for
 * all clients together, and a part of it for one user, however many connections
 * that user has or has had: nobody can take all of it from the others.
 *
 * Users are told apart by a hash: two that meet share a part, which is noticed
 * by whoever asks for nearly all of it.
 */
#ifndef WP_LIB_LIVE_INFLIGHT_H
#define WP_LIB_LIVE_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WP_INFLIGHT_MAX = 64 * 1024 * 1024,
	/* 32 of the usual size, from one connection, fit in. */
	WP_INFLIGHT_USER_MAX = WP_INFLIGHT_MAX / 4,
	WP_INFLIGHT_SLOTS = 4096,
	/* Each thing that is asked costs this beside its bytes. */
	WP_INFLIGHT_CALL_COST = 512,
};

/* All zero is empty. */
struct wp_inflight {
	size_t total;
	size_t of_user[WP_INFLIGHT_SLOTS];
};

/* What one call has taken; all zero is nothing. */
struct wp_charge {
	size_t bytes;
	uint32_t slot;
};

/*
 * Take bytes and the cost of a call for the user with this hash.
 *
 * charge:   nothing before; afterwards to be given back once
 * Returns:  false when it would be too much; nothing is taken then
 */
bool wp_inflight_take(struct wp_inflight *inflight, struct wp_charge *charge,
		      uint32_t user_hash, size_t bytes);
/* Idempotent. */
void wp_inflight_give(struct wp_inflight *inflight, struct wp_charge *charge);

#endif /* WP_LIB_LIVE_INFLIGHT_H */
