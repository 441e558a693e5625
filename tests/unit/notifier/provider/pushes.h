/* pushes.h - a push, for the tests of the kinds. */
#ifndef WP_TESTS_UNIT_NOTIFIER_PUSHES_H
#define WP_TESTS_UNIT_NOTIFIER_PUSHES_H

#include "notifier/provider/kind.h"

#define SOME_PUSH_ID "0f9d2a66-3e5b-8c1d-9b1e-5a4c3b2d1e0f"
#define SOME_TOKEN_ID "AAAAAAAAAAAAAAAAAAAAAA"

static inline struct wp_push some_push(enum wp_plan_action action)
{
	return (struct wp_push){
		.action = action,
		.token_id = SOME_TOKEN_ID,
		.push_id = SOME_PUSH_ID,
		.account = "work",
		.waiting = 3,
		.has_badge = true,
		.now_s = 1796076000,
		.ttl_s = 28 * 86400,
	};
}

#endif /* WP_TESTS_UNIT_NOTIFIER_PUSHES_H */
