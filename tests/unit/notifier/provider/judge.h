/*
 * judge.h - a table of what a provider says, and what it is to mean; for the
 * tests of the kinds.
 */
#ifndef WP_TESTS_UNIT_NOTIFIER_JUDGE_H
#define WP_TESTS_UNIT_NOTIFIER_JUDGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "notifier/provider/verdict.h"

enum { JUDGE_NOW_S = 1796076000 };

struct judge_case {
	long status;
	const char *body;
	const char *retry_after;
	enum wp_verdict verdict;
	int64_t after_s;
	const char *reason;
	unsigned int remedy;
};

/* With the body in memory of its own, so that a read beyond it is seen. */
static inline void
judge_all(const struct judge_case *cases, size_t n,
	  void (*judge)(const struct wp_provider_answer *reply,
			struct wp_judgement *out))
{
	for (size_t i = 0; i < n; i++) {
		const struct judge_case *c = &cases[i];
		size_t len = strlen(c->body);
		char *body = malloc(len + 1);
		struct wp_judgement out;
		const struct wp_provider_answer reply = {
			.status = c->status,
			.is_http2 = true,
			.body = body,
			.len = len,
			.retry_after = c->retry_after,
			.now_s = JUDGE_NOW_S,
		};

		assert_non_null(body);
		memcpy(body, c->body, len);
		judge(&reply, &out);
		free(body);
		if (out.verdict != c->verdict || out.after_s != c->after_s ||
		    out.remedy != c->remedy ||
		    strcmp(out.reason, c->reason) != 0)
			fail_msg("%ld %s: %s, %lld, %u, \"%s\"", c->status,
				 c->body, wp_verdict_name(out.verdict),
				 (long long)out.after_s, out.remedy,
				 out.reason);
	}
}

/* What no provider says, and some proxy might. */
#define JUDGE_NOT_JSON                                                  \
	"<html>gone</html>", "", "{", "[]", "null", "{\"reason\":5}",   \
		"{\"reason\":\"Unregistered\"} x", "{\"error\":\"x\"}", \
		"{\"error\":{\"details\":{}}}", "{\"reason\":\"Unregistered\""

#endif /* WP_TESTS_UNIT_NOTIFIER_JUDGE_H */
