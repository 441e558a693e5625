/*
 * accounts_contract.h - what every backend of lib/accounts/accounts.h must do.
 *
 * A test program of a backend says how to open and empty it, and runs the
 * contract beside what only that backend can do.
 */
#ifndef WP_TESTS_SUPPORT_ACCOUNTS_CONTRACT_H
#define WP_TESTS_SUPPORT_ACCOUNTS_CONTRACT_H

#include "lib/accounts/accounts.h"

struct wp_accounts_contract {
	const char *name;
	/* Open once more: several may be open. Fails the test itself. */
	struct wp_accounts *(*open)(void *ctx);
	/* Nothing is in it and nobody has it open afterwards. */
	void (*wipe)(void *ctx);
	void *ctx;
};

/* Run all of it; returns how many tests failed. */
int wp_accounts_contract_run(const struct wp_accounts_contract *contract);

#endif /* WP_TESTS_SUPPORT_ACCOUNTS_CONTRACT_H */
