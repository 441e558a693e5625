/*
 * session.c - the steps that endpoints of accounts share.
 *
 * What they have in hand lies in call->session, in the arena of the call.
 */
#include "handlers/session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/auth/identity.h"
#include "lib/auth/refresh_token.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/mailbox/revoke.h"

#include "handlers/cookie.h"

enum { DAY_S = 86400, LATE_S = 90 /* of clocks, and of tables */ };

bool wp_accounts_are_on(struct wp_call *call)
{
	if (call->ctx->sessions.is_on)
		return true;
	wp_resp_error(&call->resp, 404, "not_found",
		      "there is nothing at this path");
	return false;
}

int64_t wp_session_today(void)
{
	return wp_wall_ms() / 1000 / DAY_S;
}

int64_t wp_session_idle_s(const struct wp_conf *conf)
{
	return conf->accounts.session_idle_days * DAY_S;
}

void wp_session_facts_of(const struct wp_conf *conf,
			 const struct wp_account_session *row,
			 const struct wp_urn *user,
			 struct wp_session_facts *out)
{
	*out = (struct wp_session_facts){
		.user = user,
		.device = row->device,
		.day = row->seen_day,
		.ends_s = row->created_s +
			  conf->accounts.session_max_days * DAY_S,
		.idle_s = wp_session_idle_s(conf),
		.max_sessions = conf->accounts.sessions_per_user,
	};
}

bool wp_session_desk(struct wp_call *call, const struct wp_session_ref *session,
		     enum wp_err (*run)(struct wp_call *call,
					struct wp_accounts *accounts,
					struct wp_error *err),
		     bool (*step)(struct wp_call *call, enum wp_err result))
{
	struct wp_urn who = { .len = WP_SESSION_DIGITS };

	/* Whose it is does not matter: it tells one from the other. */
	memcpy(who.text, session->id, sizeof(session->id));
	return wp_call_desk(call, &(struct wp_call_work){ .who = &who,
							  .run = run,
							  .step = step });
}

/* ---- the answer ---- */

static void add_text(struct wp_buf *out, const char *name, const char *value)
{
	wp_buf_printf(out, ",\"%s\":", name);
	wp_buf_add_json(out, value, strlen(value));
}

static void give_refresh(struct wp_call *call,
			 const struct wp_session_answer *what)
{
	const struct wp_sessions *sessions = &call->ctx->sessions;
	struct wp_refresh_token token = {
		.partition = (uint16_t)what->session->partition,
		.generation = (uint32_t)what->generation,
	};
	char text[WP_REFRESH_TOKEN_LEN + 1];

	(void)wp_hex_read(what->session->id, WP_SESSION_DIGITS, token.session,
			  sizeof(token.session));
	wp_refresh_token_write(&sessions->refresh_key, &token, text);
	if (what->in_cookie)
		wp_cookie_set(call, text, wp_session_idle_s(call->ctx->conf));
	else
		add_text(&call->resp.body, "refreshToken", text);
}

bool wp_session_answer(struct wp_call *call,
		       const struct wp_session_answer *what)
{
	const struct wp_issue issue = {
		.user = what->user,
		.session = what->session->id,
		.generation = (uint32_t)what->generation,
		.device = what->device,
	};
	struct wp_buf *body = &call->resp.body;
	struct wp_error err;
	enum wp_err rc;

	wp_resp_json(&call->resp, what->status);
	wp_buf_add_str(body, "{\"accessToken\":\"");
	rc = wp_signer_sign(call->ctx->sessions.signer, wp_wall_ms() / 1000,
			    &issue, body, &err);
	if (rc == WP_ERR_UNAVAIL) {
		wp_ctx_log_failure(call->ctx, "sign", err.msg);
		wp_resp_error(&call->resp, 503, "identity_unavailable",
			      "no token can be signed now; repeat later");
		return true;
	}
	if (rc != WP_OK) {
		wp_resp_internal(&call->resp);
		return true;
	}
	wp_buf_printf(
		body,
		"\",\"tokenType\":\"Bearer\","
		"\"expiresInSeconds\":%lld",
		(long long)call->ctx->conf->accounts.access_token_seconds);
	if (what->gives_refresh)
		give_refresh(call, what);
	add_text(body, "user", what->user->text);
	add_text(body, "deviceId", what->device);
	add_text(body, "sessionId", what->session->id);
	if (what->proof != NULL)
		add_text(body, "deviceProof", what->proof);
	if (what->more != NULL)
		wp_buf_add_str(body, what->more);
	wp_buf_add_char(body, '}');
	return true;
}

