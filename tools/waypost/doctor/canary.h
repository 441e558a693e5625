/*
 * canary.h - one message all the way through the deployment, as users would
 * send and get it: through the web server, the handlers, the worker and the
 * daemon, out of memory and off the disk.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_CANARY_H
#define WP_TOOLS_WAYPOST_DOCTOR_CANARY_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "tools/waypost/doctor/web.h"

/* How long what took; 0: it did not come to that. */
struct wp_canary_times {
	uint64_t accepted_us; /* from the send to 202 */
	uint64_t poked_us;    /* from the send to the poke */
	uint64_t pulled_us;   /* the pull that had it */
	uint64_t from_disk_us;
};

/* How long a message lives that could not be deleted, in seconds. */
#define WP_CANARY_FOR_S "600"

/* All is borrowed. */
struct wp_canary {
	struct wp_web *web;
	const char *ca_file;
	const char *sender_token;
	const char *recipient_token;
	/*
	 * Wait until what the recipient has is on disk; NULL: for away_ms from
	 * when he left. Errors: WP_ERR_UNAVAIL  it is not, for too long
	 */
	enum wp_err (*wait_for_disk)(void *ctx, const char *recipient,
				     struct wp_error *err);
	void *ctx;
	uint32_t away_ms;
	uint32_t step_ms; /* for each step at most */
};

/*
 * Send to the recipient while he is connected, and again when he has left;
 * compare what comes, and delete it. What cannot be deleted, because a step
 * before failed, expires within WP_CANARY_FOR_S.
 *
 * Errors:  err.msg says which step went wrong, without a token or any of what
 *          was sent
 */
enum wp_err wp_canary_fly(const struct wp_canary *canary,
			  struct wp_canary_times *out,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_DOCTOR_CANARY_H */
