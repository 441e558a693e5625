/*
 * submit.h - send what a client hands over, without waiting: the checks of
 * lib/mailbox/submit.h in their order, and send.lua on the command connection.
 *
 * Sends of one program travel one connection, so those of one client are
 * accepted in their order.
 */
#ifndef WP_LIB_LIVE_SUBMIT_H
#define WP_LIB_LIVE_SUBMIT_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/live/live.h"
#include "lib/mailbox/submit.h"

/* One send on its way. The caller's memory, which stays until `done`. */
struct wp_live_submit {
	struct wp_live *live;
	struct wp_envelope envelope; /* reading the answer wants it */
	bool has_key;
	struct wp_charge charge;
	/* What became of it, on the loop's thread; it may free submit. */
	void (*done)(struct wp_live_submit *submit,
		     const struct wp_send_result *result);
};

/*
 * Begin a send of this user; done will run once, and has not yet when this
 * returns.
 *
 * submit:   all zero but for live and done
 * options:  its sender is user, whatever it says; not needed afterwards
 * text:     the envelope, but for its partitions; not needed afterwards
 * Returns:  false with a refusal: done does not run, and nothing was sent
 */
bool wp_live_submit_begin(struct wp_live_submit *submit,
			  const struct wp_user *user,
			  const struct wp_submit_options *options,
			  const struct wp_envelope_text *text,
			  struct wp_refusal *refusal) WP_MUST_USE;

#endif /* WP_LIB_LIVE_SUBMIT_H */
