/*
 * mailbox.h - what is known of one mailbox, for `queue show` and `user show`:
 * of both tiers, and how full it is. Never what is in a message.
 */
#ifndef WP_TOOLS_WAYPOST_MESSAGES_MAILBOX_H
#define WP_TOOLS_WAYPOST_MESSAGES_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/glance.h"
#include "lib/name/box.h"
#include "lib/store/store.h"
#include "tools/waypost/cli/cli.h"

struct wp_mailbox_band {
	int64_t n;
	int64_t bytes;    /* -1: not known */
	int64_t first_ms; /* since when the first waits; 0: none */
};

struct wp_mailbox {
	struct wp_box box;
	struct wp_inspect redis; /* as Redis knows it */
	bool is_read;            /* the store was asked; else see redis.cold */
	struct wp_mailbox_band cold[2]; /* by enum wp_band, when it was */
};

/*
 * Ask Redis, and then the store, if there is one that this user may read: as
 * lib/mailbox/pull.h does, so that nothing that moves between them is missed.
 *
 * Errors:  WP_ERR_UNAVAIL, of Redis; a store that cannot be read is told on
 *          standard error, and out->is_read is false
 */
enum wp_err wp_mailbox_read(struct wp_cli *cli, const struct wp_urn *user,
			    struct wp_mailbox *out,
			    struct wp_error *err) WP_MUST_USE;

/* All that counts for the quota, as of wp_mailbox_read(); bytes of the store as
 * it counts them. -1: not known. */
int64_t wp_mailbox_total(const struct wp_mailbox *mailbox);
int64_t wp_mailbox_total_bytes(const struct wp_mailbox *mailbox);

/*
 * Open the store of the deployment to read it; nothing is made.
 *
 * *out:    NULL when there is none yet
 * Errors:  as wp_deployment_open()
 */
enum wp_err wp_cli_open_store(const struct wp_cli *cli, struct wp_store **out,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_MESSAGES_MAILBOX_H */
