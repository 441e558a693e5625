/*
 * handle_send.c - POST /api/send: one envelope, accepted or not; and POST
 * /api/send/batch: up to 100, an answer for each, in their order.
 *
 * What is checked, in which order, and what it is called is decided in
 * lib/mailbox/submit. Here is known when something is certain (nothing was
 * sent) and when it is not: once a call is under way and no answer comes, its
 * outcome is unknown and the client must be told so. 202 is said only after
 * Redis said yes (docs/architecture.md "Accepting").
 *
 * In a batch one bad element does not stop the others; a bad frame around them
 * does. Sends of all requests that come together travel in one script call
 * (lib/live/gather.h), elements of one partition always, so those for one
 * recipient are accepted in order and fail together.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/base/json.h"
#include "lib/http/query.h"
#include "lib/live/gather.h"
#include "lib/mailbox/sent.h"
#include "lib/mailbox/submit.h"
#include "lib/name/msgid.h"

#include "handlers/request/limit.h"
#include "handlers/request/metrics.h"

enum { BATCH_MAX = WP_GROUP_MAX };

/* Answer with a refusal, and the status that its code has in HTTP. */
static void refuse(struct wp_call *call, const struct wp_refusal *refusal)
{
	static const struct {
		const char *code;
		unsigned int status;
	} statuses[] = {
		{ "payload_too_large", 413 }, { "idempotency_conflict", 409 },
		{ "mailbox_full", 507 },      { "overloaded", 503 },
		{ "unavailable", 503 },
	};
	unsigned int status = 400;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(refusal->code, statuses[i].code) == 0)
			status = statuses[i].status;
	wp_resp_error(&call->resp, status, refusal->code, refusal->sentence);
}

static void count(struct wp_call *call, size_t door,
		  const struct wp_send_result *results, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wp_metric_add(call->ctx->shared->metrics,
			      door + wp_sent_of(&results[i]), 1);
	call->is_counted = true;
}

/* Submissions on their way. */
struct submit {
	struct wp_sends sends; /* first: the gatherer knows only this */
	size_t door;           /* of metrics */
	struct wp_call *call;
	bool (*respond)(struct wp_call *call);
};

static void on_done(struct wp_sends *sends)
{
	struct submit *submit = (struct submit *)sends;
	struct wp_call *call = submit->call;

	count(call, submit->door, sends->results, sends->n);
	wp_resp_header(&call->resp, "X-Durability",
		       wp_backend_durability(call->ctx->backend));
	if (submit->respond(call))
		wp_call_end(call);
}

/* Too many wait: none of these was sent. With a key one may be a repeat. */
static void turn_away(struct wp_call *call, const struct wp_sends *sends)
{
	bool has_key = false;

	for (size_t i = 0; i < sends->n; i++)
		has_key = has_key || sends->list[i]->has_key;
	refuse(call, wp_submit_turned_away(has_key));
}

static bool send_all(struct wp_call *call, bool is_up)
{
	struct submit *submit = call->state;
	enum wp_err rc = WP_ERR_UNAVAIL;

	if (is_up)
		rc = wp_gather_submit(call->ctx->gather, &submit->sends);
	if (rc == WP_OK)
		return false;
	if (rc == WP_ERR_FULL)
		turn_away(call, &submit->sends);
	else
		wp_resp_unavailable(&call->resp,
				    "Redis cannot be reached; repeat later");
	return true;
}

/*
 * Send submissions, together with those of other requests. The order inside a
 * partition is the order given. When nothing could be sent, call->resp says so;
 * else respond() follows.
 *
 * submit:  stays until then, all set but for call and done
 */
static bool begin_submit(struct wp_call *call, struct submit *submit)
{
	call->state = submit;
	submit->call = call;
	submit->sends.done = on_done;
	return wp_call_redis(call, WP_LINE_SHORT, send_all);
}

/* ?expiresInSeconds=; false when call->resp holds the error. */
static bool read_expiry(struct wp_call *call, struct wp_submit_options *options)
{
	struct wp_text text = { 0 };
	struct wp_error err;

	switch (wp_query_get(&call->req.query, "expiresInSeconds", &call->arena,
			     &text, &err)) {
	case WP_OK:
		options->has_expiry = true;
		if (!wp_query_integer(&text, &options->expires_s))
			options->expires_s = 0;
		return true;
	case WP_ERR_NOMEM:
		wp_resp_internal(&call->resp);
		return false;
	case WP_ERR_INVAL:
		wp_resp_error(&call->resp, 400, "bad_request", err.msg);
		return false;
	default: /* there is none */
		return true;
	}
}

