/*
 * store_contract.h - what every cold store backend must do, as tests.
 *
 * A backend's test program says how to open a store on empty ground, and runs
 * the contract before its own tests.
 */
#ifndef WP_TESTS_SUPPORT_STORE_CONTRACT_H
#define WP_TESTS_SUPPORT_STORE_CONTRACT_H

#include "lib/store/store.h"

struct wp_store_contract {
	const char *name;
	/* Forget all data; nobody has the store open. */
	void (*wipe)(void *ctx);
	/* Another connection to the same data; fails the test if it cannot. */
	struct wp_store *(*open)(void *ctx);
	void *ctx;
};

/* Run the contract. Returns: what main() may return. */
int wp_store_contract_run(const struct wp_store_contract *contract);

/* ---- helpers for the tests of backends ---- */

/* A row with an expiry far away, its content the text. */
struct wp_store_row wp_store_test_row(enum wp_band band, uint64_t ms,
				      uint64_t seq, const char *json);

/*
 * The mailbox' rows as "high|standard", each content followed by a blank:
 * "h1 h2 |s1 ". Valid until the next call. Fails the test if it cannot read.
 */
const char *wp_store_test_show(struct wp_store *store,
			       const struct wp_box *box);

#endif /* WP_TESTS_SUPPORT_STORE_CONTRACT_H */
