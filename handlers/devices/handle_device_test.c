/*
 * handle_device_test.c - POST /api/devices/test: a push to one device now, so
 * that its user sees whether it comes. 202 says that a notifier will be asked
 * for it; the list of devices says what came of it.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/json.h"
#include "lib/mailbox/push.h"
#include "lib/push/kind.h"
#include "lib/store/device_json.h"
#include "lib/store/push.h"

#include "handlers/devices/wake.h"

enum { BODY_MAX = 4096 };

struct testing {
	uint8_t id[WP_PUSH_ID_LEN];
	char once[WP_PUSH_ONCE_MAX + 1];
	/* As the store has it. */
	bool is_there;
	bool is_gone;
	bool is_verified;
	bool has_provider;
};

static bool on_woken(struct wp_call *call, bool is_done)
{
	if (is_done)
		wp_resp_empty(&call->resp, 202);
	else
		wp_resp_unavailable(&call->resp, "it may not have been asked "
						 "for; repeat later");
	return true;
}

/* ---- the device ---- */

static void look_at(void *ctx, const struct wp_push_row *row)
{
	struct testing *testing = ctx;
	enum wp_push_kind kind;

	if (memcmp(row->id, testing->id, sizeof(testing->id)) != 0)
		return;
	testing->is_there = true;
	testing->is_gone = row->state == WP_PUSH_GONE;
	testing->is_verified = row->state != WP_PUSH_UNVERIFIED;
	testing->has_provider = wp_push_kind_named(row->kind, &kind);
}

/* On a thread of the store. */
static enum wp_err find(struct wp_call *call, struct wp_store *store,
			struct wp_error *err)
{
	const struct wp_push_list list = {
		.user = &call->caller.user,
		.on_row = look_at,
		.ctx = call->state,
	};

	return wp_push_list(store, &list, err);
}

static bool on_found(struct wp_call *call, enum wp_err result)
{
	const struct testing *testing = call->state;

	if (result == WP_OK && testing->is_there && !testing->is_gone &&
	    testing->is_verified && testing->has_provider)
		return wp_devices_wake(call, testing->once, on_woken);
	if (result != WP_OK)
		wp_resp_unavailable(&call->resp, "devices cannot be read now; "
						 "repeat later");
	else if (!testing->is_there)
		wp_resp_error(&call->resp, 404, "no_device",
			      "no device of yours has this id");
	else if (!testing->is_verified)
		wp_resp_error(&call->resp, 409, "unverified",
			      "the code that was sent there must come back "
			      "first");
	else if (testing->is_gone)
		wp_resp_error(&call->resp, 409, "token_gone",
			      "its provider has said that its token is dead");
	else
		wp_resp_error(&call->resp, 403, "kind_disabled",
			      "pages have no provider that could be asked");
	return true;
}

/* ---- the body ---- */

/* The id of the body; false when call->resp has the error. */
static bool read_id(struct wp_call *call, struct testing *testing)
{
	struct wp_json_slice key, id = { 0 };
	struct wp_json js;

	if (!wp_call_read_json(call, BODY_MAX))
		return false;
	wp_json_init(&js, call->body.data, call->body.len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (wp_json_slice_is(&key, "id"))
			wp_json_string(&js, &id);
		else
			wp_json_fail(&js, "id is the only member");
	}
	if (wp_json_end(&js) && id.data != NULL)
		wp_json_decode(&id, &call->scratch);
	if (call->scratch.failed) {
		wp_resp_internal(&call->resp);
		return false;
	}
	if (wp_device_id_read(call->scratch.data, call->scratch.len,
			      testing->id))
		return true;
	wp_call_bad_body(call, "invalid_device",
			 "id must be there, alone: 22 characters, as the list "
			 "has it");
	return false;
}

/* By the id as notifiers write it. */
static void name_once(struct testing *testing)
{
	char id[WP_DEVICE_ID_TEXT_LEN + 1];

	id[wp_base64url_encode(testing->id, WP_PUSH_ID_LEN, id)] = '\0';
	wp_push_once_test(testing->once, id);
}

bool wp_handle_devices_test(struct wp_call *call)
{
	struct testing *testing =
		wp_arena_alloc(&call->arena, sizeof(*testing));

	if (testing == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = testing;
	if (!read_id(call, testing))
		return true;
	if (!call->ctx->conf->push.enabled) {
		wp_resp_error(&call->resp, 403, "kind_disabled",
			      "nobody is told of anything here");
		return true;
	}
	name_once(testing);
	return wp_call_store(call, find, on_found);
}
