/*
 * handle_presence.c - GET /api/presence: who is online, as far as the
 * deployment lets one user know of another. Back ends may know of all.
 *
 * How many connections somebody has is told to nobody else, and when somebody
 * was last seen only to the minute.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/http/query.h"
#include "lib/mailbox/presence.h"
#include "lib/name/urn.h"

enum { USERS_MAX = WP_GROUP_MAX, S_PER_MINUTE = 60, MS_PER_S = 1000 };

/* "2026-11-21T01:39:00": what of RFC 3339 text is kept before the Z. */
enum { SECONDS_END = 19 };

struct query {
	size_t n;
	struct wp_box boxes[USERS_MAX];
	uint32_t partitions[USERS_MAX]; /* of boxes */
	size_t order[USERS_MAX];
	/* Of each user, in the order of boxes. */
	struct wp_presence_state states[USERS_MAX];
	size_t n_due; /* answers */
	bool has_failed;
};

/* The users of one partition, who are asked for together. */
struct group {
	struct wp_call *call;
	size_t at; /* in order */
	size_t len;
};

static enum wp_err split_users(struct query *query, uint32_t partitions,
			       const struct wp_text *list, struct wp_error *err)
{
	const char *text = list->data;
	const char *end = text + list->len;
	struct wp_urn user;

	for (;;) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma == NULL ? end : comma;
		enum wp_err rc;

		if (query->n == USERS_MAX)
			return wp_error_set(err, WP_ERR_INVAL,
					    "users has more than %d elements",
					    USERS_MAX);
		rc = wp_urn_parse(&user, text, (size_t)(stop - text), err);
		if (rc != WP_OK)
			return rc;
		wp_box_of(&query->boxes[query->n++], &user, partitions);
		if (comma == NULL)
			return WP_OK;
		text = comma + 1;
	}
}

static bool read_users(struct wp_call *call, struct query *query)
{
	struct wp_text list = { 0 };
	struct wp_error err;
	enum wp_err rc = wp_query_get(&call->req.query, "users", &call->arena,
				      &list, &err);

	if (rc == WP_ERR_NOTFOUND || (rc == WP_OK && list.len == 0))
		rc = wp_error_set(&err, WP_ERR_INVAL,
				  "users must be a list of 1 to %d URNs, "
				  "separated by commas",
				  USERS_MAX);
	if (rc == WP_OK)
		rc = split_users(query,
				 (uint32_t)call->ctx->conf->mailbox.partitions,
				 &list, &err);
	if (rc == WP_ERR_INVAL)
		wp_resp_error(&call->resp, 400, "bad_request", err.msg);
	else if (rc != WP_OK)
		wp_resp_internal(&call->resp);
	return rc == WP_OK;
}

static bool is_caller(const struct wp_call *call, const struct wp_box *user)
{
	return strcmp(user->text, call->caller.user.text) == 0;
}

static bool is_visible(struct wp_call *call, const struct query *query)
{
	int64_t visibility = call->ctx->conf->presence.visibility;
	bool is_allowed = visibility != WP_VISIBLE_NONE;

	if (call->caller.kind == WP_KIND_KEY)
		return true;
	if (visibility == WP_VISIBLE_SELF)
		for (size_t i = 0; i < query->n; i++)
			is_allowed &= is_caller(call, &query->boxes[i]);
	if (!is_allowed)
		wp_resp_error(&call->resp, 403, "forbidden",
			      visibility == WP_VISIBLE_SELF
				      ? "only one's own presence may be asked "
					"for here"
				      : "presence is not told here");
	return is_allowed;
}

static void add_user(struct wp_buf *out, const struct wp_box *user,
		     const struct wp_presence_state *state, bool is_self)
{
	bool is_online = state->connections > 0;

	wp_buf_add_str(out, "{\"user\":");
	wp_buf_add_json(out, user->text, user->len);
	wp_buf_printf(out, ",\"status\":\"%s\"",
		      is_online ? "online" : "offline");
	if (!is_online && state->seen_s > 0) {
		int64_t minute = state->seen_s - state->seen_s % S_PER_MINUTE;
		char text[WP_RFC3339_LEN];

		wp_rfc3339(minute * MS_PER_S, text);
		wp_buf_printf(out, ",\"lastSeen\":\"%.*sZ\"", SECONDS_END,
			      text);
	}
	if (is_self)
		wp_buf_printf(out, ",\"connections\":%lld",
			      (long long)state->connections);
	wp_buf_add_char(out, '}');
}

static bool respond(struct wp_call *call)
{
	const struct query *query = call->state;
	struct wp_buf *out = &call->resp.body;

	if (query->has_failed) {
		wp_resp_unavailable(&call->resp, "presence cannot be read now; "
						 "repeat later");
		return true;
	}
	wp_resp_json(&call->resp, 200);
	wp_buf_add_str(out, "{\"users\":[");
	for (size_t i = 0; i < query->n; i++) {
		if (i > 0)
			wp_buf_add_char(out, ',');
		add_user(out, &query->boxes[i], &query->states[i],
			 is_caller(call, &query->boxes[i]));
	}
	wp_buf_add_str(out, "]}");
	return true;
}

static void on_group(void *ctx, const struct wp_reply *reply)
{
	const struct group *group = ctx;
	struct wp_call *call = group->call;
	struct query *query = call->state;
	struct wp_presence_state states[USERS_MAX];

	if (reply == NULL ||
	    wp_presence_query_parse(reply, group->len, states) != WP_OK) {
		wp_ctx_log_failure(call->ctx, "presence",
				   reply == NULL ? "the connection to Redis "
						   "was lost"
						 : "Redis gave no usable "
						   "answer");
		query->has_failed = true;
	}
	for (size_t i = 0; !query->has_failed && i < group->len; i++)
		query->states[query->order[group->at + i]] = states[i];
	if (--query->n_due == 0 && respond(call))
		wp_call_end(call);
}

static enum wp_err ask_group(struct query *query, struct group *group)
{
	const struct wp_box *boxes[USERS_MAX];
	struct wp_ctx *ctx = group->call->ctx;

	for (size_t i = 0; i < group->len; i++)
		boxes[i] = &query->boxes[query->order[group->at + i]];
	wp_presence_query_build(&ctx->cmd, boxes, group->len);
	return wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_group,
			     group);
}

static bool ask(struct wp_call *call, bool is_up)
{
	struct query *query = call->state;

	query->has_failed = !is_up;
	for (size_t at = 0; !query->has_failed && at < query->n;) {
		struct group *group =
			wp_arena_alloc(&call->arena, sizeof(*group));

		if (group == NULL) {
			query->has_failed = true;
			break;
		}
		*group = (struct group){
			.call = call,
			.at = at,
			.len = wp_group_len(query->partitions, query->order, at,
					    query->n),
		};
		at += group->len;
		if (ask_group(query, group) == WP_OK)
			query->n_due++;
		else
			query->has_failed = true;
	}
	return query->n_due == 0 ? respond(call) : false;
}

bool wp_handle_presence(struct wp_call *call)
{
	struct query *query = wp_arena_alloc(&call->arena, sizeof(*query));

	if (query == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = query;
	if (!read_users(call, query) || !is_visible(call, query))
		return true;
	for (size_t i = 0; i < query->n; i++)
		query->partitions[i] = query->boxes[i].partition;
	wp_group(query->partitions, query->n, query->order);
	return wp_call_redis(call, WP_LINE_SHORT, ask);
}
