/*
 * handle_admin_revoke.c - POST /api/admin/revoke: a back end says whose tokens
 * are good no longer.
 *
 * 204 when Redis has it; who is let in is judged by that from then on
 * (docs/architecture.md "Revocation"). Anything else may be repeated: what was
 * revoked twice is revoked.
 *
 * Of who has an account here the sessions end as well: else the next refresh
 * would give another token.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/accounts/accounts.h"
#include "lib/auth/revoke_order.h"
#include "lib/base/encode.h"
#include "lib/name/box.h"

#include "handlers/accounts/revoke.h"
#include "handlers/accounts/session.h"

enum { HOUR_S = 3600 };

struct revoking {
	struct wp_revoke_order order;
	struct wp_revoke_names names;
	struct wp_username name; /* whose sessions end */
	struct wp_urn user;
	struct wp_box box;
	struct wp_session_set set;
	int64_t keep_s; /* for so long tokens of it may live */
};

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "it may not be revoked yet; repeat "
					 "later");
	return true;
}

/* Read the body; false when call->resp holds the error. */
static bool read_order(struct wp_call *call, struct revoking *revoking)
{
	struct wp_error err;

	if (!wp_call_read_json(call, WP_ADMIN_BODY_MAX))
		return false;
	switch (wp_revoke_order_read(&revoking->order.keys[0], &revoking->names,
				     call->body.data, call->body.len, &err)) {
	case WP_OK:
		return true;
	case WP_ERR_INVAL:
		wp_call_bad_body(call, "bad_request", err.msg);
		return false;
	default:
		wp_resp_internal(&call->resp);
		return false;
	}
}

/* ---- sessions of our own ---- */

/* For as long as the settings say, or longer. */
static void remember_for(struct wp_call *call, int64_t keep_s)
{
	struct revoking *revoking = call->state;
	int64_t least_s = call->ctx->conf->auth.revocation_hours * HOUR_S;

	revoking->order.keep_s = keep_s > least_s ? keep_s : least_s;
}

static bool on_ended(struct wp_call *call, bool is_done)
{
	struct revoking *revoking = call->state;

	if (!is_done)
		return fail(call);
	remember_for(call, revoking->keep_s);
	return wp_call_revoke(call, &revoking->order);
}

/* Rows are gone. */
static bool end(struct wp_call *call, enum wp_err result)
{
	struct revoking *revoking = call->state;

	if (result != WP_OK)
		return fail(call);
	return wp_sessions_end(call,
			       &(struct wp_session_ends){
				       .user = &revoking->user,
				       .partition = revoking->box.partition,
				       .sids = revoking->set.sids,
				       .n = revoking->set.n,
				       .keep_s = &revoking->keep_s,
			       },
			       on_ended);
}

/*
 * A row that is gone may be half of an end that was cut off, also of one that
 * was asked for here. Without it nobody knows whose the session was, and Redis
 * may know it in any partition.
 */
static bool end_unknown(struct wp_call *call)
{
	struct revoking *revoking = call->state;

	return wp_sessions_end(call,
			       &(struct wp_session_ends){
				       .is_anywhere = true,
				       .sids = revoking->set.sids,
				       .n = revoking->set.n,
				       .keep_s = &revoking->keep_s,
			       },
			       on_ended);
}

static bool at_desk(struct wp_call *call,
		    enum wp_err (*run)(struct wp_call *call,
				       struct wp_accounts *accounts,
				       struct wp_error *err),
		    bool (*step)(struct wp_call *call, enum wp_err result))
{
	const struct revoking *revoking = call->state;

	return wp_call_desk(call, &(struct wp_call_work){
					  .who = &revoking->user,
					  .run = run,
					  .step = step,
				  });
}

static void set_user(struct wp_call *call)
{
	struct revoking *revoking = call->state;

	wp_username_urn(&revoking->name, &revoking->user);
	wp_box_of(&revoking->box, &revoking->user,
		  (uint32_t)call->ctx->conf->mailbox.partitions);
}

