/*
 * handle_devices.c - /api/devices: which devices are told when mail waits for
 * their user. POST registers one, at every start of a client; GET lists them,
 * so that it learns when its token is of no use any more; DELETE ends one.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/http/query.h"
#include "lib/push/kind.h"
#include "lib/store/device_json.h"
#include "lib/store/push.h"

#include "handlers/devices/registering.h"

/* ---- to register ---- */

/* A webhook learns its secret once. */
static void add_secret(struct wp_call *call,
		       const struct wp_registering *registering)
{
	struct wp_buf *body = &call->resp.body;
	uint8_t secret[WP_PUSH_SECRET_LEN];

	wp_push_webhook_secret(&call->ctx->push.keys, registering->put.id,
			       WP_PUSH_ID_LEN, secret);
	wp_buf_add_str(body, ",\"secret\":\"whsec_");
	wp_buf_add_base64(body, secret, sizeof(secret));
	wp_buf_add_char(body, '"');
	explicit_bzero(secret, sizeof(secret));
}

static bool on_added(struct wp_call *call)
{
	const struct wp_registering *registering = call->state;
	bool is_webhook = strcmp(registering->device.kind,
				 wp_push_kind_name(WP_PUSH_WEBHOOK)) == 0;

	wp_resp_json(&call->resp, registering->put.is_new ? 201 : 200);
	wp_buf_add_str(&call->resp.body, "{\"device\":");
	wp_buf_add(&call->resp.body, call->scratch.data, call->scratch.len);
	if (is_webhook && registering->put.is_new)
		add_secret(call, registering);
	wp_buf_add_char(&call->resp.body, '}');
	return true;
}

bool wp_handle_devices_add(struct wp_call *call)
{
	if (wp_registering_begin(call, NULL) == NULL)
		return true;
	return wp_registering_do(call, on_added);
}

bool wp_handle_register_device(struct wp_call *call)
{
	return wp_handle_devices_add(call);
}

/* ---- the list ---- */

static void add_row(void *ctx, const struct wp_push_row *row)
{
	struct wp_buf *out = ctx;

	if (out->len > 0)
		wp_buf_add_char(out, ',');
	wp_device_add_json(out, row);
}

/* On a thread of the store. */
static enum wp_err read_list(struct wp_call *call, struct wp_store *store,
			     struct wp_error *err)
{
	const struct wp_push_list list = {
		.user = &call->caller.user,
		.on_row = add_row,
		.ctx = &call->scratch,
	};

	return wp_push_list(store, &list, err);
}

static bool on_list(struct wp_call *call, enum wp_err result)
{
	struct wp_buf *body = &call->resp.body;
	const char *web_key = call->ctx->push.web_key;

	if (result != WP_OK) {
		wp_resp_unavailable(&call->resp, "devices cannot be read now; "
						 "repeat later");
		return true;
	}
	if (call->scratch.failed) {
		wp_resp_internal(&call->resp);
		return true;
	}
	wp_resp_json(&call->resp, 200);
	wp_buf_add_str(body, "{\"devices\":[");
	wp_buf_add(body, call->scratch.data, call->scratch.len);
	wp_buf_add_char(body, ']');
	if (web_key[0] != '\0')
		wp_buf_printf(body, ",\"webPushKey\":\"%s\"", web_key);
	wp_buf_printf(body, ",\"max\":%lld}",
		      (long long)call->ctx->conf->push.max_per_user);
	return true;
}

bool wp_handle_devices(struct wp_call *call)
{
	return wp_call_store(call, read_list, on_list);
}

/* ---- to end one ---- */

struct removing {
	struct wp_push_which which;
	uint8_t id[WP_PUSH_ID_LEN];
};

/* On a thread of the store. */
static enum wp_err remove_it(struct wp_call *call, struct wp_store *store,
			     struct wp_error *err)
{
	const struct removing *removing = call->state;

	return wp_push_remove(store, &removing->which, err);
}

static bool on_removed(struct wp_call *call, enum wp_err result)
{
	if (result != WP_OK)
		return wp_devices_failed(call);
	wp_resp_empty(&call->resp, 204);
	return true;
}

/* One of the two parameters; false when call->resp has the error. */
static bool read_which(struct wp_call *call, struct removing *removing)
{
	struct wp_text id = { 0 }, device = { 0 };
	struct wp_error err;
	enum wp_err of_id =
		wp_query_get(&call->req.query, "id", &call->arena, &id, &err);
	enum wp_err of_device = wp_query_get(&call->req.query, "deviceId",
					     &call->arena, &device, &err);

	if (of_id == WP_ERR_NOMEM || of_device == WP_ERR_NOMEM) {
		wp_resp_internal(&call->resp);
		return false;
	}
	if (of_id == WP_OK && of_device == WP_ERR_NOTFOUND &&
	    wp_device_id_read(id.data, id.len, removing->id)) {
		removing->which.id = removing->id;
		return true;
	}
	if (of_device == WP_OK && of_id == WP_ERR_NOTFOUND && device.len > 0 &&
	    memchr(device.data, '\0', device.len) == NULL) {
		removing->which.device = device.data;
		return true;
	}
	wp_resp_error(&call->resp, 400, "bad_request",
		      "either id, of 22 characters as the list has it, or "
		      "deviceId must be there, once");
	return false;
}

bool wp_handle_devices_remove(struct wp_call *call)
{
	struct removing *removing =
		wp_arena_alloc(&call->arena, sizeof(*removing));

	if (removing == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = removing;
	removing->which.user = &call->caller.user;
	if (!read_which(call, removing))
		return true;
	return wp_call_store(call, remove_it, on_removed);
}
