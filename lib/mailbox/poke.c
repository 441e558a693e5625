/*
 * poke.c - channels and messages of Pub/Sub.
 *
 * Texts come from whoever may publish: lengths count, a NUL is a byte like
 * others, and what is not understood says nothing.
 */
#include "lib/mailbox/poke.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHANNEL "wp:poke:"
#define NOTIFICATION_CHANNEL "user_noti:"

enum { NONCE_TEXT_MAX = 12 };

void wp_poke_channel(char out[WP_POKE_CHANNEL_MAX + 1], const char *incarnation)
{
	snprintf(out, WP_POKE_CHANNEL_MAX + 1, CHANNEL "%s", incarnation);
}

const char *wp_poke_notified(const char *channel, size_t *len)
{
	const size_t skip = sizeof(NOTIFICATION_CHANNEL) - 1;

	if (*len < skip || memcmp(channel, NOTIFICATION_CHANNEL, skip) != 0)
		return NULL;
	*len -= skip;
	return channel + skip;
}

/* Digits and nothing else, as a number that they do not overflow. */
static bool read_number(const char *text, size_t len, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    *out > (UINT64_MAX - 9) / 10)
			return false;
		*out = *out * 10 + (uint64_t)(text[i] - '0');
	}
	return len > 0;
}

struct wp_poke_reader wp_poke_read(const char *message, size_t len)
{
	struct wp_poke_reader reader = { 0 };

	if (len > 2 && message[1] == ' ') {
		reader.kind = message[0];
		reader.text = message + 2;
		reader.len = len - 2;
	}
	return reader;
}

/* Cut off what comes before the next comma. */
static void next_user(struct wp_poke_reader *reader, struct wp_poke *out)
{
	const char *comma = memchr(reader->text, ',', reader->len);

	out->what = WP_POKE_USER;
	out->text = reader->text;
	if (comma == NULL) {
		out->len = reader->len;
		reader->len = 0;
		return;
	}
	out->len = (size_t)(comma - reader->text);
	reader->text += out->len + 1;
	reader->len -= out->len + 1;
}

bool wp_poke_next(struct wp_poke_reader *reader, struct wp_poke *out)
{
	uint64_t number;

	*out = (struct wp_poke){ .text = reader->text, .len = reader->len };
	if (reader->len == 0)
		return false;
	if (reader->kind == 'p') {
		next_user(reader, out);
		return true;
	}
	reader->len = 0;
	if (reader->kind == 'k') {
		out->what = WP_POKE_KICK;
		return true;
	}
	if (reader->kind != 'n' || !read_number(out->text, out->len, &number) ||
	    number > UINT32_MAX)
		return false;
	out->what = WP_POKE_NONCE;
	out->nonce = (uint32_t)number;
	return true;
}

void wp_poke_nonce_build(struct wp_cmd *cmd, const char *incarnation,
			 uint32_t nonce)
{
	char channel[WP_POKE_CHANNEL_MAX + 1];
	char text[NONCE_TEXT_MAX + 1];

	wp_poke_channel(channel, incarnation);
	snprintf(text, sizeof(text), "n %" PRIu32, nonce);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "PUBLISH");
	wp_cmd_str(cmd, channel);
	wp_cmd_str(cmd, text);
}

void wp_connection_name(char out[WP_CONNECTION_MAX + 1],
			const char *incarnation, uint64_t number)
{
	snprintf(out, WP_CONNECTION_MAX + 1, "%s.%" PRIu64, incarnation,
		 number);
}

bool wp_connection_number(const char *name, size_t len, const char *incarnation,
			  uint64_t *number_out)
{
	size_t skip = strlen(incarnation);

	return len > skip + 1 && memcmp(name, incarnation, skip) == 0 &&
	       name[skip] == '.' &&
	       read_number(name + skip + 1, len - skip - 1, number_out);
}
