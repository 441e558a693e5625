/*
 * route.c - words of a call of route.lua, and its answers.
 *
 * Knows the argument order of the script and nothing about when to call it.
 */
#include "lib/mailbox/route.h"

#include <assert.h>

#include "lib/mailbox/entry.h"
#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"

enum {
	ROUTE_BYTES = 1024 * 1024,
	/* {"ok", routed, dropped, dead, held, left, marked, error, passed,
	 * walked, row…} */
	ROWS_AT = 11,
	/* id, expires_ms, m, version */
	ROW_WORDS = 4,
};

/* ---- the call ---- */

static void add_flag(struct wp_cmd *cmd, bool flag)
{
	wp_cmd_str(cmd, flag ? "1" : "0");
}

static void add_name(struct wp_cmd *cmd, const struct wp_route_name *name)
{
	wp_cmd_add(cmd, name->urn, name->len);
	if (name->version == WP_ROUTE_VERSION_HOT)
		wp_cmd_str(cmd, "hot");
	else if (name->version == WP_ROUTE_VERSION_WAY)
		wp_cmd_str(cmd, "way");
	else
		wp_cmd_int(cmd, name->version);
}

static void add_partition(struct wp_cmd *cmd, const struct wp_route_ask *ask)
{
	wp_cmd_str(cmd, ask->lease.owner);
	add_flag(cmd, ask->is_careful);
	add_flag(cmd, ask->may_have_tries);
	add_flag(cmd, ask->is_direct);
	wp_cmd_str(cmd, ask->from);
	wp_cmd_int(cmd, (int64_t)ask->n_names);
	for (size_t i = 0; i < ask->n_names; i++)
		add_name(cmd, &ask->names[i]);
}

void wp_route_build(struct wp_cmd *cmd, const struct wp_route_call *call,
		    const struct wp_route_ask *asks, size_t n)
{
	const struct wp_conf *conf = call->conf;

	assert(n > 0 && n <= WP_ROUTES_MAX);
	assert(n == 1 || !asks[0].is_careful);
	wp_cmd_script_of(cmd, WP_SCRIPT_ROUTE, n);
	for (size_t i = 0; i < n; i++)
		wp_cmd_prefix(cmd, asks[i].lease.partition);
	wp_cmd_str(cmd, call->run_id);
	wp_cmd_int(cmd, asks[0].is_careful ? 1 : conf->worker.batch_entries);
	wp_cmd_int(cmd, ROUTE_BYTES);
	wp_cmd_int(cmd, conf->mailbox.max_tries);
	wp_push_add(cmd, conf);
	wp_cmd_str(cmd, call->token);
	for (size_t i = 0; i < n; i++)
		add_partition(cmd, &asks[i]);
}

/* ---- the answer ---- */

static void read_counts(const struct wp_reply *reply,
			struct wp_route_result *out)
{
	out->routed = wp_reply_int(wp_reply_at(reply, 1));
	out->dropped = wp_reply_int(wp_reply_at(reply, 2));
	out->dead = wp_reply_int(wp_reply_at(reply, 3));
	out->held = wp_reply_int(wp_reply_at(reply, 4));
	out->left = wp_reply_int(wp_reply_at(reply, 5));
	out->marked = wp_reply_int(wp_reply_at(reply, 6));
	out->error = wp_reply_str(wp_reply_at(reply, 7));
	out->passed = wp_reply_int(wp_reply_at(reply, 8));
	out->walked = wp_reply_str(wp_reply_at(reply, 9));
	out->delays = wp_reply_str(wp_reply_at(reply, 10));
	out->rows = (wp_reply_count(reply) - ROWS_AT) / ROW_WORDS;
}

static void read_verdict(const struct wp_reply *reply,
			 struct wp_route_result *out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);
	size_t n = wp_reply_count(reply);

	if (wp_reply_is(status, "lost")) {
		out->status = WP_ROUTE_LOST;
	} else if (wp_reply_is(status, "gate")) {
		out->status = WP_ROUTE_GATE;
	} else if (wp_reply_is(status, "ok") && n >= ROWS_AT &&
		   (n - ROWS_AT) % ROW_WORDS == 0) {
		out->status = WP_ROUTE_OK;
		read_counts(reply, out);
	}
}

void wp_route_parse(const struct wp_reply *reply, size_t i,
		    struct wp_route_result *out)
{
	/* An error is about the whole call, or in the place of an answer. */
	const struct wp_reply *own = wp_reply_type(reply) == WP_REPLY_ERROR
					     ? reply
					     : wp_reply_at(reply, i);

	*out = (struct wp_route_result){
		.status = WP_ROUTE_REFUSED,
		.error = wp_reply_str(own),
		.walked = "",
		.delays = "",
		.reply = own,
	};
	if (wp_reply_type(own) != WP_REPLY_ERROR)
		read_verdict(own, out);
	else if (!wp_reply_is_refusal(own))
		out->status = WP_ROUTE_FAULT;
}

bool wp_route_row(const struct wp_reply *reply, size_t i,
		  struct wp_route_row *out)
{
	const struct wp_reply *word[ROW_WORDS];
	struct wp_entry entry;

	for (size_t k = 0; k < ROW_WORDS; k++)
		word[k] = wp_reply_at(reply, ROWS_AT + i * ROW_WORDS + k);
	*out = (struct wp_route_row){
		.expires_ms = wp_reply_int(word[1]),
		.version = wp_reply_int(word[3]),
	};
	if (!wp_entry_id_parse(&out->id, wp_reply_str(word[0]),
			       wp_reply_len(word[0])) ||
	    !wp_entry_read(&entry, wp_reply_str(word[2]),
			   wp_reply_len(word[2])))
		return false;
	out->urn = entry.urn;
	out->urn_len = entry.urn_len;
	out->is_high = entry.band == WP_BAND_HIGH;
	out->envelope = entry.envelope;
	out->envelope_len = entry.envelope_len;
	return out->version >= 0;
}
