/*
 * handle_messages.c - GET /api/messages: a page of what waits for the caller.
 *
 * Reading deletes nothing. Everything is read before the first byte is written,
 * so a client that stops reading holds no snapshot of the cold store.
 */
#include "handlers/request/call.h"

#include "lib/http/query.h"
#include "lib/mailbox/pull.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"

#include "handlers/request/metrics.h"

enum { DEFAULT_LIMIT = 50 };

/* The length of what stands around an envelope in the answer. */
enum { ROW_BYTES = sizeof("{\"id\":\"\",\"envelope\":},") + WP_MSGID_LEN };

/* WP_OK also when the parameter is not there. */
static enum wp_err read_limit(struct wp_call *call, size_t *limit_out,
			      struct wp_error *err)
{
	struct wp_text text;
	int64_t value;
	enum wp_err rc = wp_query_get(&call->req.query, "limit", &call->arena,
				      &text, err);

	*limit_out = DEFAULT_LIMIT;
	if (rc != WP_OK)
		return rc == WP_ERR_NOTFOUND ? WP_OK : rc;
	if (!wp_query_integer(&text, &value))
		return wp_error_set(err, WP_ERR_INVAL, "limit is no integer");
	if (value > 0)
		*limit_out = value > WP_PULL_MAX ? WP_PULL_MAX : (size_t)value;
	return WP_OK;
}

static enum wp_err read_after(struct wp_call *call,
			      struct wp_pull_request *request,
			      struct wp_error *err)
{
	struct wp_msgid after;
	struct wp_text text;
	enum wp_err rc = wp_query_get(&call->req.query, "after", &call->arena,
				      &text, err);

	if (rc != WP_OK)
		return rc == WP_ERR_NOTFOUND ? WP_OK : rc;
	if (wp_msgid_parse(&after, text.data, text.len) != WP_MSGID_OURS)
		return wp_error_set(err, WP_ERR_INVAL,
				    "after is no id of a message");
	wp_msgid_behind(&after, request->from);
	return WP_OK;
}

static bool read_request(struct wp_call *call, struct wp_pull_request *request)
{
	struct wp_error err;
	enum wp_err rc;

	rc = read_limit(call, &request->limit, &err);
	if (rc == WP_OK)
		rc = read_after(call, request, &err);
	if (rc == WP_ERR_INVAL)
		wp_resp_error(&call->resp, 400, "bad_request", err.msg);
	else if (rc != WP_OK)
		wp_resp_internal(&call->resp);
	return rc == WP_OK;
}

static void add_row(struct wp_buf *out, const struct wp_pull_page *page,
		    size_t i, uint32_t partition)
{
	enum wp_band band;
	const struct wp_pull_row *row = wp_pull_page_row(page, i, &band);
	struct wp_msgid id = {
		.entry = row->entry,
		.partition = (uint16_t)partition,
		.band = (uint8_t)band,
	};
	char text[WP_MSGID_LEN + 1];

	wp_msgid_format(&id, text);
	wp_buf_add_str(out, i == 0 ? "{\"id\":\"" : ",{\"id\":\"");
	wp_buf_add(out, text, WP_MSGID_LEN);
	wp_buf_add_str(out, "\",\"envelope\":");
	wp_buf_add(out, row->json, row->json_len);
	wp_buf_add_char(out, '}');
}

/* The page and where it comes from. */
struct pulling {
	struct wp_box box;
	struct wp_pull_page *page; /* owned */
};

static bool end(struct wp_call *call)
{
	struct pulling *pulling = call->state;

	wp_pull_page_free(&pulling->page);
	return true;
}

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "the messages cannot be read now; "
					 "repeat later");
	return end(call);
}

static bool respond(struct wp_call *call)
{
	const struct pulling *pulling = call->state;
	const struct wp_pull_page *page = pulling->page;
	struct wp_buf *out = &call->resp.body;
	size_t n = wp_pull_page_count(page), bytes = ROW_BYTES;
	enum wp_band band;

	wp_resp_json(&call->resp, 200);
	/* One allocation in place of a series of doublings. */
	for (size_t i = 0; i < n; i++)
		bytes += ROW_BYTES + wp_pull_page_row(page, i, &band)->json_len;
	if (wp_buf_reserve(out, bytes) == NULL)
		return end(call); /* out has failed, which becomes a 500 */
	wp_buf_add_str(out, "{\"messages\":[");
	for (size_t i = 0; i < n; i++)
		add_row(out, page, i, pulling->box.partition);
	wp_buf_add_str(out, "],\"hasMore\":");
	wp_buf_add_str(out, wp_pull_page_has_more(page) ? "true}" : "false}");
	wp_metric_add(call->ctx->shared->metrics, WP_H_PULLED, (int64_t)n);
	return end(call);
}

/* On a thread of the store. */
static enum wp_err read_cold(struct wp_call *call, struct wp_store *store,
			     struct wp_error *err)
{
	struct pulling *pulling = call->state;

	return wp_pull_read_cold(pulling->page, store, err);
}

static bool on_cold(struct wp_call *call, enum wp_err result)
{
	return result == WP_OK ? respond(call) : fail(call);
}

static void on_hot(void *ctx, const struct wp_reply *reply);

static bool ask_hot(struct wp_call *call, bool is_up)
{
	const struct pulling *pulling = call->state;
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return fail(call);
	wp_pull_ask(pulling->page,
		    wp_backend_run_id(ctx->backend, WP_LINE_LONG), &ctx->cmd);
	if (wp_backend_do(ctx->backend, WP_LINE_LONG, &ctx->cmd, on_hot,
			  call) != WP_OK)
		return fail(call);
	return false;
}

static bool take_hot(struct wp_call *call, const struct wp_reply *reply)
{
	struct pulling *pulling = call->state;
	struct wp_error err;

	if (wp_pull_told(pulling->page, reply, false, &err) != WP_OK) {
		wp_ctx_log_failure(call->ctx, "pull", err.msg);
		return fail(call);
	}
	switch (wp_pull_step(pulling->page)) {
	case WP_PULL_HOT:
		return ask_hot(call, true);
	case WP_PULL_COLD:
		return wp_call_store(call, read_cold, on_cold);
	default:
		return respond(call);
	}
}

static void on_hot(void *ctx, const struct wp_reply *reply)
{
	if (take_hot(ctx, reply))
		wp_call_end(ctx);
}

bool wp_handle_messages(struct wp_call *call)
{
	struct pulling *pulling =
		wp_arena_alloc(&call->arena, sizeof(*pulling));
	struct wp_pull_request request = { 0 };
	struct wp_error err;

	if (pulling == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = pulling;
	request.box = &pulling->box;
	request.max_envelope =
		(size_t)call->ctx->conf->mailbox.max_envelope_bytes;
	wp_box_of(&pulling->box, &call->caller.user,
		  (uint32_t)call->ctx->conf->mailbox.partitions);
	if (!read_request(call, &request))
		return true;
	if (wp_pull_begin(&pulling->page, &request, &err) != WP_OK)
		return fail(call);
	return wp_call_redis(call, WP_LINE_LONG, ask_hot);
}
