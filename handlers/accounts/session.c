/*
 * session.c - the steps that endpoints of accounts share.
 *
 * What they have in hand lies in call->session, in the arena of the call.
 */
#include "handlers/accounts/session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/auth/identity.h"
#include "lib/auth/refresh_token.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/mailbox/revoke.h"
#include "lib/store/push.h"

#include "handlers/accounts/cookie.h"
#include "handlers/request/push.h"

enum {
	MS_PER_S = 1000,
	HOUR_S = 3600,
	DAY_S = 86400,
	LATE_S = 90 /* of clocks, and of tables */
};

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

struct wp_session_spans wp_session_spans(const struct wp_conf *conf)
{
	return (struct wp_session_spans){
		.idle_s = wp_session_idle_s(conf),
		.lives_s = conf->accounts.access_token_seconds,
	};
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
		.spans = wp_session_spans(conf),
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
	explicit_bzero(text, sizeof(text));
}

static void say_unsigned(struct wp_call *call, const struct wp_error *err)
{
	wp_ctx_log_failure(call->ctx, "sign", err->msg);
	wp_resp_error(&call->resp, 503, "identity_unavailable",
		      "no token can be signed now; repeat later");
}

bool wp_session_may_be_given(struct wp_call *call)
{
	struct wp_error err;

	if (wp_signer_look(call->ctx->sessions.signer, wp_wall_ms() / 1000,
			   &err) == WP_OK)
		return true;
	say_unsigned(call, &err);
	return false;
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
		say_unsigned(call, &err);
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

/* ---- which are to end ---- */

void wp_session_set_add(struct wp_session_set *set,
			const uint8_t sid[WP_SID_LEN])
{
	bool is_there =
		set->keep != NULL && memcmp(set->keep, sid, WP_SID_LEN) == 0;

	for (size_t i = 0; i < set->n && !is_there; i++)
		is_there = memcmp(set->sids[i], sid, WP_SID_LEN) == 0;
	if (!is_there && set->n < WP_SESSIONS_END_MAX)
		memcpy(set->sids[set->n++], sid, WP_SID_LEN);
}

void wp_session_set_spare(struct wp_session_set *set,
			  const uint8_t sid[WP_SID_LEN])
{
	for (size_t i = 0; i < set->n; i++)
		if (memcmp(set->sids[i], sid, WP_SID_LEN) == 0) {
			memmove(set->sids[i], set->sids[--set->n], WP_SID_LEN);
			return;
		}
}

struct asking {
	const struct wp_box *user;
	struct wp_session_set *set;
	bool (*step)(struct wp_call *call, bool is_done);
	void *outer; /* call->state of whoever asks */
};

static bool known_over(struct wp_call *call, bool is_done)
{
	struct asking *asking = call->state;

	call->state = asking->outer;
	return asking->step(call, is_done);
}

static void on_known(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct asking *asking = call->state;
	uint8_t sid[WP_SID_LEN];

	for (size_t i = 0; i < wp_reply_count(reply); i++) {
		const struct wp_reply *id = wp_reply_at(reply, i);

		if (wp_hex_read(wp_reply_str(id), wp_reply_len(id), sid,
				sizeof(sid)))
			wp_session_set_add(asking->set, sid);
	}
	if (known_over(call, wp_reply_type(reply) == WP_REPLY_ARRAY))
		wp_call_end(call);
}

static bool ask_known(struct wp_call *call, bool is_up)
{
	const struct asking *asking = call->state;
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return known_over(call, false);
	wp_session_close_build(&ctx->cmd, asking->user,
			       WP_SESSIONS_END_MAX - WP_ACCOUNT_SESSIONS_MAX -
				       1);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_known,
			  call) != WP_OK)
		return known_over(call, false);
	return false;
}

