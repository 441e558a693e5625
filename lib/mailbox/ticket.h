/*
 * ticket.h - one-use tickets for /connect?ticket= (docs/openapi.yaml
 * "/api/ticket").
 *
 * Redis holds wp:ticket:<SHA-256 of the ticket> for 30 s with what the token
 * that it was bought with says of its caller, so that a ticket is no better
 * than that; the ticket itself is nowhere.
 */
#ifndef WP_LIB_MAILBOX_TICKET_H
#define WP_LIB_MAILBOX_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum { WP_TICKET_LEN = 43, WP_TICKET_TTL_S = 30 };

/* Make a ticket for the caller and the command that stores it. */
void wp_ticket_issue(struct wp_cmd *cmd, char ticket[WP_TICKET_LEN + 1],
		     const struct wp_identity *caller);
/* The command that redeems it (GETDEL); INVAL if it cannot be a ticket. */
enum wp_err wp_ticket_redeem_build(struct wp_cmd *cmd, const char *ticket,
				   size_t len) WP_MUST_USE;
/* WP_ERR_DENIED unknown or used; WP_ERR_UNAVAIL no answer. */
enum wp_err wp_ticket_redeem_parse(const struct wp_reply *reply,
				   struct wp_identity *caller_out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_TICKET_H */
