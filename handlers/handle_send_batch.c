/*
 * handle_send_batch.c - POST /api/send/batch: up to 100 envelopes, an answer
 * for each, in their order.
 *
 * Elements of one partition travel in one script call, so those for one
 * recipient are accepted in order and fail together.
 */
#include "handlers/call.h"

#include <stdio.h>
#include <string.h>

#include "lib/name/msgid.h"

#include "handlers/batch.h"
#include "handlers/submit.h"

/* "<key>/<index>" of an element without a key of its own. */
enum { DERIVED_KEY_MAX = WP_IDEMPOTENCY_KEY_MAX + sizeof("/99") };

struct batch {
	size_t n;
	struct wp_json_slice slices[WP_BATCH_MAX];
	struct wp_submission elements[WP_BATCH_MAX];
	struct wp_submit_options options;

	/* The good elements: first in their order, then by partition. */
	size_t n_good;
	size_t good[WP_BATCH_MAX];
	uint32_t partitions[WP_BATCH_MAX];
	size_t order[WP_BATCH_MAX];
	struct wp_send_item items[WP_BATCH_MAX];
	struct wp_send_result results[WP_BATCH_MAX];
	/* By element; NULL when it is not a good one. */
	const struct wp_send_result *result_of[WP_BATCH_MAX];
};

static bool read_elements(struct wp_call *call, struct batch *batch)
{
	struct wp_ctx *ctx = call->ctx;
	struct wp_error err;

	if (wp_batch_split(ctx->body.data, ctx->body.len, batch->slices,
			   &batch->n, &err) != WP_OK) {
		wp_call_bad_body(call, "invalid_batch", err.msg);
		return false;
	}
	ctx->scratch.max_bytes =
		wp_submit_canonical_max(ctx->body.len, batch->n);
	for (size_t i = 0; i < batch->n; i++) {
		const struct wp_envelope_text text = {
			.data = batch->slices[i].data,
			.len = batch->slices[i].len,
			.with_key = true,
		};

		if (wp_submit_read(&batch->elements[i], &batch->options, &text,
				   ctx->conf, &ctx->scratch) != WP_OK) {
			wp_resp_internal(call->resp);
			return false;
		}
		if (batch->elements[i].refusal.code == NULL)
			batch->good[batch->n_good++] = i;
	}
	return true;
}

static void make_item(const struct wp_ctx *ctx, const struct batch *batch,
		      size_t index, struct wp_send_item *item)
{
	struct wp_submit_options options = batch->options;
	char key[DERIVED_KEY_MAX];

	if (options.key != NULL) {
		(void)snprintf(key, sizeof(key), "%s/%zu", options.key, index);
		options.key = key;
		options.key_len = strlen(key);
	}
	wp_submit_item(item, &batch->elements[index], &options, ctx->conf,
		       &ctx->scratch);
}

/* Lay out the good elements so that those of one partition lie together. */
static void make_items(const struct wp_ctx *ctx, struct batch *batch)
{
	for (size_t i = 0; i < batch->n_good; i++)
		batch->partitions[i] = batch->elements[batch->good[i]]
					       .envelope.recipient.partition;
	wp_group(batch->partitions, batch->n_good, batch->order);
	for (size_t i = 0; i < batch->n_good; i++) {
		size_t index = batch->good[batch->order[i]];

		make_item(ctx, batch, index, &batch->items[i]);
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
		char id[WP_MSGID_LEN + 1];

		wp_msgid_format(&result->id, id);
		wp_buf_printf(out, "\"id\":\"%s\"", id);
	} else {
		const struct wp_refusal *verdict =
			wp_submit_verdict(result->status);

		wp_resp_add_error(out, verdict->code, verdict->sentence);
	}
	wp_buf_add_char(out, '}');
}

static void respond(struct wp_call *call, const struct batch *batch)
{
	struct wp_buf *out = &call->resp->body;

	wp_resp_json(call->resp, 202);
	wp_buf_add_str(out, "{\"results\":[");
	for (size_t i = 0; i < batch->n; i++) {
		if (i > 0)
			wp_buf_add_char(out, ',');
		add_result(out, &batch->elements[i], batch->result_of[i]);
	}
	wp_buf_add_str(out, "]}");
}

void wp_handle_send_batch(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	struct batch *batch = wp_arena_alloc(&ctx->arena, sizeof(*batch));
	struct wp_refusal refusal;

	if (batch == NULL) {
		wp_resp_internal(call->resp);
		return;
	}
	if (!wp_call_read_json(call,
			       (size_t)ctx->conf->handlers.max_batch_bytes) ||
	    !wp_call_submit_options(call, &batch->options))
		return;
	if (!wp_submit_check(&batch->options, ctx->conf, &refusal)) {
		wp_call_refuse(call, &refusal);
		return;
	}
	if (!read_elements(call, batch))
		return;
	make_items(ctx, batch);
	if (batch->n_good > 0 &&
	    wp_call_submit(call, batch->items, batch->n_good, batch->results) !=
		    WP_OK)
		return;
	respond(call, batch);
}