bool wp_sessions_known(struct wp_call *call, const struct wp_box *user,
		       struct wp_session_set *set,
		       bool (*step)(struct wp_call *call, bool is_done))
{
	struct asking *asking = wp_arena_alloc(&call->arena, sizeof(*asking));

	if (asking == NULL)
		return step(call, false);
	*asking = (struct asking){
		.user = user,
		.set = set,
		.step = step,
		.outer = call->state,
	};
	call->state = asking;
	return wp_call_redis(call, WP_LINE_SHORT, ask_known);
}

/* ---- the end ---- */

struct ending {
	struct wp_session_ends what;
	int64_t keep_s;   /* a token that was given by now lives no longer */
	uint32_t n_asked; /* partitions, of a session that may be anywhere */
	size_t n_revoked;
	bool has_shut_out;
	bool has_pushes; /* which could not be ended */
	bool (*step)(struct wp_call *call, bool is_done);
	void *outer; /* call->state of whoever ends them */
};

static bool end_over(struct wp_call *call, bool is_done)
{
	struct ending *ending = call->state;

	call->state = ending->outer;
	if (is_done && ending->what.keep_s != NULL)
		*ending->what.keep_s = ending->keep_s;
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
	bool is_over;

	is_over = wp_revoke_parse(reply) == WP_OK ? revoke(call)
						  : say_failed(call, reply);
	if (is_over)
		wp_call_end(call);
}

/* As what a session is revoked. Errors: WP_ERR_NOMEM */
static enum wp_err name_session(const struct wp_call *call,
				const uint8_t sid[WP_SID_LEN],
				struct wp_revoked_key *out)
{
	char id[WP_SESSION_DIGITS + 1];
	uint8_t hash[WP_NAME_HASH_LEN];
	enum wp_err rc;

	wp_hex_write(id, sid, WP_SESSION_LEN);
	rc = wp_name_hash(call->ctx->conf->accounts.issuer, id,
			  WP_SESSION_DIGITS, hash);
	if (rc == WP_OK)
		wp_revoked_key_session(out, hash);
	return rc;
}

/* Of as many sessions as one call takes; false: out of memory. */
static bool name_sessions(struct wp_call *call)
{
	struct ending *ending = call->state;
	struct wp_revoked_key keys[WP_REVOKE_MAX];
	size_t n = 0;

	while (n < WP_REVOKE_MAX && ending->n_revoked < ending->what.n)
		if (name_session(call, ending->what.sids[ending->n_revoked++],
				 &keys[n++]) != WP_OK)
			return false;
	wp_revoke_build(&call->ctx->cmd, keys, n, ending->keep_s);
	return true;
}

static void name_user(struct wp_call *call)
{
	struct ending *ending = call->state;
	int64_t keep_s = call->ctx->conf->auth.revocation_hours * HOUR_S;
	struct wp_revoked_key key;

	ending->has_shut_out = true;
	wp_revoked_key_user(&key, ending->what.user);
	wp_revoke_build(&call->ctx->cmd, &key, 1,
			keep_s > ending->keep_s ? keep_s : ending->keep_s);
}

/* What has not been said yet; the line is up. */
static bool revoke(struct wp_call *call)
{
	struct ending *ending = call->state;

	if (ending->n_revoked < ending->what.n) {
		if (!name_sessions(call))
			return end_over(call, false);
	} else if (ending->what.shuts_out && !ending->has_shut_out) {
		name_user(call);
	} else {
		return end_over(call, !ending->has_pushes);
	}
	if (wp_backend_do(call->ctx->backend, WP_LINE_SHORT, &call->ctx->cmd,
			  on_revoked, call) != WP_OK)
		return end_over(call, false);
	return false;
}

/* The settings may have said another time when tokens were given. */
static void keep_as_long_as_they_live(struct wp_call *call, int64_t lives_s)
{
	struct ending *ending = call->state;

	if (lives_s < call->ctx->conf->accounts.access_token_seconds)
		lives_s = call->ctx->conf->accounts.access_token_seconds;
	if (ending->keep_s < lives_s + LATE_S)
		ending->keep_s = lives_s + LATE_S;
}