/* ---- the end ---- */

struct ending {
	struct wp_session_ends what;
	size_t n_revoked;
	bool (*step)(struct wp_call *call, bool is_done);
	void *outer; /* call->state of whoever ends them */
};

static bool end_over(struct wp_call *call, bool is_done)
{
	struct ending *ending = call->state;

	call->state = ending->outer;
	return ending->step(call, is_done);
}

static bool say_failed(struct wp_call *call, const struct wp_reply *reply)
{
	wp_ctx_log_failure(call->ctx, "session",
			   reply == NULL ? "the connection to Redis was lost"
					 : wp_reply_str(reply));
	return end_over(call, false);
}

static bool revoke(struct wp_call *call);

static void on_revoked(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct ending *ending = call->state;
	bool is_over;

	if (wp_revoke_parse(reply) != WP_OK)
		is_over = say_failed(call, reply);
	else if (ending->n_revoked < ending->what.n)
		is_over = revoke(call);
	else
		is_over = end_over(call, true);
	if (is_over)
		wp_call_end(call);
}

/* As many as one call takes. */
static bool revoke(struct wp_call *call)
{
	const struct wp_conf *conf = call->ctx->conf;
	struct ending *ending = call->state;
	struct wp_revoked_key keys[WP_REVOKE_MAX];
	size_t n = 0;

	while (n < WP_REVOKE_MAX && ending->n_revoked < ending->what.n) {
		char id[WP_SESSION_DIGITS + 1];
		uint8_t hash[WP_NAME_HASH_LEN];

		wp_hex_write(id, ending->what.sids[ending->n_revoked++],
			     WP_SESSION_LEN);
		if (wp_name_hash(conf->accounts.issuer, id, WP_SESSION_DIGITS,
				 hash) != WP_OK)
			return end_over(call, false);
		wp_revoked_key_session(&keys[n++], hash);
	}
	wp_revoke_build(&call->ctx->cmd, keys, n,
			conf->accounts.access_token_seconds + LATE_S);
	if (wp_backend_do(call->ctx->backend, WP_LINE_SHORT, &call->ctx->cmd,
			  on_revoked, call) != WP_OK)
		return end_over(call, false);
	return false;
}

static void on_ended(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;

	if (wp_session_end_parse(reply) != WP_OK ? say_failed(call, reply)
						 : revoke(call))
		wp_call_end(call);
}

static bool end_in_redis(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;
	const struct ending *ending = call->state;

	if (!is_up)
		return end_over(call, false);
	wp_session_end_begin(&ctx->cmd, ending->what.partition,
			     ending->what.user);
	for (size_t i = 0; i < ending->what.n; i++) {
		char id[WP_SESSION_DIGITS + 1];

		wp_hex_write(id, ending->what.sids[i], WP_SESSION_LEN);
		wp_cmd_str(&ctx->cmd, id);
	}
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_ended,
			  call) != WP_OK)
		return end_over(call, false);
	return false;
}

bool wp_sessions_end(struct wp_call *call, const struct wp_session_ends *what,
		     bool (*step)(struct wp_call *call, bool is_done))
{
	struct ending *ending;

	assert(what->n <= WP_SESSIONS_END_MAX);
	if (what->n == 0)
		return step(call, true);
	ending = wp_arena_alloc(&call->arena, sizeof(*ending));
	if (ending == NULL)
		return step(call, false);
	*ending = (struct ending){
		.what = *what,
		.step = step,
		.outer = call->state,
	};
	call->state = ending;
	return wp_call_redis(call, WP_LINE_SHORT, end_in_redis);
}
