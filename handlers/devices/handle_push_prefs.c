/*
 * handle_push_prefs.c - /api/push/preferences: what a user wants to be told,
 * and when. PUT takes the whole object, and answers as GET does.
 *
 * Whoever mutes no more is told of what waits: notifiers look at who has put
 * something, after it was written. Between the two a crash, or a Redis that is
 * down, leaves what was written, and who put it without an answer or with 503:
 * he repeats it. If he does not, the next look sees it, which may be in a day.
 */
#include "handlers/request/call.h"

#include "lib/base/clock.h"
#include "lib/push/prefs.h"
#include "lib/store/push.h"

#include "handlers/devices/wake.h"

enum { MS_PER_S = 1000 };

static bool respond(struct wp_call *call)
{
	wp_resp_json(&call->resp, 200);
	wp_prefs_write(call->state, &call->resp.body);
	return true;
}

static struct wp_prefs *new_prefs(struct wp_call *call)
{
	struct wp_prefs *prefs = wp_arena_alloc(&call->arena, sizeof(*prefs));

	if (prefs == NULL) {
		wp_resp_internal(&call->resp);
		return NULL;
	}
	wp_prefs_init(prefs);
	call->state = prefs;
	return prefs;
}

/* ---- GET ---- */

/* On a thread of the store. */
static enum wp_err read_prefs(struct wp_call *call, struct wp_store *store,
			      struct wp_error *err)
{
	enum wp_err rc =
		wp_push_prefs(store, &call->caller.user, &call->scratch, err);

	return rc == WP_ERR_NOTFOUND ? WP_OK : rc;
}

static bool on_read(struct wp_call *call, enum wp_err result)
{
	struct wp_prefs *prefs = call->state;

	if (result != WP_OK) {
		wp_resp_unavailable(&call->resp, "preferences cannot be read "
						 "now; repeat later");
		return true;
	}
	if (call->scratch.failed) {
		wp_resp_internal(&call->resp);
		return true;
	}
	/* What today's rules refuse, of another release, says nothing. */
	if (call->scratch.len > 0 &&
	    wp_prefs_read(prefs, call->scratch.data, call->scratch.len, NULL) !=
		    WP_OK)
		wp_prefs_init(prefs);
	return respond(call);
}

bool wp_handle_push_prefs(struct wp_call *call)
{
	if (new_prefs(call) == NULL)
		return true;
	return wp_call_store(call, read_prefs, on_read);
}

/* ---- PUT ---- */

/* On a thread of the store. */
static enum wp_err write_prefs(struct wp_call *call, struct wp_store *store,
			       struct wp_error *err)
{
	return wp_push_prefs_put(store, &call->caller.user, call->scratch.data,
				 call->scratch.len, wp_wall_ms() / MS_PER_S,
				 err);
}

static bool on_woken(struct wp_call *call, bool is_done)
{
	if (is_done)
		return respond(call);
	wp_resp_unavailable(&call->resp, "preferences were written, and may "
					 "not have been looked at; repeat "
					 "later");
	return true;
}

static bool on_written(struct wp_call *call, enum wp_err result)
{
	if (result == WP_OK)
		return wp_devices_wake(call, "", on_woken);
	wp_resp_unavailable(&call->resp, "preferences may not have been "
					 "written; repeat later");
	return true;
}

bool wp_handle_push_prefs_put(struct wp_call *call)
{
	struct wp_prefs *prefs = new_prefs(call);
	struct wp_error err;

	if (prefs == NULL || !wp_call_read_json(call, WP_PREFS_BYTES_MAX))
		return true;
	if (wp_prefs_read(prefs, call->body.data, call->body.len, &err) !=
	    WP_OK) {
		wp_call_bad_body(call, "invalid_preferences", err.msg);
		return true;
	}
	wp_prefs_write(prefs, &call->scratch);
	if (call->scratch.failed) {
		wp_resp_internal(&call->resp);
		return true;
	}
	return wp_call_store(call, write_prefs, on_written);
}