static enum wp_err remove_all(struct wp_call *call,
			      struct wp_accounts *accounts,
			      struct wp_error *err)
{
	struct revoking *revoking = call->state;
	struct wp_ended ended;
	enum wp_err rc = wp_accounts_session_remove_all(
		accounts, &revoking->name, NULL, &ended, err);

	for (size_t i = 0; rc == WP_OK && i < ended.n; i++)
		wp_session_set_add(&revoking->set, ended.sid[i]);
	return rc;
}

static bool on_known(struct wp_call *call, bool is_done)
{
	return is_done ? at_desk(call, remove_all, end) : fail(call);
}

static enum wp_err remove_one(struct wp_call *call,
			      struct wp_accounts *accounts,
			      struct wp_error *err)
{
	struct revoking *revoking = call->state;
	const uint8_t *sid = revoking->set.sids[0];
	struct wp_account_session row;
	enum wp_err rc =
		wp_accounts_session_find(accounts, sid, &row, NULL, err);

	if (rc != WP_OK)
		return rc;
	revoking->name = row.name;
	return wp_accounts_session_remove(accounts, &row.name, sid, err);
}

static bool on_removed(struct wp_call *call, enum wp_err result)
{
	if (result == WP_ERR_NOTFOUND)
		return end_unknown(call);
	if (result == WP_OK)
		set_user(call);
	return end(call, result);
}

/* ---- whom it names ---- */

/*
 * A session of our own by its id, in whatever case: the key becomes that of
 * what tokens say.
 */
static bool is_own_session(const struct wp_call *call,
			   struct revoking *revoking)
{
	const char *issuer = call->ctx->conf->accounts.issuer;
	const char *text = revoking->names.session;
	char id[2 * WP_SID_LEN + 1];
	uint8_t hash[WP_NAME_HASH_LEN];
	uint8_t sid[WP_SID_LEN];

	if (strcmp(revoking->names.issuer, issuer) != 0 ||
	    !wp_hex_read(text, strlen(text), sid, WP_SID_LEN))
		return false;
	wp_session_set_add(&revoking->set, sid);
	wp_hex_write(id, sid, WP_SID_LEN);
	if (wp_name_hash(issuer, id, strlen(id), hash) == WP_OK)
		wp_revoked_key_session(&revoking->order.keys[0], hash);
	return true;
}

/* Who may have an account here: as a user, or as a subject of our own. */
static bool is_own_user(const struct wp_call *call, struct revoking *revoking)
{
	const struct wp_revoke_names *names = &revoking->names;
	const char *issuer = call->ctx->conf->accounts.issuer;
	uint8_t hash[WP_NAME_HASH_LEN];
	struct wp_error ignored;
	struct wp_urn user;

	if (names->user.len > 0)
		return wp_username_of(&names->user, &revoking->name);
	if (strcmp(names->issuer, issuer) != 0 ||
	    wp_urn_parse(&user, names->subject, strlen(names->subject),
			 &ignored) != WP_OK ||
	    !wp_username_of(&user, &revoking->name))
		return false;
	/* It may be the short form; tokens say the long one. */
	if (wp_name_hash(issuer, user.text, user.len, hash) == WP_OK)
		wp_revoked_key_subject(&revoking->order.keys[0], hash);
	return true;
}

bool wp_handle_admin_revoke(struct wp_call *call)
{
	struct revoking *revoking =
		wp_arena_alloc(&call->arena, sizeof(*revoking));

	if (revoking == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	*revoking = (struct revoking){
		.order = { .n = 1, .status = 204 },
	};
	call->state = revoking;
	if (!read_order(call, revoking))
		return true;
	if (!call->ctx->sessions.is_on)
		return wp_call_revoke(call, &revoking->order);
	if (is_own_user(call, revoking)) {
		set_user(call);
		return wp_sessions_known(call, &revoking->box, &revoking->set,
					 on_known);
	}
	if (is_own_session(call, revoking))
		return at_desk(call, remove_one, on_removed);
	return wp_call_revoke(call, &revoking->order);
}
