/*
 * push_contract.h - what every backend must do with devices and preferences, as
 * tests: the promises of lib/store/push.h.
 */
#ifndef WP_TESTS_SUPPORT_PUSH_CONTRACT_H
#define WP_TESTS_SUPPORT_PUSH_CONTRACT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/store/push.h"
#include "tests/support/store_contract.h"

/* Run the contract. Returns: what main() may return. */
int wp_push_contract_run(const struct wp_store_contract *contract);

/* ---- helpers for the tests of backends ---- */

/* What a client says of a device; texts may be NULL for "". */
struct wp_push_test {
	const char *user;  /* "bob" */
	const char *token; /* whatever it is made of */
	const char *keys;  /* sealed besides it */
	const char *device;
	const char *app;
	const char *name;
	const char *session; /* and with whom it ends, */
	const char *subject;
	const char *kind; /* NULL: "fcm" */
	unsigned int flags;
	bool is_forced;
	bool must_verify;
	int64_t issued_s;
	int64_t now_s; /* 0: WP_PUSH_TEST_S */
	size_t max;    /* 0: 20 */
};
#define WP_PUSH_TEST_S INT64_C(1700000000)

/* Register it; *put_out (or NULL): as it was answered. */
enum wp_err wp_push_test_put(struct wp_store *store,
			     const struct wp_push_test *test,
			     struct wp_push_put *put_out);

/*
 * The devices of a user as "token:name@device(state) …", in the order of the
 * list. Valid until the next call.
 */
const char *wp_push_test_show(struct wp_store *store, const char *user);

#endif /* WP_TESTS_SUPPORT_PUSH_CONTRACT_H */
