/*
 * ticket.h - one-use tickets for /connect?ticket= (docs/openapi.yaml
 * "/api/ticket").
 *
 * Redis holds wp:ticket:<SHA-256 of the ticket> for 30 s with the caller's URN
 * and the expiry of the token it was bought with; the ticket itself is nowhere.
 */
#ifndef WP_LIB_MAILBOX_TICKET_H
#define WP_LIB_MAILBOX_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/urn.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum { WP_TICKET_LEN = 43, WP_TICKET_TTL_S = 30 };

/* Make a ticket and the command that stores it. */
void wp_ticket_issue(struct wp_cmd *cmd, char ticket[WP_TICKET_LEN + 1],
		     const struct wp_urn *user, int64_t token_expires_s);
/* The command that redeems it (GETDEL); INVAL if it cannot be a ticket. */
enum wp_err wp_ticket_redeem_build(struct wp_cmd *cmd, const char *ticket,
				   size_t len) WP_MUST_USE;
/* WP_ERR_DENIED unknown or used; WP_ERR_UNAVAIL no answer. */
enum wp_err wp_ticket_redeem_parse(const struct wp_reply *reply,
				   struct wp_urn *user_out,
				   int64_t *token_expires_s_out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_TICKET_H */
