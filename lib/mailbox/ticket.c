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
#include "lib/http/head.h"

enum {
	TICKET_BYTES = 32,
	HASH_DIGITS = 2 * WP_SHA256_LEN,
	KEY_MAX = sizeof("wp:ticket:") + HASH_DIGITS,
	NAME_DIGITS = 2 * WP_NAME_HASH_LEN,
	/* Two times, two names, a device and a URN, each with what ends it. */
	VALUE_MAX = 2 * WP_DECIMAL_MAX + 2 * (NAME_DIGITS + 1) + WP_DEVICE_MAX +
		    1 + WP_URN_MAX + 1,
};

static void ticket_key(char key[KEY_MAX], const char *ticket)
{
	uint8_t hash[WP_SHA256_LEN];
	int at = snprintf(key, KEY_MAX, "wp:ticket:");

	wp_sha256(ticket, WP_TICKET_LEN, hash);
	wp_hex_write(key + at, hash, sizeof(hash));
}

void wp_ticket_issue(struct wp_cmd *cmd, char ticket[WP_TICKET_LEN + 1],
		     const struct wp_identity *caller)
{
	char subject[NAME_DIGITS + 1];
	char session[NAME_DIGITS + 1];
	uint8_t secret[TICKET_BYTES];
	char key[KEY_MAX];
	char value[VALUE_MAX];

	wp_random_bytes(secret, sizeof(secret));
	ticket[wp_base64url_encode(secret, sizeof(secret), ticket)] = '\0';
	ticket_key(key, ticket);
	wp_hex_write(subject, caller->subject, sizeof(caller->subject));
	wp_hex_write(session, caller->session, sizeof(caller->session));
	(void)snprintf(value, sizeof(value),
		       "%" PRId64 " %" PRId64 " %s %s %s %s", caller->expires_s,
		       caller->issued_s, subject, session, caller->device,
		       caller->user.text);

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

/* ---- what a ticket stands for: words with one blank between ---- */

/* The next word; a device may have no letter. False when no blank ends it. */
static bool next_word(const char **at, struct wp_text *out)
{
	const char *blank = strchr(*at, ' ');

	if (blank == NULL)
		return false;
	*out = (struct wp_text){ .data = *at, .len = (size_t)(blank - *at) };
	*at = blank + 1;
	return true;
}

static bool next_time(const char **at, int64_t *out)
{
	struct wp_text word;
	char *end = NULL;

	if (!next_word(at, &word) || word.len == 0)
		return false;
	*out = strtoll(word.data, &end, 10);
	return end == word.data + word.len;
}

static bool next_name(const char **at, uint8_t out[WP_NAME_HASH_LEN])
{
	struct wp_text word;

	return next_word(at, &word) &&
	       wp_hex_read(word.data, word.len, out, WP_NAME_HASH_LEN);
}

static bool next_device(const char **at, char out[WP_DEVICE_MAX + 1])
{
	struct wp_text word;

	if (!next_word(at, &word) || word.len > WP_DEVICE_MAX)
		return false;
	memcpy(out, word.data, word.len);
	out[word.len] = '\0';
	return true;
}

enum wp_err wp_ticket_redeem_parse(const struct wp_reply *reply,
				   struct wp_identity *caller_out)
{
	const char *at = wp_reply_str(reply);

	/* No reply at all also has the type of nothing. */
	if (reply == NULL || wp_reply_type(reply) == WP_REPLY_ERROR)
		return WP_ERR_UNAVAIL;
	*caller_out = (struct wp_identity){ 0 };
	if (wp_reply_type(reply) != WP_REPLY_STR ||
	    !next_time(&at, &caller_out->expires_s) ||
	    !next_time(&at, &caller_out->issued_s) ||
	    !next_name(&at, caller_out->subject) ||
	    !next_name(&at, caller_out->session) ||
	    !next_device(&at, caller_out->device) ||
	    wp_urn_parse(&caller_out->user, at, strlen(at), NULL) != WP_OK)
		return WP_ERR_DENIED;
	return WP_OK;
}
