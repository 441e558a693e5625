/*
 * presence.c - words of the presence calls, and what their answers mean.
 *
 * Knows argument orders and result shapes. Holds no connection and no list of
 * users: those are the daemon's.
 */
#include "lib/mailbox/presence.h"

#include <stdio.h>

#include "lib/mailbox/partition.h"
#include "lib/mailbox/scripts.h"

void wp_presence_connect_build(struct wp_cmd *cmd, const char *run_id,
			       const struct wp_box *box,
			       const struct wp_presence_connect *what)
{
	wp_cmd_script(cmd, WP_SCRIPT_CONNECT, box->partition);
	wp_cmd_str(cmd, run_id);
	wp_cmd_str(cmd, what->incarnation);
	wp_cmd_str(cmd, what->connection);
	wp_cmd_add(cmd, box->text, box->len);
	if (what->since_ms == 0)
		wp_cmd_str(cmd, "");
	else
		wp_cmd_int(cmd, what->since_ms);
	wp_cmd_str(cmd, what->protocol);
	wp_cmd_str(cmd, what->device);
	wp_cmd_str(cmd, what->chat);
	wp_cmd_int(cmd, what->max_per_user);
}

enum wp_err wp_presence_connect_parse(const struct wp_reply *reply,
				      struct wp_presence_connected *out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	*out = (struct wp_presence_connected){ 0 };
	if (wp_reply_is(status, "gone")) {
		out->is_gone = true;
		return WP_OK;
	}
	if (!wp_reply_is(status, "ok") || wp_reply_count(reply) != 3)
		return WP_ERR_UNAVAIL;
	out->pending = wp_reply_int(wp_reply_at(reply, 1));
	out->since_ms = wp_reply_int(wp_reply_at(reply, 2));
	return WP_OK;
}

void wp_presence_disconnect_build(struct wp_cmd *cmd, const struct wp_box *box,
				  const char *connection, int64_t grace_ms)
{
	wp_cmd_script(cmd, WP_SCRIPT_DISCONNECT, box->partition);
	wp_cmd_str(cmd, connection);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_int(cmd, grace_ms);
	wp_cmd_int(cmd, WP_SEEN_TTL_SECONDS);
}

enum wp_err wp_presence_disconnect_parse(const struct wp_reply *reply,
					 int64_t *left_out)
{
	if (!wp_reply_is(wp_reply_at(reply, 0), "ok") ||
	    wp_reply_count(reply) != 2)
		return WP_ERR_UNAVAIL;
	*left_out = wp_reply_int(wp_reply_at(reply, 1));
	return WP_OK;
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

enum wp_err wp_presence_done_parse(const struct wp_reply *reply)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	if (wp_reply_is(status, "ok"))
		return WP_OK;
	return wp_reply_is(status, "busy") ? WP_ERR_STALE : WP_ERR_UNAVAIL;
}

void wp_presence_heartbeat_build(struct wp_cmd *cmd, uint32_t partition,
				 const char *incarnation)
{
	wp_cmd_script(cmd, WP_SCRIPT_HEARTBEAT, partition);
	wp_cmd_str(cmd, incarnation);
	wp_cmd_int(cmd, WP_HEARTBEAT_MEMBERS);
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

void wp_presence_reap_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    const char *incarnation, const char *counter)
{
	wp_cmd_script(cmd, WP_SCRIPT_REAP, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_str(cmd, incarnation);
	wp_cmd_str(cmd, counter);
	wp_cmd_int(cmd, WP_REAP_CHUNK);
	wp_cmd_int(cmd, WP_SEEN_TTL_SECONDS);
}

enum wp_err wp_presence_reap_parse(const struct wp_reply *reply,
				   enum wp_reap_status *status_out,
				   int64_t *removed_out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	*removed_out = wp_reply_int(wp_reply_at(reply, 1));
	if (wp_reply_is(status, "done"))
		*status_out = WP_REAP_DONE;
	else if (wp_reply_is(status, "more"))
		*status_out = WP_REAP_MORE;
	else if (wp_reply_is(status, "alive"))
		*status_out = WP_REAP_ALIVE;
	else if (wp_reply_is(status, "lost"))
		*status_out = WP_REAP_LOST;
	else
		return WP_ERR_UNAVAIL;
	return WP_OK;
}

void wp_presence_live_build(struct wp_cmd *cmd, uint32_t partition)
{
	char prefix[WP_PREFIX_MAX];
	char key[WP_PREFIX_MAX + sizeof("live")];

	wp_partition_prefix(prefix, partition);
	(void)snprintf(key, sizeof(key), "%slive", prefix);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "HGETALL");
	wp_cmd_str(cmd, key);
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
