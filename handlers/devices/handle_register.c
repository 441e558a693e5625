/*
 * handle_register.c - /api/v1/register/… and /api/v1/unregister/…, as clients
 * of an earlier service know them: their bodies, and 204.
 */
#include "handlers/request/call.h"

#include "lib/push/kind.h"
#include "lib/store/push.h"

#include "handlers/devices/registering.h"

/* ---- to register ---- */

static bool on_done(struct wp_call *call)
{
	wp_resp_empty(&call->resp, 204);
	return true;
}

static bool add(struct wp_call *call, enum wp_push_kind kind)
{
	if (wp_registering_begin(call, wp_push_kind_name(kind)) == NULL)
		return true;
	return wp_registering_do(call, on_done);
}

bool wp_handle_register_fcm(struct wp_call *call)
{
	return add(call, WP_PUSH_FCM);
}

bool wp_handle_register_web(struct wp_call *call)
{
	return add(call, WP_PUSH_WEB);
}

/* ---- and not any more ---- */

struct unregistering {
	struct wp_push_device says;
	enum wp_push_kind kind;
};

/*
 * On a thread of the store. A body of these names no app, so the token is
 * looked for in all that there are.
 */
static enum wp_err remove_all(struct wp_call *call, struct wp_store *store,
			      struct wp_error *err)
{
	const struct unregistering *unregistering = call->state;
	const struct wp_push *push = &call->ctx->push;
	const char *kind = wp_push_kind_name(unregistering->kind);
	const bool is_fcm = unregistering->kind == WP_PUSH_FCM;
	uint8_t tok[WP_PUSH_TOK_LEN];
	const struct wp_push_which which = {
		.user = &call->caller.user,
		.tok = tok,
	};
	enum wp_err rc = WP_OK;

	if (!is_fcm) {
		wp_push_name(&push->keys, kind, "",
			     unregistering->says.endpoint, tok);
		return wp_push_remove(store, &which, err);
	}
	for (size_t i = 0; rc == WP_OK && i < push->apps->n; i++) {
		wp_push_name(&push->keys, kind, push->apps->items[i].name,
			     unregistering->says.token, tok);
		rc = wp_push_remove(store, &which, err);
	}
	return rc;
}

static bool on_removed(struct wp_call *call, enum wp_err result)
{
	return result == WP_OK ? on_done(call) : wp_devices_failed(call);
}

static bool end(struct wp_call *call, enum wp_push_kind kind)
{
	struct unregistering *unregistering =
		wp_arena_alloc(&call->arena, sizeof(*unregistering));
	const char *missing = NULL;

	if (unregistering == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = unregistering;
	unregistering->kind = kind;
	if (!wp_devices_read(call, &unregistering->says))
		return true;
	if (kind == WP_PUSH_FCM && unregistering->says.token == NULL)
		missing = "token is missing";
	if (kind == WP_PUSH_WEB && unregistering->says.endpoint == NULL)
		missing = "endpoint is missing";
	if (missing != NULL) {
		wp_resp_error(&call->resp, 400, "invalid_device", missing);
		return true;
	}
	return wp_call_store(call, remove_all, on_removed);
}

bool wp_handle_unregister_fcm(struct wp_call *call)
{
	return end(call, WP_PUSH_FCM);
}

bool wp_handle_unregister_web(struct wp_call *call)
{
	return end(call, WP_PUSH_WEB);
}
