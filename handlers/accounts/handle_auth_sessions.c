/*
 * handle_auth_sessions.c - GET /api/auth/sessions: where am I logged in? And
 * POST /api/auth/sessions/revoke: not there any more.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/session_json.h"
#include "lib/base/encode.h"
#include "lib/base/json.h"
#include "lib/mailbox/session.h"
#include "lib/name/box.h"

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/session.h"
#include "handlers/request/limit.h"
#include "handlers/request/metrics.h"

enum { REVOKE_MAX = 50 };

struct revoking {
	struct wp_username name;
	bool is_all;      /* or all but set.keep, if there is one */
	size_t n_rowless; /* of those that are named */
	struct wp_box box;
	struct wp_session_set set;
};

/* The account of the caller; others have none here, and no sessions. */
static bool name_of(const struct wp_call *call, struct wp_username *out)
{
	return wp_username_of(&call->caller.user, out);
}

static bool at_desk(struct wp_call *call,
		    enum wp_err (*run)(struct wp_call *call,
				       struct wp_accounts *accounts,
				       struct wp_error *err),
		    bool (*step)(struct wp_call *call, enum wp_err result))
{
	return wp_call_desk(call, &(struct wp_call_work){
					  .who = &call->caller.user,
					  .run = run,
					  .step = step,
				  });
}

/* ---- the list ---- */

struct listing {
	struct wp_username name;
	struct wp_session_list list;
};

static enum wp_err read_list(struct wp_call *call, struct wp_accounts *accounts,
			     struct wp_error *err)
{
	struct listing *listing = call->state;

	return wp_accounts_sessions(accounts, &listing->name, &listing->list,
				    err);
}

static void write_one(const struct wp_call *call,
		      const struct wp_account_session *one, struct wp_buf *out)
{
	bool is_current =
		call->caller.own.is_set &&
		memcmp(call->caller.own.sid, one->sid, WP_SID_LEN) == 0;

	wp_buf_add_char(out, '{');
	wp_session_add_json(out, one);
	wp_buf_printf(out, ",\"current\":%s}", is_current ? "true" : "false");
}

static void write_list(struct wp_call *call, const struct wp_session_list *list)
{
	struct wp_buf *out = &call->resp.body;

	wp_resp_json(&call->resp, 200);
	wp_buf_add_str(out, "{\"sessions\":[");
	for (size_t i = 0; list != NULL && i < list->n; i++) {
		if (i > 0)
			wp_buf_add_char(out, ',');
		write_one(call, &list->sessions[i], out);
	}
	wp_buf_add_str(out, "]}");
}

static bool on_list(struct wp_call *call, enum wp_err result)
{
	const struct listing *listing = call->state;

	if (result != WP_OK)
		wp_resp_unavailable(&call->resp,
				    "the sessions cannot be read now; repeat "
				    "later");
	else
		write_list(call, &listing->list);
	return true;
}

bool wp_handle_auth_sessions(struct wp_call *call)
{
	struct listing *listing;

	if (!wp_accounts_are_on(call))
		return true;
	listing = wp_arena_alloc(&call->arena, sizeof(*listing));
	if (listing == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = listing;
	if (!name_of(call, &listing->name)) {
		write_list(call, NULL);
		return true;
	}
	return at_desk(call, read_list, on_list);
}

/* ---- not any more ---- */

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "the sessions may not have ended; "
					 "repeat later");
	return true;
}

static bool on_ended(struct wp_call *call, bool is_done)
{
	const struct revoking *revoking = call->state;

	if (!is_done)
		return fail(call);
	wp_metric_add(call->ctx->shared->metrics, WP_H_SESSION_ENDED,
		      (int64_t)revoking->set.n);
	wp_account_log(call, WP_EVENT_SESSIONS_ENDED, &call->caller.user);
	wp_resp_empty(&call->resp, 204);
	return true;
}

static bool on_removed(struct wp_call *call, enum wp_err result)
{
	struct revoking *revoking = call->state;

	if (result != WP_OK)
		return fail(call);
	/* Whoever makes ids up fills the tables of what was revoked. */
	wp_limit_batch(call, revoking->n_rowless);
	return wp_sessions_end(call,
			       &(struct wp_session_ends){
				       .user = &call->caller.user,
				       .partition = revoking->box.partition,
				       .sids = revoking->set.sids,
				       .n = revoking->set.n,
			       },
			       on_ended);
}

