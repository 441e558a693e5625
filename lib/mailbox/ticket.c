/*
 * ticket.c - one-use tickets: random, stored by hash, redeemed by GETDEL.
 *
 * Reading the whole key space would give no usable ticket. Deciding who may
 * buy one, and what a redeemed one is good for, is the callers' business.
 */
#include "lib/mailbox/ticket.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"

enum {
	TICKET_BYTES = 32,
	HASH_DIGITS = 2 * WP_SHA256_LEN,
	KEY_MAX = sizeof("wp:ticket:") + HASH_DIGITS,
	EXPIRY_DIGITS_MAX = 20, /* of an int64_t, with its sign */
	VALUE_MAX = EXPIRY_DIGITS_MAX + 1 + WP_URN_MAX + 1,
};

static void ticket_key(char key[KEY_MAX], const char *ticket)
{
	uint8_t hash[WP_SHA256_LEN];
	int at = snprintf(key, KEY_MAX, "wp:ticket:");

	wp_sha256(ticket, WP_TICKET_LEN, hash);
	wp_hex_write(key + at, hash, sizeof(hash));
}

void wp_ticket_issue(struct wp_cmd *cmd, char ticket[WP_TICKET_LEN + 1],
		     const struct wp_urn *user, int64_t token_expires_s)
{
	uint8_t secret[TICKET_BYTES];
	char key[KEY_MAX];
	char value[VALUE_MAX];

	wp_random_bytes(secret, sizeof(secret));
	ticket[wp_base64url_encode(secret, sizeof(secret), ticket)] = '\0';
	ticket_key(key, ticket);
	(void)snprintf(value, sizeof(value), "%" PRId64 " %s", token_expires_s,
		       user->text);

	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "SET");
	wp_cmd_str(cmd, key);
	wp_cmd_str(cmd, value);
	wp_cmd_str(cmd, "EX");
	wp_cmd_int(cmd, WP_TICKET_TTL_S);
}

static bool is_ticket(const char *text, size_t len)
{
	uint8_t bytes[WP_TICKET_LEN + 1]; /* decoding never grows */
	size_t n = 0;

	return len == WP_TICKET_LEN &&
	       wp_base64url_decode(text, len, bytes, &n) && n == TICKET_BYTES;
}

enum wp_err wp_ticket_redeem_build(struct wp_cmd *cmd, const char *ticket,
				   size_t len)
{
	char key[KEY_MAX];

	if (!is_ticket(ticket, len))
		return WP_ERR_INVAL;
	ticket_key(key, ticket);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "GETDEL");
	wp_cmd_str(cmd, key);
	return WP_OK;
}

enum wp_err wp_ticket_redeem_parse(const struct wp_reply *reply,
				   struct wp_urn *user_out,
				   int64_t *token_expires_s_out)
{
	const char *text = wp_reply_str(reply);
	char *space = NULL;
	int64_t expires_s;

	/* No reply at all also has the type of nothing. */
	if (reply == NULL || wp_reply_type(reply) == WP_REPLY_ERROR)
		return WP_ERR_UNAVAIL;
	if (wp_reply_type(reply) != WP_REPLY_STR)
		return WP_ERR_DENIED;
	expires_s = strtoll(text, &space, 10);
	if (space == text || *space != ' ' ||
	    wp_urn_parse(user_out, space + 1, strlen(space + 1), NULL) != WP_OK)
		return WP_ERR_DENIED;
	*token_expires_s_out = expires_s;
	return WP_OK;
}
