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

#include "lib/mailbox/send.h"
#include "lib/name/msgid.h"

#include "handlers/batch.h"
#include "handlers/submit.h"

/* "<key>/<index>" of an element without a key of its own. */
enum { DERIVED_KEY_MAX = WP_IDEMPOTENCY_KEY_MAX + sizeof("/99") };

struct batch {
	size_t n;
	struct wp_json_slice slices[WP_BATCH_MAX];
	struct wp_batch_element elements[WP_BATCH_MAX];
	const char *key; /* of the header; NULL when there is none */
	size_t key_len;
	int64_t expires_in_ms;

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
		if (wp_batch_read(&batch->elements[i], &batch->slices[i],
				  ctx->conf, &ctx->scratch) != WP_OK) {
			wp_resp_internal(call->resp);
			return false;
		}
		if (batch->elements[i].code == NULL)
			batch->good[batch->n_good++] = i;
	}
	return true;
}

static void set_key(const struct wp_call *call, const struct batch *batch,
		    size_t index, struct wp_send_item *item)
{
	const struct wp_envelope *envelope = item->envelope;
	const char *secret = call->ctx->conf->auth.store_secret;
	const char *sender = call->caller.user.text;
	char key[DERIVED_KEY_MAX];

	if (envelope->idempotency_key_len > 0) {
		wp_send_set_key(item, secret, sender, envelope->idempotency_key,
				envelope->idempotency_key_len);
	} else if (batch->key != NULL) {
		(void)snprintf(key, sizeof(key), "%s/%zu", batch->key, index);
		wp_send_set_key(item, secret, sender, key, strlen(key));
	}
}

/* Lay out the good elements so that those of one partition lie together. */
static void make_items(const struct wp_call *call, struct batch *batch)
{
	const struct wp_ctx *ctx = call->ctx;

	for (size_t i = 0; i < batch->n_good; i++)
		batch->partitions[i] = batch->elements[batch->good[i]]
					       .envelope.recipient.partition;
	wp_group(batch->partitions, batch->n_good, batch->order);
	for (size_t i = 0; i < batch->n_good; i++) {
		size_t index = batch->good[batch->order[i]];
		const struct wp_batch_element *element =
			&batch->elements[index];
		struct wp_send_item *item = &batch->items[i];

		*item = (struct wp_send_item){
			.envelope = &element->envelope,
			.json = ctx->scratch.data + element->json_at,
			.json_len = element->json_len,
			.expires_in_ms = batch->expires_in_ms,
		};
		set_key(call, batch, index, item);
		batch->result_of[index] = &batch->results[i];
	}
}

static void add_result(struct wp_buf *out,
		       const struct wp_batch_element *element,
		       const struct wp_send_result *result)
{
	wp_buf_add_char(out, '{');
	if (result == NULL) {
		wp_resp_add_error(out, element->code, element->sentence);
	} else if (result->status == WP_SEND_ACCEPTED) {
		char id[WP_MSGID_LEN + 1];

		wp_msgid_format(&result->id, id);
		wp_buf_printf(out, "\"id\":\"%s\"", id);
	} else {
		const struct wp_send_verdict *verdict =
			wp_send_verdict(result->status);

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

	if (batch == NULL) {
		wp_resp_internal(call->resp);
		return;
	}
	if (!wp_call_read_json(call,
			       (size_t)ctx->conf->handlers.max_batch_bytes) ||
	    !wp_submit_key(call, &batch->key, &batch->key_len) ||
	    !wp_submit_expiry(call, &batch->expires_in_ms) ||
	    !read_elements(call, batch))
		return;
	make_items(call, batch);
	if (batch->n_good > 0 && wp_submit(call, batch->items, batch->n_good,
					   batch->results) != WP_OK)
		return;
	respond(call, batch);
}
