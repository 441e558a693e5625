/*
 * handle_auth_refresh.c - POST /api/auth/refresh: a refresh token for an access
 * token, and perhaps for its own child (docs/architecture.md "Sessions").
 *
 * Redis is asked first. What it does not know is looked for in the store, and
 * settled, and Redis is asked again. Once a day the store hears that the
 * session is in use, and says whether there still is one.
 */
#include "handlers/request/call.h"

#include <string.h>

#include "lib/accounts/accounts.h"
#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "lib/mailbox/session.h"
#include "lib/name/box.h"

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/refresh_in.h"
#include "handlers/accounts/session.h"
#include "handlers/request/limit.h"
#include "handlers/request/metrics.h"

/* How often Redis may have lost what it was told the moment before. */
enum { TRIES = 3, US_PER_MS = 1000 };

struct refresh {
	struct wp_refresh_in in;
	struct wp_session_refreshed got;
	struct wp_account_session row;
	struct wp_account account;
	struct wp_urn user; /* of row */
	int n_tries;
	bool is_reused;
};

static bool ask(struct wp_call *call, bool is_up);

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "the session cannot be looked at now; "
					 "repeat later with the same token");
	return true;
}

static bool at_desk(struct wp_call *call,
		    enum wp_err (*run)(struct wp_call *call,
				       struct wp_accounts *accounts,
				       struct wp_error *err),
		    bool (*step)(struct wp_call *call, enum wp_err result))
{
	const struct refresh *refresh = call->state;

	return wp_session_desk(call, &refresh->in.session, run, step);
}

/*
 * Somebody must still wait for the answer, and not have waited for too long: a
 * client that has given up comes again, and what it is told then is not to be
 * overtaken by this (tests/model/session.c, R29).
 */
static bool is_young(const struct wp_call *call)
{
	return wp_mono_us() - call->start_us <
		       (uint64_t)WP_SESSION_YOUNG_MS * US_PER_MS &&
	       wp_req_is_awaited(&call->req);
}

/* ---- it has ended ---- */

static bool on_ended(struct wp_call *call, bool is_done)
{
	struct refresh *refresh = call->state;

	if (!is_done)
		return fail(call);
	wp_metric_add(call->ctx->shared->metrics,
		      refresh->is_reused ? WP_H_SESSION_REUSED
					 : WP_H_SESSION_ENDED,
		      1);
	return wp_refresh_in_ended(call, &refresh->in);
}

/* There is no row, or not any more. */
static bool end(struct wp_call *call)
{
	struct refresh *refresh = call->state;

	return wp_sessions_end(
		call,
		&(struct wp_session_ends){
			.partition = refresh->in.session.partition,
			.sids = &refresh->in.sid,
			.n = 1,
		},
		on_ended);
}

static enum wp_err remove_row(struct wp_call *call,
			      struct wp_accounts *accounts,
			      struct wp_error *err)
{
	struct refresh *refresh = call->state;
	enum wp_err rc = wp_accounts_session_find(accounts, refresh->in.sid,
						  &refresh->row, NULL, err);

	if (rc != WP_OK)
		return rc;
	wp_username_urn(&refresh->row.name, &refresh->user);
	return wp_accounts_session_remove(accounts, &refresh->row.name,
					  refresh->in.sid, err);
}

/* A child had superseded the token; the log says whose it was. */
static bool on_removed(struct wp_call *call, enum wp_err result)
{
	const struct refresh *refresh = call->state;

	if (refresh->is_reused)
		wp_account_log(call, WP_EVENT_TOKEN_REUSED, &refresh->user);
	return result == WP_OK || result == WP_ERR_NOTFOUND ? end(call)
							    : fail(call);
}

static bool end_for_both(struct wp_call *call)
{
	struct refresh *refresh = call->state;

	if (!is_young(call))
		return fail(call);
	refresh->is_reused = true;
	return at_desk(call, remove_row, on_removed);
}

/* ---- it goes on ---- */

static bool respond(struct wp_call *call)
{
	static const enum wp_handlers_metric metrics[] = {
		[WP_SESSION_ROTATED] = WP_H_SESSION_ROTATED,
		[WP_SESSION_AGAIN] = WP_H_SESSION_AGAIN,
		[WP_SESSION_KEPT] = WP_H_SESSION_KEPT,
	};
	struct refresh *refresh = call->state;

	/* What is older than its client's patience must not reach it. */
	if (!is_young(call))
		return fail(call);
	wp_metric_add(call->ctx->shared->metrics, metrics[refresh->got.verdict],
		      1);
	return wp_session_answer(
		call, &(struct wp_session_answer){
			      .status = 200,
			      .session = &refresh->in.session,
			      .user = &refresh->got.user,
			      .device = refresh->got.device,
			      .generation = refresh->got.generation,
			      .gives_refresh =
				      refresh->got.verdict != WP_SESSION_KEPT,
			      .in_cookie = refresh->in.in_cookie,
		      });
}

static void on_day_told(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;

	(void)reply; /* then it is told tomorrow, or at the next refresh */
	if (respond(call))
		wp_call_end(call);
}

static bool tell_day(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;
	struct refresh *refresh = call->state;

	if (!is_up)
		return respond(call);
	wp_session_day_build(&ctx->cmd, &refresh->in.session,
			     wp_session_today());
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_day_told,
			  call) != WP_OK)
		return respond(call);
	return false;
}

