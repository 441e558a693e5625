/*
 * kind_web.h - pushes to browsers (Web Push) and by UnifiedPush, which is the
 * same to whatever host a user has: a request, and what an answer means. Pure.
 *
 * Source:  RFC 8030, RFC 8291, RFC 8292
 */
#ifndef WP_NOTIFIER_KIND_WEB_H
#define WP_NOTIFIER_KIND_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/auth/ece.h"
#include "lib/base/err.h"
#include "notifier/provider/kind.h"
#include "notifier/provider/verdict.h"

enum { WP_WEB_ORIGIN_MAX = 2048 };

/* Text is borrowed. */
struct wp_web_target {
	const char *endpoint;
	struct wp_ece_receiver receiver;
	const char *authorization; /* wp_vapid_sign() for wp_web_origin() */
};

/*
 * The origin of an endpoint, as a token is made for it: scheme, host and a port
 * that is not 443.
 *
 * Returns:  false when it is no https URL, or too long
 */
bool wp_web_origin(const char *endpoint, char out[WP_WEB_ORIGIN_MAX]);

/*
 * call:    initialised, and empty
 * sender:  new: wp_ece_sender_make()
 * Errors:  WP_ERR_INVAL  the subscription's key is none
 *          WP_ERR_NOMEM
 */
enum wp_err wp_web_build(struct wp_call *call,
			 const struct wp_web_target *target,
			 const struct wp_ece_sender *sender,
			 const struct wp_push *push,
			 struct wp_error *err) WP_MUST_USE;

/* is_ours:  it was subscribed with the key that is ours now */
void wp_web_judge(const struct wp_provider_answer *reply, bool is_ours,
		  struct wp_judgement *out);

#endif /* WP_NOTIFIER_KIND_WEB_H */
