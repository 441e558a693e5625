/*
 * session_begin.c - claim in Redis, row in the file, settled in Redis, told.
 */
#include "handlers/accounts/session_begin.h"

#include <stdio.h>
#include <string.h>

#include "lib/auth/device_proof.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "lib/mailbox/session.h"

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/session.h"
#include "handlers/request/metrics.h"

enum {
	MS_PER_S = 1000,
	DEVICE_BYTES = 8, /* of an id that is made here: 16 digits */
	TRIES_MAX = 3,    /* Redis may lose a claim */
};

static bool claim(struct wp_call *call, bool is_up);

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp,
			    "no session can begin now; repeat later");
	return true;
}

/* Redis gave no answer, or none that is understood. */
static bool fail_redis(struct wp_call *call, const struct wp_reply *reply)
{
	wp_ctx_log_failure(call->ctx, "session",
			   reply == NULL ? "the connection to Redis was lost"
					 : "Redis gave no usable answer about "
					   "a session");
	return fail(call);
}

/* ---- the answer ---- */

/* The seed's clients ask here, and know a token by this name. */
static bool is_alias(const struct wp_call *call)
{
	return wp_text_is(&call->req.path, "/auth/register") ||
	       wp_text_is(&call->req.path, "/auth/login");
}

/* Say the first member's value again, as "token". */
static void repeat_token(struct wp_buf *body)
{
	static const char head[] = "{\"accessToken\":\"";
	size_t len;

	if (body->failed || body->len < sizeof(head) ||
	    memcmp(body->data, head, sizeof(head) - 1) != 0)
		return;
	len = strcspn(body->data + sizeof(head) - 1, "\"");
	body->len--; /* the brace */
	wp_buf_add_str(body, ",\"token\":\"");
	/* Room first: it moves what is copied. */
	if (wp_buf_reserve(body, len) != NULL)
		wp_buf_add(body, body->data + sizeof(head) - 1, len);
	wp_buf_add_str(body, "\"}");
}

static bool answer(struct wp_call *call)
{
	struct wp_account_call *about = call->state;
	const struct wp_device device = {
		.account = about->account.id,
		.id = about->row.device,
		.changed_s = about->account.changed_s,
	};
	char proof[WP_DEVICE_PROOF_LEN + 1];
	char more[sizeof(about->recovery_code) + 32] = "";
	const struct wp_session_answer what = {
		.status = about->status,
		.session = &about->session,
		.user = &about->user,
		.device = about->row.device,
		.gives_refresh = true,
		.in_cookie = about->given.refresh_in.data != NULL &&
			     about->given.refresh_in.data[0] == 'c',
		.proof = proof,
		.more = more,
	};
	bool is_over;

	wp_metric_add(call->ctx->shared->metrics, WP_H_SESSION_CREATED, 1);
	wp_account_log(call, WP_EVENT_LOGGED_IN, &about->user);
	wp_device_proof_write(&call->ctx->sessions.proof_key, &device, proof);
	if (about->recovery_code[0] != '\0')
		(void)snprintf(more, sizeof(more), ",\"recoveryCode\":\"%s\"",
			       about->recovery_code);
	is_over = wp_session_answer(call, &what);
	if (is_alias(call))
		repeat_token(&call->resp.body);
	explicit_bzero(more, sizeof(more));
	explicit_bzero(proof, sizeof(proof));
	return is_over;
}

/* ---- what Redis is told of the row ---- */

static void on_settled(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct wp_account_call *about = call->state;
	bool is_over;

	switch (wp_script_done(reply)) {
	case WP_OK:
		is_over = wp_account_call_end(call, answer);
		break;
	case WP_ERR_STALE:
		/* The claim was lost, or somebody has ended the session. */
		if (++about->tries < TRIES_MAX)
			is_over = wp_call_redis(call, WP_LINE_SHORT, claim);
		else
			is_over = fail(call);
		break;
	default:
		is_over = fail_redis(call, reply);
	}
	if (is_over)
		wp_call_end(call);
}

static bool settle(struct wp_call *call, bool is_up)
{
	struct wp_account_call *about = call->state;
	struct wp_ctx *ctx = call->ctx;
	const struct wp_session_claim its_claim = {
		.run_id = wp_backend_run_id(ctx->backend, WP_LINE_SHORT),
		.claim = about->claim,
	};
	struct wp_session_facts facts;

	if (!is_up)
		return fail(call);
	wp_session_facts_of(ctx->conf, &about->row, &about->user, &facts);
	wp_session_settle_build(&ctx->cmd, &about->session, &its_claim, &facts);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_settled,
			  call) != WP_OK)
		return fail(call);
	return false;
}

