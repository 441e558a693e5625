/*
 * handle_presence.c - GET /api/presence: who is online, as far as the
 * deployment lets one user know of another.
 *
 * How many connections somebody has is told to nobody else, and when somebody
 * was last seen only to the minute.
 */
#include "handlers/call.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/http/query.h"
#include "lib/mailbox/presence.h"
#include "lib/name/urn.h"
#include "lib/redis/client.h"

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
	enum wp_err rc = wp_query_get(&call->req->query, "users",
				      &call->ctx->arena, &list, &err);

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
		wp_resp_error(call->resp, 400, "bad_request", err.msg);
	else if (rc != WP_OK)
		wp_resp_internal(call->resp);
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

	if (visibility == WP_VISIBLE_SELF)
		for (size_t i = 0; i < query->n; i++)
			is_allowed &= is_caller(call, &query->boxes[i]);
	if (!is_allowed)
		wp_resp_error(call->resp, 403, "forbidden",
			      visibility == WP_VISIBLE_SELF
				      ? "only one's own presence may be asked "
					"for here"
				      : "presence is not told here");
	return is_allowed;
}

static enum wp_err append_all(struct wp_ctx *ctx, struct query *query,
			      struct wp_error *err)
{
	const struct wp_box *boxes[USERS_MAX];
	size_t len;

	for (size_t at = 0; at < query->n; at += len) {
		enum wp_err rc;

		len = wp_group_len(query->partitions, query->order, at,
				   query->n);
		for (size_t i = 0; i < len; i++)
			boxes[i] = &query->boxes[query->order[at + i]];
		wp_presence_query_build(&ctx->cmd, boxes, len);
		rc = wp_redis_append(ctx->redis, &ctx->cmd, err);
		if (rc != WP_OK) {
			wp_redis_disconnect(ctx->redis);
			return rc;
		}
	}
	return WP_OK;
}

static enum wp_err take_all(struct wp_ctx *ctx, struct query *query,
			    struct wp_error *err)
{
	struct wp_presence_state states[USERS_MAX];
	size_t len;

	for (size_t at = 0; at < query->n; at += len) {
		struct wp_reply *reply = NULL;
		enum wp_err rc = wp_redis_take(ctx->redis, &reply, err);

		len = wp_group_len(query->partitions, query->order, at,
				   query->n);
		if (rc == WP_OK &&
		    wp_presence_query_parse(reply, len, states) != WP_OK)
			rc = wp_error_set(err, WP_ERR_UNAVAIL,
					  "Redis gave no usable answer");
		wp_reply_free(&reply);
		if (rc != WP_OK) {
			/* The answers that follow would be taken for others. */
			wp_redis_disconnect(ctx->redis);
			return rc;
		}
		for (size_t i = 0; i < len; i++)
			query->states[query->order[at + i]] = states[i];
	}
	return WP_OK;
}

static enum wp_err ask(struct wp_ctx *ctx, struct query *query)
{
	struct wp_error err;
	enum wp_err rc;

	for (size_t i = 0; i < query->n; i++)
		query->partitions[i] = query->boxes[i].partition;
	wp_group(query->partitions, query->n, query->order);
	rc = wp_ctx_redis(ctx, &err);
	if (rc != WP_OK)
		return rc;
	rc = append_all(ctx, query, &err);
	if (rc == WP_OK)
		rc = take_all(ctx, query, &err);
	if (rc != WP_OK)
		wp_ctx_log_failure(ctx, "presence", &err);
	return rc;
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

static void respond(struct wp_call *call, const struct query *query)
{
	struct wp_buf *out = &call->resp->body;

	wp_resp_json(call->resp, 200);
	wp_buf_add_str(out, "{\"users\":[");
	for (size_t i = 0; i < query->n; i++) {
		if (i > 0)
			wp_buf_add_char(out, ',');
		add_user(out, &query->boxes[i], &query->states[i],
			 is_caller(call, &query->boxes[i]));
	}
	wp_buf_add_str(out, "]}");
}

void wp_handle_presence(struct wp_call *call)
{
	struct query *query = wp_arena_alloc(&call->ctx->arena, sizeof(*query));

	if (query == NULL) {
		wp_resp_internal(call->resp);
		return;
	}
	if (!read_users(call, query) || !is_visible(call, query))
		return;
	if (ask(call->ctx, query) == WP_OK)
		respond(call, query);
	else
		wp_resp_unavailable(call->resp, "presence cannot be read now; "
						"repeat later");
}
