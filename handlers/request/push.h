/*
 * push.h - what a process needs to register devices: which apps there are,
 * where strangers may be called, and the keys under which the store keeps it.
 */
#ifndef WP_HANDLERS_REQUEST_PUSH_H
#define WP_HANDLERS_REQUEST_PUSH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/push_keys.h"
#include "lib/auth/revoked.h"
#include "lib/auth/vapid.h"
#include "lib/base/err.h"
#include "lib/push/endpoint.h"
#include "lib/store/push.h"
#include "lib/sys/conf.h"
#include "lib/sys/push_apps.h"

enum { WP_PUSH_PORTS_MAX = 16 };

struct wp_push {
	struct wp_push_apps *apps; /* owned */
	struct wp_push_keys keys;  /* secret */
	uint16_t ports[WP_PUSH_PORTS_MAX];
	struct wp_endpoint_rules web; /* of browsers' push services */
	struct wp_endpoint_rules any; /* of everybody else's endpoints */
	/* What browsers subscribe with (RFC 8292 section 3.2); "": they cannot.
	 * And what a row keeps of it. */
	char web_key[WP_VAPID_PUBLIC_LEN + 1];
	uint8_t web_key_mark[WP_PUSH_VAPID_LEN];
};

/*
 * conf:    borrowed
 * Errors:  WP_ERR_INVAL  "push.vapid_key…: …"; WP_ERR_NOMEM. End with
 *          wp_push_release() also then
 */
enum wp_err wp_push_init(struct wp_push *push, const struct wp_conf *conf,
			 struct wp_error *err) WP_MUST_USE;
/* What a key that is revoked at that time says of devices; wp_push_end(). */
struct wp_push_end wp_push_end_of(const struct wp_revoked_key *key,
				  int64_t at_s);

/* All zero is nothing. */
void wp_push_release(struct wp_push *push);

#endif /* WP_HANDLERS_REQUEST_PUSH_H */
