/*
 * registering.c - see registering.h.
 */
#include "handlers/devices/registering.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/store/device_json.h"
#include "lib/store/push.h"

#include "handlers/devices/wake.h"

enum { MS_PER_S = 1000, S_PER_DAY = 86400 };

struct wp_new_device_setup wp_registering_setup(struct wp_call *call)
{
	return (struct wp_new_device_setup){
		.push = &call->ctx->push,
		.conf = call->ctx->conf,
		.caller = &call->caller,
		.arena = &call->arena,
	};
}

bool wp_devices_failed(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "it may not have been done; repeat "
					 "later");
	return true;
}

bool wp_devices_read(struct wp_call *call, struct wp_push_device *out)
{
	struct wp_error err;

	if (!wp_call_read_json(call, WP_DEVICE_BODY_MAX))
		return false;
	switch (wp_push_device_read(out, call->body.data, call->body.len,
				    &call->arena, &err)) {
	case WP_OK:
		return true;
	case WP_ERR_INVAL:
		wp_resp_error(&call->resp, 400, "invalid_device", err.msg);
		return false;
	case WP_ERR_PROTO:
		wp_call_bad_body(call, "invalid_device", err.msg);
		return false;
	default:
		wp_resp_internal(&call->resp);
		return false;
	}
}

struct wp_registering *wp_registering_begin(struct wp_call *call,
					    const char *kind)
{
	const struct wp_new_device_setup setup = wp_registering_setup(call);
	struct wp_registering *registering =
		wp_arena_alloc(&call->arena, sizeof(*registering));
	struct wp_device_fault fault;

	if (registering == NULL) {
		wp_resp_internal(&call->resp);
		return NULL;
	}
	call->state = registering;
	if (!wp_devices_read(call, &registering->device.says))
		return NULL;
	if (kind != NULL)
		registering->device.says.kind = kind;
	if (!wp_new_device_settle(&registering->device, &setup, &fault)) {
		wp_resp_error(&call->resp, fault.status, fault.code,
			      fault.sentence);
		return NULL;
	}
	return registering;
}

static void add_own(void *ctx, const struct wp_push_row *row)
{
	struct wp_call *call = ctx;
	const struct wp_registering *registering = call->state;

	if (memcmp(row->id, registering->put.id, WP_PUSH_ID_LEN) == 0)
		wp_device_add_json(&call->scratch, row);
}

/* On a thread of the store. */
static enum wp_err run(struct wp_call *call, struct wp_store *store,
		       struct wp_error *err)
{
	struct wp_registering *registering = call->state;
	const struct wp_push_list list = {
		.user = &call->caller.user,
		.on_row = add_own,
		.ctx = call,
	};
	enum wp_err rc = wp_push_put(store, &registering->put, err);

	/* These are answers, and no failures of the store. */
	if (rc == WP_ERR_CONFLICT || rc == WP_ERR_DENIED || rc == WP_ERR_FULL) {
		registering->result = rc;
		return WP_OK;
	}
	return rc == WP_OK ? wp_push_list(store, &list, err) : rc;
}

/* There will be others tomorrow, by UTC. */
static void refuse_code(struct wp_call *call)
{
	char wait[32];

	(void)snprintf(wait, sizeof(wait), "%" PRId64,
		       S_PER_DAY - wp_wall_ms() / MS_PER_S % S_PER_DAY);
	wp_resp_error(&call->resp, 429, "too_many_codes",
		      "no more codes are sent there, or for you, today");
	wp_resp_header(&call->resp, "Retry-After", wait);
}

/* A crash between the two steps leaves a device whose client has no answer: it
 * repeats what it did, which is why who is known is looked at as well. */
static bool on_woken(struct wp_call *call, bool is_done)
{
	const struct wp_registering *registering = call->state;

	if (is_done)
		return registering->on_done(call);
	wp_resp_unavailable(&call->resp, "it was registered, and may not be "
					 "told of anything yet; repeat later");
	return true;
}

/* A notifier sends it; until it has come back there is nobody to be told. */
static bool ask_for_code(struct wp_call *call)
{
	struct wp_registering *registering = call->state;
	char id[WP_DEVICE_ID_TEXT_LEN + 1];

	id[wp_base64url_encode(registering->put.id, WP_PUSH_ID_LEN, id)] = '\0';
	wp_push_once_code(registering->once, id);
	return wp_devices_wake(call, registering->once, on_woken);
}

static bool on_run(struct wp_call *call, enum wp_err result)
{
	const struct wp_registering *registering = call->state;

	if (result != WP_OK)
		return wp_devices_failed(call);
	if (registering->result == WP_ERR_DENIED) {
		wp_call_revoked(call);
		return true;
	}
	if (registering->result == WP_ERR_CONFLICT) {
		wp_resp_error(&call->resp, 409, "token_gone",
			      "the provider has said that this token is gone: "
			      "get another one from the system, or say force");
		return true;
	}
	if (registering->result == WP_ERR_FULL) {
		refuse_code(call);
		return true;
	}
	if (call->scratch.failed) {
		wp_resp_internal(&call->resp);
		return true;
	}
	/* Somebody has ended it by now, or has its token. */
	if (call->scratch.len == 0)
		return wp_devices_failed(call);
	return registering->put.wants_code
		       ? ask_for_code(call)
		       : wp_devices_wake_registered(
				 call, registering->put.is_new, on_woken);
}

bool wp_registering_do(struct wp_call *call,
		       bool (*on_done)(struct wp_call *call))
{
	const struct wp_new_device_setup setup = wp_registering_setup(call);
	struct wp_registering *registering = call->state;

	if (wp_new_device_seal(&registering->device, &setup) != WP_OK) {
		wp_resp_internal(&call->resp);
		return true;
	}
	registering->on_done = on_done;
	registering->put = (struct wp_push_put){
		.row = &registering->device.row,
		.owners = registering->device.owners,
		.issued_s = call->caller.issued_s,
		.now_s = wp_wall_ms() / MS_PER_S,
		.max = (size_t)call->ctx->conf->push.max_per_user,
		.is_forced = registering->device.says.is_forced,
	};
	return wp_call_store(call, run, on_run);
}
