/*
 * kind_apns.h - pushes by Apple's service: a request, and what an answer means.
 * Pure.
 *
 * Source:  Apple, "Sending notification requests to APNs" and "Handling
 *          notification responses from APNs"
 */
#ifndef WP_NOTIFIER_KIND_APNS_H
#define WP_NOTIFIER_KIND_APNS_H

#include <stdbool.h>
#include <stdint.h>

#include "notifier/provider/kind.h"
#include "notifier/provider/verdict.h"

/* One configured app. Text is borrowed. */
struct wp_apns_app {
	const char *topic;     /* its bundle id */
	const char *title_key; /* of its own texts; "": our English ones */
	const char *body_key;
};

struct wp_apns_target {
	const char *base; /* of the environment: "https://api.push.apple.com" */
	const char *token;
	const char *bearer; /* our signed token */
};

/*
 * False when the token is none that a path may hold.
 *
 * call:  initialised, and empty
 */
bool wp_apns_build(struct wp_call *call, const struct wp_apns_app *app,
		   const struct wp_apns_target *target,
		   const struct wp_push *push);

/* Append the value of "aps", which FCM hands on as well. */
void wp_apns_aps(struct wp_buf *out, const struct wp_apns_app *app,
		 const struct wp_push *push);

/* What decides besides the answer. */
struct wp_apns_context {
	int64_t registered_ms; /* the device's token; wall clock, since 1970 */
	int64_t bearer_age_s;  /* our own token's */
	bool may_be_other;     /* env=auto, and the other one was not tried */
};

void wp_apns_judge(const struct wp_provider_answer *reply,
		   const struct wp_apns_context *context,
		   struct wp_judgement *out);

#endif /* WP_NOTIFIER_KIND_APNS_H */
