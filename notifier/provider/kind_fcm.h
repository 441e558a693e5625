/*
 * kind_fcm.h - pushes by Firebase Cloud Messaging (HTTP v1): a request, and
 * what an answer means. Pure.
 *
 * Source:  Firebase, "projects.messages" and "ErrorCode" of the FCM v1 API
 */
#ifndef WP_NOTIFIER_KIND_FCM_H
#define WP_NOTIFIER_KIND_FCM_H

#include <stdbool.h>

#include "notifier/provider/kind.h"
#include "notifier/provider/kind_apns.h"
#include "notifier/provider/verdict.h"

/* One configured app. Text is borrowed. */
struct wp_fcm_app {
	const char *base; /* "https://fcm.googleapis.com" */
	const char *project;
	bool has_texts; /* style=alert: the system shows one; else the app */
	const struct wp_apns_app *ios; /* texts, for devices of Apple */
};

struct wp_fcm_target {
	const char *token;
	const char *access_token; /* ours, of Google */
	bool is_ios;
};

/* call:  initialised, and empty */
void wp_fcm_build(struct wp_call *call, const struct wp_fcm_app *app,
		  const struct wp_fcm_target *target,
		  const struct wp_push *push);

void wp_fcm_judge(const struct wp_provider_answer *reply,
		  struct wp_judgement *out);

#endif /* WP_NOTIFIER_KIND_FCM_H */
