/*
 * handle_device_verify.c - POST /api/devices/verify: the code that was sent to
 * an address has come back, so it is its user's. Whatever is wrong with it is
 * told in the same words: who guesses learns nothing.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/store/device_json.h"
#include "lib/store/push.h"

#include "handlers/devices/registering.h"
#include "handlers/devices/wake.h"

enum { BODY_MAX = 4096, MS_PER_S = 1000 };

struct verifying {
	struct wp_push_verify verify;
	char code[WP_PUSH_CODE_LEN];
	enum wp_err result; /* of verify */
};

/* When was its code made? */
static void look_at(void *ctx, const struct wp_push_row *row)
{
	struct verifying *verifying = ctx;

	if (memcmp(row->id, verifying->verify.id, WP_PUSH_ID_LEN) == 0)
		verifying->verify.code_s = row->code_s;
}

static void add_own(void *ctx, const struct wp_push_row *row)
{
	struct wp_call *call = ctx;
	const struct verifying *verifying = call->state;

	if (memcmp(row->id, verifying->verify.id, WP_PUSH_ID_LEN) == 0)
		wp_device_add_json(&call->scratch, row);
}

/* On a thread of the store. */
static enum wp_err run(struct wp_call *call, struct wp_store *store,
		       struct wp_error *err)
{
	struct verifying *verifying = call->state;
	struct wp_push_verify *verify = &verifying->verify;
	struct wp_push_list list = {
		.user = &call->caller.user,
		.on_row = look_at,
		.ctx = verifying,
	};
	enum wp_err rc = wp_push_list(store, &list, err);

	if (rc != WP_OK)
		return rc;
	verify->is_right = verify->code_s != 0 &&
			   wp_push_code_is(&call->ctx->push.keys, verify->id,
					   verify->code_s, verifying->code,
					   sizeof(verifying->code));
	rc = wp_push_verify(store, verify, err);
	verifying->result = rc;
	if (rc == WP_ERR_DENIED)
		return WP_OK;
	list.on_row = add_own;
	list.ctx = call;
	return rc == WP_OK ? wp_push_list(store, &list, err) : rc;
}

static bool refuse(struct wp_call *call)
{
	wp_resp_error(&call->resp, 400, "invalid_code",
		      "it is not the code of this device, or not any more; "
		      "another one is sent when it is registered again");
	return true;
}

/* Who gave it back and has no answer gives it back again. */
static bool on_woken(struct wp_call *call, bool is_done)
{
	if (!is_done) {
		wp_resp_unavailable(&call->resp,
				    "it was verified, and may not be told of "
				    "anything yet; repeat later");
		return true;
	}
	wp_resp_json(&call->resp, 200);
	wp_buf_add_str(&call->resp.body, "{\"device\":");
	wp_buf_add(&call->resp.body, call->scratch.data, call->scratch.len);
	wp_buf_add_char(&call->resp.body, '}');
	return true;
}

static bool on_run(struct wp_call *call, enum wp_err result)
{
	const struct verifying *verifying = call->state;

	if (result != WP_OK)
		return wp_devices_failed(call);
	if (call->scratch.failed) {
		wp_resp_internal(&call->resp);
		return true;
	}
	/* Or it was ended meanwhile. */
	if (verifying->result != WP_OK || call->scratch.len == 0)
		return refuse(call);
	return wp_devices_wake_registered(call, true, on_woken);
}

/* ---- the body ---- */

/* Fill scratch with a text of the body. */
static const struct wp_buf *decode(struct wp_call *call,
				   const struct wp_json_slice *slice)
{
	wp_buf_clear(&call->scratch);
	if (slice->data != NULL)
		wp_json_decode(slice, &call->scratch);
	return &call->scratch;
}

/* False when call->resp has the answer. */
static bool read_body(struct wp_call *call, struct verifying *verifying)
{
	struct wp_json_slice key, id = { 0 }, code = { 0 };
	const struct wp_buf *text;
	struct wp_json js;
	bool is_good;

	if (!wp_call_read_json(call, BODY_MAX))
		return false;
	wp_json_init(&js, call->body.data, call->body.len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (wp_json_slice_is(&key, "id"))
			wp_json_string(&js, &id);
		else if (wp_json_slice_is(&key, "code"))
			wp_json_string(&js, &code);
		else
			wp_json_fail(&js, "id and code are all members");
	}
	is_good = wp_json_end(&js);
	if (is_good) {
		text = decode(call, &id);
		is_good = wp_device_id_read(text->data, text->len,
					    verifying->verify.id);
	}
	if (!is_good) {
		wp_call_bad_body(call, "invalid_device",
				 "id, of 22 characters as the list has it, and "
				 "code must be there, and nothing else");
		return false;
	}
	text = decode(call, &code);
	is_good = text->len == sizeof(verifying->code);
	if (is_good)
		memcpy(verifying->code, text->data, sizeof(verifying->code));
	else
		(void)refuse(call);
	wp_buf_clear(&call->scratch);
	return is_good;
}

bool wp_handle_devices_verify(struct wp_call *call)
{
	struct verifying *verifying;

	wp_call_be_secret(call);
	verifying = wp_arena_alloc(&call->arena, sizeof(*verifying));
	if (verifying == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = verifying;
	verifying->verify.user = &call->caller.user;
	verifying->verify.now_s = wp_wall_ms() / MS_PER_S;
	if (!read_body(call, verifying))
		return true;
	return wp_call_store(call, run, on_run);
}