static enum wp_err remove_all(struct wp_call *call,
			      struct wp_accounts *accounts,
			      struct wp_error *err)
{
	struct revoking *revoking = call->state;
	struct wp_ended ended;
	enum wp_err rc = wp_accounts_session_remove_all(
		accounts, &revoking->name, revoking->set.keep, &ended, err);

	for (size_t i = 0; rc == WP_OK && i < ended.n; i++)
		wp_session_set_add(&revoking->set, ended.sid[i]);
	return rc;
}

/*
 * Those that are the caller's, and those that have no row: they may be half of
 * an end that was cut off. The others stay.
 */
static enum wp_err remove_some(struct wp_call *call,
			       struct wp_accounts *accounts,
			       struct wp_error *err)
{
	struct revoking *revoking = call->state;
	struct wp_session_set *set = &revoking->set;
	size_t n = set->n;

	set->n = 0;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *sid = set->sids[i];
		struct wp_account_session row;
		enum wp_err rc;

		rc = wp_accounts_session_remove(accounts, &revoking->name, sid,
						err);
		if (rc == WP_ERR_NOTFOUND &&
		    wp_accounts_session_find(accounts, sid, &row, NULL, err) ==
			    WP_OK)
			continue;
		if (rc != WP_OK && rc != WP_ERR_NOTFOUND)
			return rc;
		revoking->n_rowless += rc == WP_ERR_NOTFOUND;
		memmove(set->sids[set->n++], sid, WP_SID_LEN);
	}
	return WP_OK;
}

static bool on_known(struct wp_call *call, bool is_done)
{
	return is_done ? at_desk(call, remove_all, on_removed) : fail(call);
}

/* ---- what is asked ---- */

static void read_ids(struct wp_json *js, struct revoking *revoking)
{
	wp_json_array_begin(js);
	while (wp_json_array_next(js)) {
		struct wp_json_slice id;
		uint8_t sid[WP_SID_LEN];

		if (!wp_json_string(js, &id))
			return;
		if (revoking->set.n == REVOKE_MAX) {
			wp_json_fail(js, "sessions may have 50 elements");
			return;
		}
		if (!wp_hex_read(id.data, id.len, sid, sizeof(sid))) {
			wp_json_fail(js, "an id of a session is 32 hex "
					 "digits");
			return;
		}
		wp_session_set_add(&revoking->set, sid);
	}
}

static void read_word(struct wp_json *js, struct wp_call *call,
		      struct revoking *revoking)
{
	struct wp_json_slice word;

	if (!wp_json_string(js, &word))
		return;
	revoking->is_all = true;
	if (wp_json_slice_is(&word, "all"))
		return;
	if (!wp_json_slice_is(&word, "others"))
		wp_json_fail(js, "sessions must be a list of ids, \"others\" "
				 "or \"all\"");
	else if (!call->caller.own.is_set)
		wp_json_fail(js, "this token is of no session, so there are "
				 "no others");
	else
		revoking->set.keep = call->caller.own.sid;
}

static const char *read_body(struct wp_call *call, struct revoking *revoking)
{
	struct wp_json_slice key;
	bool is_there = false;
	struct wp_json js;

	wp_json_init(&js, call->body.data, call->body.len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_slice_is(&key, "sessions"))
			wp_json_skip(&js, NULL);
		else if (is_there)
			wp_json_fail(&js, "sessions is given twice");
		else if (wp_json_peek(&js) == WP_JSON_ARRAY)
			read_ids(&js, revoking);
		else
			read_word(&js, call, revoking);
		is_there |= wp_json_slice_is(&key, "sessions");
	}
	if (wp_json_end(&js) && !is_there)
		return "sessions is missing";
	return js.err;
}

bool wp_handle_auth_sessions_revoke(struct wp_call *call)
{
	struct revoking *revoking;
	const char *problem;

	if (!wp_accounts_are_on(call))
		return true;
	if (!wp_call_read_json(call, WP_ACCOUNT_BODY_MAX))
		return true;
	revoking = wp_arena_alloc(&call->arena, sizeof(*revoking));
	if (revoking == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = revoking;
	problem = read_body(call, revoking);
	if (problem != NULL) {
		wp_call_bad_body(call, "bad_request", problem);
		return true;
	}
	if (!name_of(call, &revoking->name)) {
		wp_resp_empty(&call->resp, 204);
		return true;
	}
	wp_box_of(&revoking->box, &call->caller.user,
		  (uint32_t)call->ctx->conf->mailbox.partitions);
	return revoking->is_all ? wp_sessions_known(call, &revoking->box,
						    &revoking->set, on_known)
				: at_desk(call, remove_some, on_removed);
}
