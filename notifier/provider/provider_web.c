/* provider_web.c - our key, tokens made with it, and requests. */
#include "notifier/provider/provider_web.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auth/vapid.h"
#include "lib/base/clock.h"
#include "notifier/provider/ask.h"
#include "notifier/provider/kind_web.h"
#include "notifier/provider/vapid_cache.h"

struct web {
	struct wp_provider provider; /* first */
	struct wp_vapid vapid;
	char *subject;
	struct wp_vapid_cache *tokens;
	struct wp_asker *asker;
};

static void prepare(void *ctx, struct wp_ask *ask)
{
	static const struct wp_judgement key_changed = {
		.verdict = WP_VERDICT_GONE,
		.reason = "key_changed",
	};

	(void)ctx;
	if (ask->attempt->to->is_ours)
		wp_ask_go(ask);
	else
		wp_ask_end(ask, &key_changed);
}

static enum wp_err build(void *ctx, struct wp_ask *ask, struct wp_call *call,
			 struct wp_error *err)
{
	struct web *web = ctx;
	const struct wp_addressee *to = ask->attempt->to;
	struct wp_web_target target = { .endpoint = to->endpoint };
	char origin[WP_WEB_ORIGIN_MAX];
	struct wp_ece_sender sender;
	enum wp_err rc;

	if (!wp_web_origin(to->endpoint, origin))
		return wp_error_set(err, WP_ERR_INVAL, "no endpoint");
	target.authorization = wp_vapid_cache_get(web->tokens, origin,
						  wp_wall_ms() / 1000, err);
	if (target.authorization == NULL)
		return WP_ERR_NOMEM;
	target.receiver = to->receiver;
	rc = wp_ece_sender_make(&sender, err);
	if (rc == WP_OK)
		rc = wp_web_build(call, &target, &sender, ask->attempt->push,
				  err);
	wp_ece_sender_forget(&sender);
	explicit_bzero(&target, sizeof(target));
	return rc;
}

static void judge(void *ctx, const struct wp_ask *ask,
		  const struct wp_provider_answer *answer,
		  struct wp_judgement *out)
{
	(void)ctx;
	wp_web_judge(answer, ask->attempt->to->is_ours, out);
}

static enum wp_err begin(struct wp_provider *provider,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	struct web *web = (struct web *)provider;

	return wp_asker_begin(web->asker, attempt, on_end, ctx, err);
}

static void web_free(struct wp_provider *provider)
{
	struct web *web = (struct web *)provider;

	wp_asker_free(&web->asker);
	wp_vapid_cache_free(&web->tokens);
	wp_vapid_release(&web->vapid);
	free(web->subject);
	free(web);
}

static enum wp_err make(struct web *web, const struct wp_provider_setup *setup,
			struct wp_error *err)
{
	static const struct wp_ask_way way = {
		.prepare = prepare,
		.build = build,
		.judge = judge,
		.is_guarded = true,
	};
	const struct wp_asker_setup asker = {
		.provider = setup,
		.way = &way,
		.ctx = web,
		.connections =
			wp_ask_connections(setup->conf, WP_PUSH_LANE_WEB),
	};
	const char *pem = setup->conf->push.vapid_key;
	struct wp_error why;
	enum wp_err rc = wp_vapid_open(&web->vapid, pem, strlen(pem), &why);

	if (rc != WP_OK)
		return wp_error_set(err, rc, "push.vapid_key_file: %.200s",
				    why.msg);
	web->subject = strdup(setup->conf->push.vapid_subject);
	if (web->subject != NULL)
		web->tokens = wp_vapid_cache_new(&web->vapid, web->subject);
	if (web->tokens == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return wp_asker_new(&web->asker, &asker, err);
}

enum wp_err wp_provider_web_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.begin = begin,
		.free = web_free,
	};
	struct web *web = calloc(1, sizeof(*web));
	enum wp_err rc;

	if (web == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	web->provider = (struct wp_provider){
		.type = &type,
		.kind = WP_PUSH_WEB,
		.app = "",
		.is_per_host = true,
	};
	rc = make(web, setup, err);
	*out = &web->provider;
	if (rc != WP_OK)
		wp_provider_free(out);
	return rc;
}
