/*
 * mailbox_walk.h - every mailbox that something waits in, one after the other,
 * no faster than 5,000 a second: everybody else needs Redis too. What is on
 * disk is what the store has told Redis last.
 */
#ifndef WP_TOOLS_WAYPOST_MESSAGES_MAILBOX_WALK_H
#define WP_TOOLS_WAYPOST_MESSAGES_MAILBOX_WALK_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/urn.h"
#include "tools/waypost/cli/cli.h"

enum { WP_MAILBOX_WALK_PER_S = 5000 };

struct wp_mailbox_row {
	char user[WP_URN_MAX + 1];
	uint32_t partition;
	int64_t n, bytes;         /* in ingress and hot */
	int64_t cold, cold_bytes; /* on disk */
};

struct wp_mailbox_walk {
	/* May hear of a mailbox twice. row is borrowed for the call. */
	void (*hear)(void *ctx, const struct wp_mailbox_row *row);
	/* May be NULL. Returns: go on */
	bool (*rest)(void *ctx, int64_t looked_at);
	void *ctx;
	int64_t looked_at; /* so far; out */
	uint64_t began_ms; /* out */
};

/* How many mailboxes there are, about. Errors: WP_ERR_UNAVAIL */
enum wp_err wp_mailbox_count(struct wp_cli *cli, int64_t *out,
			     struct wp_error *err) WP_MUST_USE;

/* Errors: WP_ERR_UNAVAIL */
enum wp_err wp_mailbox_walk(struct wp_cli *cli, struct wp_mailbox_walk *walk,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_MESSAGES_MAILBOX_WALK_H */