/* The Idempotency-Key header; false when call->resp holds the error. */
static bool read_key(struct wp_call *call, struct wp_submit_options *options)
{
	size_t count;
	const char *key =
		wp_req_param(&call->req, "HTTP_IDEMPOTENCY_KEY", &count);

	if (key == NULL)
		return true;
	options->key = key;
	options->key_len = strlen(key);
	/* lighttpd joins several into one: a key never looks like that. */
	if (count == 1 && strstr(key, ", ") == NULL)
		return true;
	wp_resp_error(&call->resp, 400, "bad_request",
		      "the Idempotency-Key header is given more than once, or "
		      "holds a comma and a blank");
	return false;
}

/*
 * What the request says beside its body; not judged. False when call->resp
 * holds the error.
 */
static bool read_options(struct wp_call *call,
			 struct wp_submit_options *options)
{
	*options = (struct wp_submit_options){
		.sender = call->caller.user.text,
	};
	return read_key(call, options) && read_expiry(call, options);
}

static void add_id(struct wp_buf *out, const struct wp_msgid *id)
{
	char text[WP_MSGID_LEN + 1];

	wp_msgid_format(id, text);
	wp_buf_add_str(out, "\"id\":\"");
	wp_buf_add(out, text, WP_MSGID_LEN);
	wp_buf_add_char(out, '"');
}

struct single {
	struct submit submit; /* first: the call's state */
	struct wp_submission submission;
	const struct wp_submission *one;
	struct wp_send_result result;
};

static bool respond(struct wp_call *call)
{
	const struct single *single = call->state;

	if (single->result.status != WP_SEND_ACCEPTED) {
		refuse(call, wp_submit_verdict(single->result.status));
		return true;
	}
	wp_resp_json(&call->resp, 202);
	wp_buf_add_char(&call->resp.body, '{');
	add_id(&call->resp.body, &single->result.id);
	wp_buf_add_char(&call->resp.body, '}');
	return true;
}

/* Read the envelope; false when call->resp holds the error. */
static bool read_single(struct wp_call *call, struct single *single)
{
	const struct wp_conf *conf = call->ctx->conf;
	struct wp_submit_options options;
	struct wp_envelope_text text;

	if (!wp_call_read_json(call,
			       (size_t)conf->mailbox.max_envelope_bytes) ||
	    !read_options(call, &options))
		return false;
	text = (struct wp_envelope_text){ .data = call->body.data,
					  .len = call->body.len };
	call->scratch.max_bytes = wp_submit_canonical_max(text.len, 1);
	if (wp_submit_read(&single->submission, &options, &text, conf,
			   &call->scratch) != WP_OK) {
		wp_resp_internal(&call->resp);
		return false;
	}
	if (single->submission.refusal.code != NULL) {
		refuse(call, &single->submission.refusal);
		return false;
	}
	return true;
}

bool wp_handle_send(struct wp_call *call)
{
	struct single *single = wp_arena_alloc(&call->arena, sizeof(*single));

	if (single == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	if (!read_single(call, single))
		return true;
	single->one = &single->submission;
	single->submit = (struct submit){
		.sends = { .list = &single->one,
			   .results = &single->result,
			   .n = 1 },
		.door = WP_H_SENDS_HTTP,
		.respond = respond,
	};
	return begin_submit(call, &single->submit);
}

struct batch {
	struct submit submit; /* first: the call's state */
	size_t n;
	struct wp_json_slice slices[BATCH_MAX];
	struct wp_submission elements[BATCH_MAX];
	struct wp_submit_options options;

	/* The good elements: first in their order, then by partition. */
	size_t n_good;
	size_t good[BATCH_MAX];
	uint32_t partitions[BATCH_MAX];
	size_t order[BATCH_MAX];
	const struct wp_submission *list[BATCH_MAX];
	struct wp_send_result results[BATCH_MAX];
	/* By element; NULL when it is not a good one. */
	const struct wp_send_result *result_of[BATCH_MAX];
};

static void split_array(struct wp_json *js, struct wp_json_slice *slices,
			size_t *n_out)
{
	if (wp_json_peek(js) != WP_JSON_ARRAY) {
		wp_json_fail(js, "envelopes must be an array");
		return;
	}
	wp_json_array_begin(js);
	while (wp_json_array_next(js)) {
		if (*n_out == BATCH_MAX) {
			wp_json_fail(js, "envelopes has more than 100 "
					 "elements");
			return;
		}
		if (wp_json_raw(js, &slices[*n_out]))
			(*n_out)++;
	}
	if (js->err == NULL && *n_out == 0)
		wp_json_fail(js, "envelopes has no elements");
}

/*
 * Find the elements of a body; they are not looked into.
 *
 * slices:  room for BATCH_MAX; borrowed from data
 * Errors:  WP_ERR_INVAL  no JSON, no array, or not 1 to 100 elements
 */
static enum wp_err split(const char *data, size_t len,
			 struct wp_json_slice *slices, size_t *n_out,
			 struct wp_error *err)
{
	struct wp_json_slice key;
	struct wp_json js;
	bool is_seen = false;

	*n_out = 0;
	wp_json_init(&js, data, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_slice_is(&key, "envelopes")) {
			wp_json_skip(&js, NULL);
		} else if (is_seen) {
			wp_json_fail(&js, "envelopes is given twice");
		} else {
			is_seen = true;
			split_array(&js, slices, n_out);
		}
	}
	wp_json_end(&js);
	if (js.err == NULL && !is_seen)
		wp_json_fail(&js, "envelopes is missing");
	if (js.err != NULL)
		return wp_error_set(err, WP_ERR_INVAL, "%s", js.err);
	return WP_OK;
}

