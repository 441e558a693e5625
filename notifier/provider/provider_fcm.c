/* provider_fcm.c - requests of one app, and the access token they need. */
#include "notifier/provider/provider_fcm.h"

#include <stdlib.h>
#include <string.h>

#include "lib/net/fetch.h"
#include "notifier/provider/access_token.h"
#include "notifier/provider/ask.h"
#include "notifier/provider/ask_line.h"
#include "notifier/provider/credentials.h"
#include "notifier/provider/kind_fcm.h"

enum { CONNECTIONS = 2 };

static const char scope[] =
	"https://www.googleapis.com/auth/firebase.messaging";

struct fcm {
	struct wp_provider provider; /* first */
	char *name;
	char *base;
	bool has_texts;
	struct wp_google_account account;
	struct wp_fetch_pool *pool; /* to where the access token is */
	struct wp_access_token *token;
	struct wp_asker *asker;
	struct wp_ask_line line;
	void (*count_token)(void *ctx, enum wp_push_kind kind, bool is_good);
	void *count_ctx;
};

/* ---- one attempt ---- */

static void prepare(void *ctx, struct wp_ask *ask)
{
	struct fcm *fcm = ctx;
	struct wp_access_grant grant;

	if (wp_access_token_get(fcm->token, &grant))
		wp_ask_go(ask);
	else if (wp_access_token_is_coming(fcm->token))
		wp_ask_line_add(&fcm->line, ask);
	else
		wp_ask_line_refuse(ask);
}

static enum wp_err build(void *ctx, struct wp_ask *ask, struct wp_call *call,
			 struct wp_error *err)
{
	static const struct wp_apns_app texts = { .title_key = "",
						  .body_key = "" };
	struct fcm *fcm = ctx;
	const struct wp_fcm_app app = {
		.base = fcm->base,
		.project = fcm->account.project,
		.has_texts = fcm->has_texts,
		.ios = &texts,
	};
	const struct wp_addressee *to = ask->attempt->to;
	struct wp_access_grant grant;

	/* It was there a moment ago. */
	if (!wp_access_token_get(fcm->token, &grant))
		return wp_error_set(err, WP_ERR_NOMEM, "no access token");
	ask->note = (int64_t)grant.number;
	wp_fcm_build(call, &app,
		     &(struct wp_fcm_target){
			     .token = to->token,
			     .access_token = grant.text,
			     .is_ios = to->is_ios,
		     },
		     ask->attempt->push);
	return WP_OK;
}

static void judge(void *ctx, const struct wp_ask *ask,
		  const struct wp_provider_answer *answer,
		  struct wp_judgement *out)
{
	(void)ctx;
	(void)ask;
	wp_fcm_judge(answer, out);
}

static void remedy(void *ctx, const struct wp_ask *ask, unsigned int what)
{
	struct fcm *fcm = ctx;

	if ((what & WP_REMEDY_TOKEN) != 0)
		wp_access_token_renew(fcm->token, (uint64_t)ask->note);
}

static void on_settled(void *ctx, bool is_good)
{
	struct fcm *fcm = ctx;

	if (fcm->count_token != NULL)
		fcm->count_token(fcm->count_ctx, WP_PUSH_FCM, is_good);
	if (is_good)
		wp_ask_line_go(&fcm->line);
	else
		wp_ask_line_end(&fcm->line);
}

/* ---- the provider ---- */

static uint64_t wait_ms(const struct wp_provider *provider, uint64_t now_ms)
{
	const struct fcm *fcm = (const struct fcm *)provider;

	return wp_access_token_wait_ms(fcm->token, now_ms);
}

static enum wp_err begin(struct wp_provider *provider,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	struct fcm *fcm = (struct fcm *)provider;

	return wp_asker_begin(fcm->asker, attempt, on_end, ctx, err);
}

static void fcm_free(struct wp_provider *provider)
{
	struct fcm *fcm = (struct fcm *)provider;

	wp_ask_line_stop(&fcm->line);
	wp_asker_free(&fcm->asker);
	wp_fetch_pool_free(&fcm->pool);
	wp_access_token_free(&fcm->token);
	wp_google_account_release(&fcm->account);
	free(fcm->base);
	free(fcm->name);
	free(fcm);
}

static bool make_token(struct fcm *fcm, const struct wp_provider_setup *setup)
{
	const struct wp_conf *conf = setup->conf;
	const struct wp_transfer_rules rules =
		wp_ask_rules(conf, WP_ACCESS_ANSWER_MAX, 1);
	struct wp_access_token_setup token = {
		.account = &fcm->account,
		.scope = scope,
		.app = fcm->name,
		.on_settled = on_settled,
		.ctx = fcm,
	};

	fcm->pool = wp_fetch_pool_new(setup->loop, &rules);
	if (fcm->pool == NULL)
		return false;
	token.pool = fcm->pool;
	fcm->token = wp_access_token_new(&token);
	return fcm->token != NULL;
}

static enum wp_err make(struct fcm *fcm, const struct wp_provider_setup *setup,
			const struct wp_push_app *app, struct wp_error *err)
{
	static const struct wp_ask_way way = {
		.prepare = prepare,
		.build = build,
		.judge = judge,
		.remedy = remedy,
	};
	const struct wp_asker_setup asker = {
		.provider = setup,
		.way = &way,
		.ctx = fcm,
		.connections = CONNECTIONS,
	};
	enum wp_err rc = wp_credentials_fcm(app, &fcm->account, err);

	if (rc != WP_OK)
		return rc;
	fcm->name = strdup(app->name);
	fcm->base = strdup(app->base != NULL ? app->base
					     : "https://fcm.googleapis.com");
	fcm->has_texts = app->style == WP_PUSH_ALERT;
	fcm->count_token = setup->count_token;
	fcm->count_ctx = setup->count_ctx;
	fcm->provider.app = fcm->name;
	if (fcm->name == NULL || fcm->base == NULL || !make_token(fcm, setup))
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return wp_asker_new(&fcm->asker, &asker, err);
}

enum wp_err wp_provider_fcm_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				const struct wp_push_app *app,
				struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.wait_ms = wait_ms,
		.begin = begin,
		.free = fcm_free,
	};
	struct fcm *fcm = calloc(1, sizeof(*fcm));
	enum wp_err rc;

	if (fcm == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	fcm->provider = (struct wp_provider){
		.type = &type,
		.kind = WP_PUSH_FCM,
	};
	wp_ask_line_init(&fcm->line, setup->loop);
	rc = make(fcm, setup, app, err);
	*out = &fcm->provider;
	if (rc != WP_OK)
		wp_provider_free(out);
	return rc;
}
