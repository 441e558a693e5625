/*
 * account_call.c - the beginning of calls about accounts, and the two answers
 * that all of them have.
 */
#include "handlers/accounts/account_call.h"

#include <string.h>

#include "handlers/accounts/account_log.h"
#include "handlers/accounts/session.h"
#include "handlers/request/limit.h"
#include "handlers/request/metrics.h"

static void wipe(void *state)
{
	struct wp_account_call *about = state;

	wp_credentials_wipe(&about->given);
	explicit_bzero(about, sizeof(*about));
}

/* Whom is it about? Errors: WP_ERR_INVAL  nobody can be called so */
static enum wp_err read_name(struct wp_call *call,
			     struct wp_account_call *about,
			     struct wp_error *err)
{
	static const char prefix[] = "urn:sm:user:";
	const struct wp_urn *caller = &call->caller.user;
	const char *text = about->given.username.data;
	size_t len = about->given.username.len;

	if (text == NULL) {
		if (strncmp(caller->text, prefix, sizeof(prefix) - 1) != 0)
			return wp_error_set(err, WP_ERR_INVAL,
					    "the caller has no account");
		text = caller->text + sizeof(prefix) - 1;
		len = caller->len - (sizeof(prefix) - 1);
	}
	return wp_username_read(&about->name, text, len, err);
}

/*
 * A name that nobody can have is nobody's, which everybody may know: it needs
 * no hash to be refused.
 */
static void refuse_name(struct wp_call *call, unsigned int needed,
			unsigned int allowed, const char *why)
{
	if (((needed | allowed) & (WP_C_ROLE | WP_C_ONLY)) != 0)
		wp_resp_error(&call->resp, 400, "invalid_username", why);
	else if ((needed & WP_C_CODE) != 0)
		(void)wp_account_call_wrong_code(call);
	else
		(void)wp_account_call_wrong(call);
}

struct wp_account_call *wp_account_call_new(struct wp_call *call)
{
	struct wp_account_call *about = NULL;

	wp_call_be_secret(call);
	if (!wp_accounts_are_on(call))
		return NULL;
	about = wp_arena_alloc(&call->arena, sizeof(*about));
	if (about == NULL) {
		wp_resp_internal(&call->resp);
		return NULL;
	}
	call->state = about;
	call->wipe = wipe;
	return about;
}

struct wp_account_call *wp_account_call_begin(struct wp_call *call,
					      unsigned int needed,
					      unsigned int allowed)
{
	struct wp_account_call *about = wp_account_call_new(call);
	struct wp_error err;

	if (about == NULL)
		return NULL;
	if (!wp_credentials_read(call, needed, allowed, &about->given))
		return NULL;
	if (read_name(call, about, &err) != WP_OK) {
		refuse_name(call, needed, allowed, err.msg);
		return NULL;
	}
	wp_username_urn(&about->name, &about->user);
	wp_box_of(&about->box, &about->user,
		  (uint32_t)call->ctx->conf->mailbox.partitions);
	return about;
}

static bool go_to_desk(struct wp_call *call, bool hashes, wp_account_run run,
		       wp_account_done step)
{
	struct wp_account_call *about = call->state;
	const struct wp_call_work work = {
		.who = &about->user,
		.hashes = hashes,
		.run = run,
		.step = step,
	};

	return wp_call_desk(call, &work);
}

bool wp_account_call_desk(struct wp_call *call, wp_account_run run,
			  wp_account_done step)
{
	return go_to_desk(call, false, run, step);
}

/* On a thread of the desk. */
static enum wp_err find(struct wp_call *call, struct wp_accounts *accounts,
			struct wp_error *err)
{
	struct wp_account_call *about = call->state;

	return wp_accounts_find(accounts, &about->name, &about->account, err);
}

bool wp_account_call_find(struct wp_call *call, wp_account_done step)
{
	return wp_account_call_desk(call, find, step);
}

bool wp_account_call_hash(struct wp_call *call, wp_account_run run,
			  wp_account_done step)
{
	return go_to_desk(call, true, run, step);
}

static void on_answer(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	struct wp_account_call *about = call->state;

	if (about->on_answer(call, reply))
		wp_call_end(call);
}

static bool ask(struct wp_call *call, bool is_up)
{
	struct wp_account_call *about = call->state;
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return about->on_answer(call, NULL);
	about->build(call);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_answer,
			  call) != WP_OK)
		return about->on_answer(call, NULL);
	return false;
}

bool wp_account_call_ask(struct wp_call *call,
			 void (*build)(struct wp_call *call),
			 wp_account_answer step)
{
	struct wp_account_call *about = call->state;

	about->build = build;
	about->on_answer = step;
	return wp_call_redis(call, WP_LINE_SHORT, ask);
}

bool wp_account_call_wrong(struct wp_call *call)
{
	struct wp_account_call *about = call->state;

	wp_account_log(call, WP_EVENT_WRONG_PASSWORD, &about->user);
	wp_limit_charge(call, WP_LIMIT_LOGIN);
	wp_resp_error(&call->resp, 401, "invalid_credentials",
		      "user name or password is wrong");
	return true;
}

bool wp_account_call_wrong_code(struct wp_call *call)
{
	struct wp_account_call *about = call->state;

	wp_account_log(call, WP_EVENT_WRONG_CODE, &about->user);
	wp_limit_charge(call, WP_LIMIT_LOGIN);
	wp_resp_error(&call->resp, 400, "invalid_code",
		      "the code is not good for this user name");
	return true;
}

void wp_account_call_tell(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;

	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, NULL, NULL) !=
	    WP_OK)
		wp_ctx_log_failure(ctx, "login",
				   "Redis could not be told of it");
}

static bool cannot_end(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp,
			    "sessions cannot be ended now; repeat later");
	return true;
}

static bool on_known(struct wp_call *call, bool is_done)
{
	struct wp_account_call *about = call->state;

	return is_done ? about->on_known(call) : cannot_end(call);
}

bool wp_account_call_known(struct wp_call *call, wp_account_step next)
{
	struct wp_account_call *about = call->state;

	about->on_known = next;
	return wp_sessions_known(call, &about->box, &about->known, on_known);
}

static bool on_ended(struct wp_call *call, bool is_done)
{
	struct wp_account_call *about = call->state;

	if (!is_done)
		return cannot_end(call);
	about->known.n = 0;
	about->ended.n = 0;
	return about->on_ended(call);
}

bool wp_account_call_end(struct wp_call *call, wp_account_step next)
{
	struct wp_account_call *about = call->state;
	struct wp_session_ends ends = {
		.user = &about->user,
		.partition = about->box.partition,
		.sids = about->known.sids,
		.shuts_out = about->shuts_out,
	};

	for (size_t i = 0; i < about->ended.n; i++)
		wp_session_set_add(&about->known, about->ended.sid[i]);
	ends.n = about->known.n;
	about->on_ended = next;
	return wp_sessions_end(call, &ends, on_ended);
}

bool wp_account_call_failed(struct wp_call *call, enum wp_err result)
{
	if (result == WP_ERR_FULL) {
		wp_metric_add(call->ctx->shared->metrics, WP_H_HASH_REFUSED, 1);
		wp_resp_error(&call->resp, 503, "overloaded",
			      "too many log in just now; repeat later");
		return true;
	}
	wp_resp_unavailable(&call->resp,
			    "accounts cannot be asked now; repeat later");
	return true;
}