static bool read_elements(struct wp_call *call, struct batch *batch)
{
	struct wp_submit_options options = batch->options;
	struct wp_error err;

	options.is_element = true;
	if (split(call->body.data, call->body.len, batch->slices, &batch->n,
		  &err) != WP_OK) {
		wp_call_bad_body(call, "invalid_batch", err.msg);
		return false;
	}
	call->scratch.max_bytes =
		wp_submit_canonical_max(call->body.len, batch->n);
	for (size_t i = 0; i < batch->n; i++) {
		const struct wp_envelope_text text = {
			.data = batch->slices[i].data,
			.len = batch->slices[i].len,
			.with_key = true,
		};

		options.index = i;
		if (wp_submit_read(&batch->elements[i], &options, &text,
				   call->ctx->conf, &call->scratch) != WP_OK) {
			wp_resp_internal(&call->resp);
			return false;
		}
		if (batch->elements[i].refusal.code == NULL)
			batch->good[batch->n_good++] = i;
	}
	return true;
}

/* Lay out the good elements so that those of one partition lie together. */
static void lay_out(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_good; i++)
		batch->partitions[i] = batch->elements[batch->good[i]]
					       .envelope.recipient.partition;
	wp_group(batch->partitions, batch->n_good, batch->order);
	for (size_t i = 0; i < batch->n_good; i++) {
		size_t index = batch->good[batch->order[i]];

		batch->list[i] = &batch->elements[index];
		batch->result_of[index] = &batch->results[i];
	}
}

static void add_result(struct wp_buf *out, const struct wp_submission *element,
		       const struct wp_send_result *result)
{
	wp_buf_add_char(out, '{');
	if (result == NULL) {
		wp_resp_add_error(out, element->refusal.code,
				  element->refusal.sentence);
	} else if (result->status == WP_SEND_ACCEPTED) {
		add_id(out, &result->id);
	} else {
		const struct wp_refusal *verdict =
			wp_submit_verdict(result->status);

		wp_resp_add_error(out, verdict->code, verdict->sentence);
	}
	wp_buf_add_char(out, '}');
}

static bool respond_batch(struct wp_call *call)
{
	const struct batch *batch = call->state;
	struct wp_buf *out = &call->resp.body;

	wp_metric_add(call->ctx->shared->metrics,
		      WP_H_SENDS_BATCH + WP_SENT_INVALID,
		      (int64_t)(batch->n - batch->n_good));
	call->is_counted = true;
	wp_resp_json(&call->resp, 202);
	wp_buf_add_str(out, "{\"results\":[");
	for (size_t i = 0; i < batch->n; i++) {
		if (i > 0)
			wp_buf_add_char(out, ',');
		add_result(out, &batch->elements[i], batch->result_of[i]);
	}
	wp_buf_add_str(out, "]}");
	return true;
}

/* Read the elements; false when call->resp holds the error. */
static bool read_batch(struct wp_call *call, struct batch *batch)
{
	const struct wp_conf *conf = call->ctx->conf;
	struct wp_refusal refusal;

	if (!wp_call_read_json(call, (size_t)conf->handlers.max_batch_bytes) ||
	    !read_options(call, &batch->options))
		return false;
	if (!wp_submit_check(&batch->options, conf, &refusal)) {
		refuse(call, &refusal);
		return false;
	}
	return read_elements(call, batch);
}

bool wp_handle_send_batch(struct wp_call *call)
{
	struct batch *batch = wp_arena_alloc(&call->arena, sizeof(*batch));

	if (batch == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	if (!read_batch(call, batch))
		return true;
	wp_limit_batch(call, batch->n);
	lay_out(batch);
	batch->submit = (struct submit){
		.sends = { .list = batch->list,
			   .results = batch->results,
			   .n = batch->n_good },
		.door = WP_H_SENDS_BATCH,
		.respond = respond_batch,
	};
	if (batch->n_good > 0)
		return begin_submit(call, &batch->submit);
	call->state = &batch->submit;
	return respond_batch(call);
}
