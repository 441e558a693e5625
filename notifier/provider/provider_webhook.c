/* provider_webhook.c - signed requests. */
#include "notifier/provider/provider_webhook.h"

#include <stdlib.h>

#include "notifier/provider/ask.h"
#include "notifier/provider/kind_webhook.h"

struct webhook {
	struct wp_provider provider; /* first */
	struct wp_asker *asker;
};

static enum wp_err build(void *ctx, struct wp_ask *ask, struct wp_call *call,
			 struct wp_error *err)
{
	const struct wp_addressee *to = ask->attempt->to;
	const struct wp_webhook_target target = {
		.endpoint = to->endpoint,
		.secret = to->webhook_secret,
		.secret_len = sizeof(to->webhook_secret),
		.user = to->user,
		.is_high = ask->attempt->is_high,
	};

	(void)ctx;
	(void)err;
	wp_webhook_build(call, &target, ask->attempt->push);
	return WP_OK;
}

static void judge(void *ctx, const struct wp_ask *ask,
		  const struct wp_provider_answer *answer,
		  struct wp_judgement *out)
{
	(void)ctx;
	(void)ask;
	wp_webhook_judge(answer, out);
}

static enum wp_err begin(struct wp_provider *provider,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	struct webhook *webhook = (struct webhook *)provider;

	return wp_asker_begin(webhook->asker, attempt, on_end, ctx, err);
}

static void webhook_free(struct wp_provider *provider)
{
	struct webhook *webhook = (struct webhook *)provider;

	wp_asker_free(&webhook->asker);
	free(webhook);
}

enum wp_err wp_provider_webhook_new(struct wp_provider **out,
				    const struct wp_provider_setup *setup,
				    struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.begin = begin,
		.free = webhook_free,
	};
	static const struct wp_ask_way way = {
		.build = build,
		.judge = judge,
		.is_guarded = true,
	};
	struct wp_asker_setup asker = {
		.provider = setup,
		.way = &way,
		.connections =
			wp_ask_connections(setup->conf, WP_PUSH_LANE_WEBHOOK),
	};
	struct webhook *webhook = calloc(1, sizeof(*webhook));
	enum wp_err rc;

	if (webhook == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	webhook->provider = (struct wp_provider){
		.type = &type,
		.kind = WP_PUSH_WEBHOOK,
		.app = "",
		.is_per_host = true,
	};
	asker.ctx = webhook;
	rc = wp_asker_new(&webhook->asker, &asker, err);
	*out = &webhook->provider;
	if (rc != WP_OK)
		wp_provider_free(out);
	return rc;
}