static enum wp_err note_day(struct wp_call *call, struct wp_accounts *accounts,
			    struct wp_error *err)
{
	struct refresh *refresh = call->state;

	return wp_accounts_session_seen(accounts, refresh->in.sid,
					wp_session_today(), err);
}

static bool on_day(struct wp_call *call, enum wp_err result)
{
	if (result == WP_ERR_NOTFOUND)
		return end(call);
	/* A store that is down holds up no refresh. */
	return result == WP_OK ? wp_call_redis(call, WP_LINE_SHORT, tell_day)
			       : respond(call);
}

static bool go_on(struct wp_call *call)
{
	struct refresh *refresh = call->state;

	return refresh->got.day < wp_session_today()
		       ? at_desk(call, note_day, on_day)
		       : respond(call);
}

/* ---- Redis does not know ---- */

static void on_settled(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct refresh *refresh = call->state;
	enum wp_err rc = wp_script_done(reply);
	bool is_over;

	if (rc == WP_OK)
		wp_metric_add(call->ctx->shared->metrics, WP_H_SESSION_RESTORED,
			      1);
	if ((rc == WP_OK || rc == WP_ERR_STALE) && ++refresh->n_tries < TRIES)
		is_over = wp_call_redis(call, WP_LINE_SHORT, ask);
	else
		is_over = fail(call);
	if (is_over)
		wp_call_end(call);
}

static bool settle(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;
	struct refresh *refresh = call->state;
	const struct wp_session_claim claim = {
		.run_id = wp_backend_run_id(ctx->backend, WP_LINE_SHORT),
		.claim = refresh->got.claim,
		.generation = refresh->in.generation,
	};
	struct wp_session_facts facts;

	if (!is_up)
		return fail(call);
	wp_session_facts_of(ctx->conf, &refresh->row, &refresh->user, &facts);
	wp_session_settle_build(&ctx->cmd, &refresh->in.session, &claim,
				&facts);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_settled,
			  call) != WP_OK)
		return fail(call);
	return false;
}

static enum wp_err find_row(struct wp_call *call, struct wp_accounts *accounts,
			    struct wp_error *err)
{
	struct refresh *refresh = call->state;

	return wp_accounts_session_find(accounts, refresh->in.sid,
					&refresh->row, &refresh->account, err);
}

/* Redis forgets those that are idle by itself; so what it lost may be old. */
static bool is_over_age(const struct wp_conf *conf,
			const struct wp_account_session *row)
{
	int64_t today = wp_session_today();

	return today - row->seen_day > conf->accounts.session_idle_days ||
	       wp_wall_ms() / 1000 >=
		       row->created_s + conf->accounts.session_max_days * 86400;
}

static bool on_row(struct wp_call *call, enum wp_err result)
{
	struct refresh *refresh = call->state;
	struct wp_box box;

	if (result == WP_ERR_NOTFOUND)
		return end(call);
	if (result != WP_OK)
		return fail(call);
	if (refresh->account.state != WP_ACCOUNT_ACTIVE ||
	    is_over_age(call->ctx->conf, &refresh->row))
		return at_desk(call, remove_row, on_removed);
	wp_username_urn(&refresh->row.name, &refresh->user);
	wp_box_of(&box, &refresh->user,
		  (uint32_t)call->ctx->conf->mailbox.partitions);
	if (box.partition != refresh->in.session.partition)
		return wp_refresh_in_ended(call, &refresh->in);
	return wp_call_redis(call, WP_LINE_SHORT, settle);
}

static void on_told(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct refresh *refresh = call->state;
	bool is_over;

	if (wp_session_refresh_parse(reply, &refresh->got) != WP_OK) {
		wp_ctx_log_failure(call->ctx, "refresh",
				   reply == NULL
					   ? "the connection to Redis was lost"
					   : wp_reply_str(reply));
		is_over = fail(call);
	} else {
		switch (refresh->got.verdict) {
		case WP_SESSION_ASK:
			is_over = at_desk(call, find_row, on_row);
			break;
		case WP_SESSION_REUSED:
			is_over = end_for_both(call);
			break;
		default:
			is_over = go_on(call);
			break;
		}
	}
	if (is_over)
		wp_call_end(call);
}

static bool ask(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;
	struct refresh *refresh = call->state;
	const struct wp_session_spans spans = wp_session_spans(ctx->conf);

	if (!is_up)
		return fail(call);
	wp_session_refresh_build(
		&ctx->cmd, wp_backend_run_id(ctx->backend, WP_LINE_SHORT),
		&refresh->in.session, refresh->in.generation, &spans);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_told,
			  call) != WP_OK)
		return fail(call);
	return false;
}

bool wp_handle_auth_refresh(struct wp_call *call)
{
	struct refresh *refresh;

	wp_call_be_secret(call);
	if (!wp_accounts_are_on(call))
		return true;
	refresh = wp_arena_alloc(&call->arena, sizeof(*refresh));
	if (refresh == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	call->state = refresh;
	if (!wp_refresh_in_read(call, &refresh->in))
		return true;
	if (!refresh->in.is_there) {
		wp_resp_error(&call->resp, 400, "bad_request",
			      "refreshToken is missing, and there is no "
			      "cookie");
		return true;
	}
	/* Not that of logins: a refresh guesses nothing. */
	if (!wp_limit_session(call, WP_LIMIT_REFRESH,
			      refresh->in.session.partition,
			      refresh->in.session.id))
		return true;
	return wp_call_redis(call, WP_LINE_SHORT, ask);
}