static void on_ended(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	int64_t lives_s;
	bool is_over;

	if (wp_session_end_parse(reply, &lives_s) != WP_OK) {
		is_over = say_failed(call, reply);
	} else {
		keep_as_long_as_they_live(call, lives_s);
		is_over = revoke(call);
	}
	if (is_over)
		wp_call_end(call);
}

static bool end_in_its_partition(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	const struct ending *ending = call->state;

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

static bool end_in_more(struct wp_call *call);

static void on_ended_in_some(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	const struct ending *ending = call->state;
	int64_t lives_s;
	size_t n_known;
	bool is_over;

	if (wp_session_end_anywhere_parse(reply, &n_known, &lives_s) != WP_OK) {
		is_over = say_failed(call, NULL);
	} else {
		keep_as_long_as_they_live(call, lives_s);
		is_over = ending->n_asked == (uint32_t)call->ctx->conf->mailbox
						     .partitions
				  ? revoke(call)
				  : end_in_more(call);
	}
	if (is_over)
		wp_call_end(call);
}

/* In as many of the partitions that are left as are asked together. */
static bool end_in_more(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	struct ending *ending = call->state;
	struct wp_session_ref first = { .partition = ending->n_asked };
	uint32_t n = (uint32_t)ctx->conf->mailbox.partitions - ending->n_asked;

	if (n > WP_SESSION_END_AT_ONCE)
		n = WP_SESSION_END_AT_ONCE;
	wp_hex_write(first.id, ending->what.sids[0], WP_SESSION_LEN);
	wp_session_end_anywhere_build(&ctx->cmd, &first, n);
	ending->n_asked += n;
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd,
			  on_ended_in_some, call) != WP_OK)
		return end_over(call, false);
	return false;
}

static bool end_in_redis(struct wp_call *call, bool is_up)
{
	const struct ending *ending = call->state;

	if (!is_up)
		return end_over(call, false);
	return ending->what.is_anywhere ? end_in_more(call)
					: end_in_its_partition(call);
}

/* On a thread of the store: devices that they registered end first. */
static enum wp_err end_pushes(struct wp_call *call, struct wp_store *store,
			      struct wp_error *err)
{
	const struct ending *ending = call->state;
	const int64_t now_s = wp_wall_ms() / MS_PER_S;
	struct wp_push_end ends[WP_SESSIONS_END_MAX + 1];
	struct wp_revoked_key key;
	size_t n = 0;

	for (size_t i = 0; i < ending->what.n; i++) {
		if (name_session(call, ending->what.sids[i], &key) != WP_OK)
			return wp_error_set(err, WP_ERR_UNAVAIL,
					    "out of memory");
		ends[n++] = wp_push_end_of(&key, now_s);
	}
	if (ending->what.shuts_out) {
		wp_revoked_key_user(&key, ending->what.user);
		ends[n++] = wp_push_end_of(&key, now_s);
	}
	return wp_push_end(store, ends, n, now_s, err);
}

/* A store that cannot be written to must let nobody stay. */
static bool on_pushes_ended(struct wp_call *call, enum wp_err result)
{
	struct ending *ending = call->state;

	ending->has_pushes = result != WP_OK;
	return wp_call_redis(call, WP_LINE_SHORT, end_in_redis);
}

/* On whose account the store works: nobody knows the user of every session. */
static struct wp_urn account_of(const struct wp_session_ends *what)
{
	struct wp_urn who = { .len = WP_SESSION_DIGITS };

	if (what->user != NULL && what->user->len > 0)
		return *what->user;
	wp_hex_write(who.text, what->sids[0], WP_SESSION_LEN);
	return who;
}

bool wp_sessions_end(struct wp_call *call, const struct wp_session_ends *what,
		     bool (*step)(struct wp_call *call, bool is_done))
{
	struct wp_urn who;
	struct ending *ending;

	assert(what->n <= WP_SESSIONS_END_MAX);
	assert(!what->is_anywhere || what->n == 1);
	if (what->n == 0 && !what->shuts_out && what->keep_s == NULL)
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
	who = account_of(what);
	return wp_call_store_of(call, &who, end_pushes, on_pushes_ended);
}
