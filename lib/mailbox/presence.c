/*
 * presence.c - words of the presence calls, what their answers mean, and the
 * channels and messages of Pub/Sub.
 *
 * Knows argument orders and result shapes. Holds no connection and no list of
 * users: those are the daemon's. Texts of Pub/Sub come from whoever may
 * publish: lengths count, a NUL is a byte like others, and what is not
 * understood says nothing.
 */
#include "lib/mailbox/presence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"

#define CHANNEL "wp:poke:"

enum { NONCE_TEXT_MAX = 12 };

/* ---- Pub/Sub ---- */

void wp_poke_channel(char out[WP_POKE_CHANNEL_MAX + 1], const char *incarnation)
{
	snprintf(out, WP_POKE_CHANNEL_MAX + 1, CHANNEL "%s", incarnation);
}

const char *wp_poke_notified(const char *channel, size_t *len)
{
	const size_t skip = sizeof(WP_NOTIFICATION_CHANNEL) - 1;

	if (*len < skip || memcmp(channel, WP_NOTIFICATION_CHANNEL, skip) != 0)
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

void wp_poke_read(const char *message, size_t len,
		  void (*hear)(void *ctx, const struct wp_poke *poke),
		  void *ctx)
{
	const char *end = message + len;
	struct wp_poke poke = { 0 };
	uint64_t number;

	if (len <= 2 || message[1] != ' ')
		return;
	poke.text = message + 2;
	poke.len = len - 2;
	switch (message[0]) {
	case 'p':
		poke.what = WP_POKE_USER;
		while (poke.text < end) {
			const char *comma = memchr(poke.text, ',',
						   (size_t)(end - poke.text));

			poke.len = (size_t)((comma != NULL ? comma : end) -
					    poke.text);
			hear(ctx, &poke);
			poke.text += poke.len + (comma != NULL);
		}
		break;
	case 'k':
		poke.what = WP_POKE_KICK;
		hear(ctx, &poke);
		break;
	case 'n':
		if (!read_number(poke.text, poke.len, &number) ||
		    number > UINT32_MAX)
			break;
		poke.what = WP_POKE_NONCE;
		poke.nonce = (uint32_t)number;
		hear(ctx, &poke);
		break;
	default:
		break;
	}
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

/* ---- calls ---- */

/* How many, from the first on, are of one partition? */
static size_t part_len(const struct wp_presence_connect *list, size_t n)
{
	size_t len = 1;

	while (len < n && list[len].partition == list[0].partition)
		len++;
	return len;
}

static void add_connection(struct wp_cmd *cmd,
			   const struct wp_presence_connect *one)
{
	wp_cmd_str(cmd, one->connection);
	wp_cmd_add(cmd, one->urn, one->urn_len);
	if (one->since_ms == 0)
		wp_cmd_str(cmd, "");
	else
		wp_cmd_int(cmd, one->since_ms);
	wp_cmd_str(cmd, one->device);
	wp_cmd_str(cmd, one->chat);
}

void wp_presence_connect_build(struct wp_cmd *cmd, const char *run_id,
			       const struct wp_presence_teller *teller,
			       const struct wp_presence_connect *list, size_t n)
{
	size_t n_parts = 0;

	for (size_t i = 0; i < n; i += part_len(list + i, n - i))
		n_parts++;
	wp_cmd_script_of(cmd, WP_SCRIPT_CONNECT, n_parts);
	for (size_t i = 0; i < n; i += part_len(list + i, n - i))
		wp_cmd_prefix(cmd, list[i].partition);
	wp_cmd_str(cmd, run_id);
	wp_cmd_str(cmd, teller->incarnation);
	wp_cmd_str(cmd, teller->protocol);
	wp_cmd_int(cmd, teller->max_per_user);
	for (size_t i = 0; i < n; i += part_len(list + i, n - i))
		wp_cmd_int(cmd, (int64_t)part_len(list + i, n - i));
	for (size_t i = 0; i < n; i++)
		add_connection(cmd, &list[i]);
}

/* Of connect.lua, for each connection. */
enum { CONNECTED_WORDS = 3 };

enum wp_err wp_presence_connect_parse(const struct wp_reply *reply, size_t i,
				      struct wp_presence_connected *out)
{
	const struct wp_reply *word = wp_reply_at(reply, CONNECTED_WORDS * i);

	*out = (struct wp_presence_connected){ .problem = "" };
	if (wp_reply_is(word, "gone")) {
		out->is_gone = true;
		return WP_OK;
	}
	if (!wp_reply_is(word, "ok")) {
		out->problem = wp_reply_str(word == NULL ? reply : word);
		return WP_ERR_UNAVAIL;
	}
	out->pending =
		wp_reply_int(wp_reply_at(reply, CONNECTED_WORDS * i + 1));
	out->since_ms =
		wp_reply_int(wp_reply_at(reply, CONNECTED_WORDS * i + 2));
	return WP_OK;
}

void wp_presence_disconnect_build(struct wp_cmd *cmd,
				  const struct wp_conf *conf,
				  const struct wp_box *box,
				  const char *connection, int64_t grace_ms)
{
	wp_cmd_script(cmd, WP_SCRIPT_DISCONNECT, box->partition);
	wp_cmd_str(cmd, connection);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_int(cmd, grace_ms);
	wp_cmd_int(cmd, WP_SEEN_TTL_SECONDS);
	wp_push_add(cmd, conf);
}

void wp_presence_join_build(struct wp_cmd *cmd, uint32_t partition,
			    const char *incarnation)
{
	wp_cmd_script(cmd, WP_SCRIPT_JOIN, partition);
	wp_cmd_str(cmd, incarnation);
}

void wp_presence_leave_build(struct wp_cmd *cmd, uint32_t partition,
			     const char *incarnation)
{
	wp_cmd_script(cmd, WP_SCRIPT_LEAVE, partition);
	wp_cmd_str(cmd, incarnation);
}

void wp_presence_heartbeat_build(struct wp_cmd *cmd, uint32_t partition,
				 const char *incarnation)
{
	wp_cmd_script(cmd, WP_SCRIPT_HEARTBEAT, partition);
	wp_cmd_str(cmd, incarnation);
	wp_cmd_int(cmd, WP_HEARTBEAT_MEMBERS);
}

static void add_daemon_key(struct wp_cmd *cmd, const char *incarnation)
{
	static const char prefix[] = "wp:daemon:";

	wp_cmd_join(cmd, prefix, sizeof(prefix) - 1, incarnation,
		    strlen(incarnation));
}

void wp_presence_say_build(struct wp_cmd *cmd, const char *incarnation,
			   int64_t users)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "SET");
	add_daemon_key(cmd, incarnation);
	wp_cmd_int(cmd, users);
	wp_cmd_str(cmd, "PX");
	wp_cmd_int(cmd, WP_DAEMON_SAID_MS);
}