/* ---- the row ---- */

/*
 * Of those that Redis knows, what has no row was ended by somebody who was cut
 * off behind it, and ends now. The others go on, and all do when that cannot be
 * told.
 */
static void spare_rows(struct wp_account_call *about,
		       struct wp_accounts *accounts)
{
	struct wp_session_list list;

	if (about->known.n == 0)
		return;
	if (wp_accounts_sessions(accounts, &about->name, &list, NULL) != WP_OK)
		about->known.n = 0;
	for (size_t i = 0; i < list.n; i++)
		wp_session_set_spare(&about->known, list.sessions[i].sid);
}

/* On a thread of the desk. */
static enum wp_err add_row(struct wp_call *call, struct wp_accounts *accounts,
			   struct wp_error *err)
{
	struct wp_account_call *about = call->state;
	struct wp_session_add add = {
		.session = &about->row,
		.changed_s = about->account.changed_s,
		.max = (size_t)call->ctx->conf->accounts.sessions_per_user,
	};
	enum wp_err rc = wp_accounts_session_add(accounts, &add, err);

	if (rc == WP_OK) {
		about->ended = add.ended;
		spare_rows(about, accounts);
	}
	return rc;
}

static bool on_row(struct wp_call *call, enum wp_err result)
{
	struct wp_account_call *about = call->state;

	if (result == WP_ERR_STALE)
		return wp_account_call_wrong(call);
	if (result != WP_OK)
		return wp_account_call_failed(call, result);
	about->has_row = true;
	return wp_call_redis(call, WP_LINE_SHORT, settle);
}

/* Is it still there? On a thread of the desk. */
static enum wp_err find_row(struct wp_call *call, struct wp_accounts *accounts,
			    struct wp_error *err)
{
	struct wp_account_call *about = call->state;
	struct wp_account_session row;

	return wp_accounts_session_find(accounts, about->row.sid, &row, NULL,
					err);
}

static bool on_found(struct wp_call *call, enum wp_err result)
{
	if (result == WP_OK)
		return wp_call_redis(call, WP_LINE_SHORT, settle);
	/* Somebody has ended it, before anybody had it. */
	return result == WP_ERR_NOTFOUND ? fail(call)
					 : wp_account_call_failed(call, result);
}

/* ---- the claim ---- */

/* A claim is about a row that is looked at behind it, whenever that was made:
 * see session_settle.lua. */
static void on_claimed(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct wp_account_call *about = call->state;
	const struct wp_call_work work = {
		.who = &about->user,
		.run = about->has_row ? find_row : add_row,
		.step = about->has_row ? on_found : on_row,
	};
	struct wp_session_refreshed refreshed;
	bool is_over;

	if (wp_session_refresh_parse(reply, &refreshed) != WP_OK ||
	    refreshed.verdict != WP_SESSION_ASK) {
		is_over = fail_redis(call, reply);
	} else {
		memcpy(about->claim, refreshed.claim, sizeof(about->claim));
		is_over = wp_call_desk(call, &work);
	}
	if (is_over)
		wp_call_end(call);
}

static bool claim(struct wp_call *call, bool is_up)
{
	struct wp_account_call *about = call->state;
	struct wp_ctx *ctx = call->ctx;
	const struct wp_session_spans spans = wp_session_spans(ctx->conf);

	if (!is_up)
		return fail(call);
	wp_session_refresh_build(&ctx->cmd,
				 wp_backend_run_id(ctx->backend, WP_LINE_SHORT),
				 &about->session, 0, &spans);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_claimed,
			  call) != WP_OK)
		return fail(call);
	return false;
}

bool wp_session_begin(struct wp_call *call)
{
	struct wp_account_call *about = call->state;
	struct wp_account_session *row = &about->row;
	const struct wp_credentials *given = &about->given;

	wp_session_ref_make(&about->session, &about->box);
	*row = (struct wp_account_session){ .name = about->name };
	(void)wp_hex_read(about->session.id, WP_SESSION_DIGITS, row->sid,
			  sizeof(row->sid));
	row->created_s = wp_wall_ms() / MS_PER_S;
	row->seen_day = wp_session_today();
	if (given->device_id.data != NULL)
		(void)snprintf(row->device, sizeof(row->device), "%s",
			       given->device_id.data);
	else
		wp_random_hex(row->device, DEVICE_BYTES);
	if (given->device_name.data != NULL)
		(void)snprintf(row->device_name, sizeof(row->device_name), "%s",
			       given->device_name.data);
	return wp_call_redis(call, WP_LINE_SHORT, claim);
}
