/*
 * kind_webhook.h - a bot that would rather be called: a request as Standard
 * Webhooks has it, and what an answer means. Pure.
 *
 * Source:  Standard Webhooks 1.0.0
 */
#ifndef WP_NOTIFIER_KIND_WEBHOOK_H
#define WP_NOTIFIER_KIND_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "notifier/provider/kind.h"
#include "notifier/provider/verdict.h"

/* Text is borrowed. */
struct wp_webhook_target {
	const char *endpoint;
	const void *secret; /* as bytes */
	size_t secret_len;
	const char *user; /* the URN that it is registered for, its own */
	bool is_high;     /* something of the high band waits */
};

/* call:  initialised, and empty */
void wp_webhook_build(struct wp_call *call,
		      const struct wp_webhook_target *target,
		      const struct wp_push *push);

void wp_webhook_judge(const struct wp_provider_answer *reply,
		      struct wp_judgement *out);

#endif /* WP_NOTIFIER_KIND_WEBHOOK_H */