void wp_presence_said_build(struct wp_cmd *cmd, const char *incarnation)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "GET");
	add_daemon_key(cmd, incarnation);
	wp_cmd_end(cmd);
	wp_cmd_str(cmd, "PTTL");
	add_daemon_key(cmd, incarnation);
	wp_cmd_end(cmd);
}

bool wp_presence_said_parse(const struct wp_reply *reply,
			    struct wp_daemon_said *out)
{
	const struct wp_reply *users = wp_reply_at(reply, 0);
	int64_t left_ms = wp_reply_int(wp_reply_at(reply, 1));

	if (wp_reply_type(users) != WP_REPLY_STR || left_ms < 0 ||
	    left_ms > WP_DAEMON_SAID_MS)
		return false;
	*out = (struct wp_daemon_said){
		.users = wp_reply_int(users),
		.age_ms = WP_DAEMON_SAID_MS - left_ms,
	};
	return true;
}

/* {"ok", more, member, …} */
enum { BEAT_FIRST_MEMBER = 2 };

enum wp_err wp_presence_heartbeat_parse(const struct wp_reply *reply,
					struct wp_presence_beat *out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	*out = (struct wp_presence_beat){ 0 };
	if (wp_reply_is(status, "gone")) {
		out->is_gone = true;
		return WP_OK;
	}
	if (!wp_reply_is(status, "ok") ||
	    wp_reply_count(reply) < BEAT_FIRST_MEMBER)
		return WP_ERR_UNAVAIL;
	out->more = wp_reply_int(wp_reply_at(reply, 1)) != 0;
	out->n = wp_reply_count(reply) - BEAT_FIRST_MEMBER;
	return WP_OK;
}

struct wp_poke wp_presence_beat_member(const struct wp_reply *reply, size_t i)
{
	const struct wp_reply *item = wp_reply_at(reply, BEAT_FIRST_MEMBER + i);
	struct wp_poke poke = {
		.what = WP_POKE_USER,
		.text = wp_reply_str(item),
		.len = wp_reply_len(item),
	};

	if (poke.text[0] == '!') {
		poke.what = WP_POKE_KICK;
		poke.text++;
		poke.len--;
	}
	return poke;
}

void wp_presence_query_build(struct wp_cmd *cmd,
			     const struct wp_box *const *boxes, size_t n)
{
	wp_cmd_script(cmd, WP_SCRIPT_PRESENCE, boxes[0]->partition);
	for (size_t i = 0; i < n; i++)
		wp_cmd_add(cmd, boxes[i]->text, boxes[i]->len);
}

enum wp_err wp_presence_query_parse(const struct wp_reply *reply, size_t n,
				    struct wp_presence_state *out)
{
	if (wp_reply_type(reply) != WP_REPLY_ARRAY ||
	    wp_reply_count(reply) != 2 * n)
		return WP_ERR_UNAVAIL;
	for (size_t i = 0; i < n; i++) {
		out[i].connections = wp_reply_int(wp_reply_at(reply, 2 * i));
		out[i].seen_s = wp_reply_int(wp_reply_at(reply, 2 * i + 1));
	}
	return WP_OK;
}
