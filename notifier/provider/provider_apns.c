/* provider_apns.c - requests of one app, the token they need, and where devices
 * are. */
#include "notifier/provider/provider_apns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "notifier/provider/ask.h"
#include "notifier/provider/ask_line.h"
#include "notifier/provider/bearers.h"
#include "notifier/provider/credentials.h"
#include "notifier/provider/kind_apns.h"

enum {
	CONNECTIONS = 2,
	NAME_LEN = 22, /* of a device */
};

/* A device in the sandbox; "": nobody. */
struct known {
	char name[NAME_LEN + 1];
};

struct apns {
	struct wp_provider provider; /* first */
	char *name;                  /* the bundle id */
	char *title_key;             /* "": English texts of ours */
	char *body_key;
	char *production; /* where it is asked */
	char *sandbox;
	enum wp_push_env env;
	struct wp_bearers *bearers;
	struct wp_bearer_user user;
	struct wp_asker *asker;
	struct wp_ask_line line;
	struct known known[WP_APNS_KNOWN_MAX]; /* env=auto */
};

static struct wp_bearer_now now_of(void)
{
	return (struct wp_bearer_now){ .wall_s = wp_wall_ms() / 1000,
				       .mono_ms = wp_mono_ms() };
}

/* ---- where devices are ---- */

static struct known *place_of(struct apns *apns, const char *name)
{
	/* Names are random: nobody can choose one. */
	uint32_t sum = 0;

	for (const char *at = name; *at != '\0'; at++)
		sum = sum * 31 + (unsigned char)*at;
	return &apns->known[sum % WP_APNS_KNOWN_MAX];
}

static bool is_in_sandbox(struct apns *apns, const struct wp_ask *ask)
{
	const char *name = ask->attempt->to->name;
	bool is_known;

	if (apns->env != WP_PUSH_AUTO)
		return apns->env == WP_PUSH_SANDBOX;
	is_known = strcmp(place_of(apns, name)->name, name) == 0;
	return is_known !=
	       (ask->is_repeat && (ask->remedy & WP_REMEDY_ENVIRONMENT) != 0);
}

/* It was found where it was looked for in the second place. */
static void remember(struct apns *apns, const struct wp_ask *ask)
{
	const char *name = ask->attempt->to->name;
	struct known *known = place_of(apns, name);
	bool is_known = strcmp(known->name, name) == 0;

	if (is_known)
		known->name[0] = '\0';
	else if (strlen(name) == NAME_LEN)
		memcpy(known->name, name, NAME_LEN + 1);
}

/* ---- one attempt ---- */

static void prepare(void *ctx, struct wp_ask *ask)
{
	struct apns *apns = ctx;
	struct wp_apns_bearer *bearer = wp_bearer_of(&apns->user);
	const struct wp_bearer_now now = now_of();
	struct wp_bearer_grant grant;

	if (wp_apns_bearer_get(bearer, &now, &grant))
		wp_ask_go(ask);
	else if (wp_apns_bearer_is_coming(bearer))
		wp_ask_line_add(&apns->line, ask);
	else
		wp_ask_line_refuse(ask);
}

static enum wp_err build(void *ctx, struct wp_ask *ask, struct wp_call *call,
			 struct wp_error *err)
{
	struct apns *apns = ctx;
	const struct wp_bearer_now now = now_of();
	const struct wp_apns_app app = {
		.topic = apns->name,
		.title_key = apns->title_key,
		.body_key = apns->body_key,
	};
	struct wp_apns_target target = {
		.base = is_in_sandbox(apns, ask) ? apns->sandbox
						 : apns->production,
		.token = ask->attempt->to->token,
	};
	struct wp_bearer_grant grant;

	/* It was there a moment ago. */
	if (!wp_apns_bearer_get(wp_bearer_of(&apns->user), &now, &grant))
		return wp_error_set(err, WP_ERR_NOMEM, "no token");
	ask->note = (int64_t)grant.number;
	target.bearer = grant.text;
	if (!wp_apns_build(call, &app, &target, ask->attempt->push))
		return wp_error_set(err, WP_ERR_INVAL, "no token of Apple's");
	return WP_OK;
}

static void judge(void *ctx, const struct wp_ask *ask,
		  const struct wp_provider_answer *answer,
		  struct wp_judgement *out)
{
	struct apns *apns = ctx;
	const struct wp_bearer_now now = now_of();
	const struct wp_apns_context context = {
		.registered_ms = ask->attempt->to->registered_s * 1000,
		.bearer_age_s = wp_apns_bearer_age_s(wp_bearer_of(&apns->user),
						     &now, (uint64_t)ask->note),
		.may_be_other = apns->env == WP_PUSH_AUTO && !ask->is_repeat,
	};

	wp_apns_judge(answer, &context, out);
	if (out->verdict == WP_VERDICT_ACCEPTED && ask->is_repeat &&
	    (ask->remedy & WP_REMEDY_ENVIRONMENT) != 0)
		remember(apns, ask);
}

static void remedy(void *ctx, const struct wp_ask *ask, unsigned int what)
{
	struct apns *apns = ctx;
	const struct wp_bearer_now now = now_of();

	if ((what & WP_REMEDY_TOKEN) != 0)
		wp_apns_bearer_renew(wp_bearer_of(&apns->user), &now,
				     (uint64_t)ask->note);
	if ((what & WP_REMEDY_CONNECTION) != 0)
		wp_asker_renew(apns->asker);
}

static void on_settled(void *ctx)
{
	struct apns *apns = ctx;
	const struct wp_bearer_now now = now_of();
	struct wp_bearer_grant grant;

	if (wp_apns_bearer_get(wp_bearer_of(&apns->user), &now, &grant))
		wp_ask_line_go(&apns->line);
	else
		wp_ask_line_end(&apns->line);
}

/* ---- the provider ---- */

static uint64_t wait_ms(const struct wp_provider *provider, uint64_t now_ms)
{
	const struct apns *apns = (const struct apns *)provider;
	const struct wp_bearer_now now = { .wall_s = wp_wall_ms() / 1000,
					   .mono_ms = now_ms };

	return wp_apns_bearer_wait_ms(wp_bearer_of(&apns->user), &now);
}

static enum wp_err begin(struct wp_provider *provider,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	struct apns *apns = (struct apns *)provider;

	return wp_asker_begin(apns->asker, attempt, on_end, ctx, err);
}

static void apns_free(struct wp_provider *provider)
{
	struct apns *apns = (struct apns *)provider;

	wp_ask_line_stop(&apns->line);
	wp_asker_free(&apns->asker);
	wp_bearers_give_back(apns->bearers, &apns->user);
	free(apns->name);
	free(apns->title_key);
	free(apns->body_key);
	free(apns->production);
	free(apns->sandbox);
	free(apns);
}

static bool copy_texts(struct apns *apns, const struct wp_push_app *app)
{
	static const char production[] = "https://api.push.apple.com";
	static const char sandbox[] = "https://api.sandbox.push.apple.com";

	apns->name = strdup(app->name);
	apns->provider.app = apns->name;
	apns->title_key = strdup(app->title_key != NULL ? app->title_key : "");
	apns->body_key = strdup(app->body_key != NULL ? app->body_key : "");
	apns->production = strdup(app->base != NULL ? app->base : production);
	if (app->base == NULL)
		apns->sandbox = strdup(sandbox);
	else if (asprintf(&apns->sandbox, "%s/sandbox", app->base) == -1)
		apns->sandbox = NULL;
	return apns->name != NULL && apns->title_key != NULL &&
	       apns->body_key != NULL && apns->production != NULL &&
	       apns->sandbox != NULL;
}

static enum wp_err take_bearer(struct apns *apns, const struct wp_push_app *app,
			       struct wp_error *err)
{
	struct wp_bearer_of of = { .team = app->team, .key = app->key };
	struct wp_buf pem;
	enum wp_err rc;

	wp_buf_init(&pem, 0);
	pem.is_secret = true;
	rc = wp_credentials_apns(app, &pem, err);
	of.pem = pem.data;
	of.pem_len = pem.len;
	if (rc == WP_OK)
		rc = wp_bearers_take(apns->bearers, &of, &apns->user, err);
	wp_buf_release(&pem);
	return rc;
}

static enum wp_err make(struct apns *apns,
			const struct wp_provider_setup *setup,
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
		.ctx = apns,
		.connections = CONNECTIONS,
	};
	enum wp_err rc = take_bearer(apns, app, err);

	if (rc == WP_OK && !copy_texts(apns, app))
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (rc == WP_OK)
		rc = wp_asker_new(&apns->asker, &asker, err);
	return rc;
}

enum wp_err wp_provider_apns_new(struct wp_provider **out,
				 const struct wp_provider_setup *setup,
				 const struct wp_push_app *app,
				 struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.wait_ms = wait_ms,
		.begin = begin,
		.free = apns_free,
	};
	struct apns *apns = calloc(1, sizeof(*apns));
	enum wp_err rc;

	if (apns == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	apns->provider = (struct wp_provider){
		.type = &type,
		.kind = WP_PUSH_APNS,
	};
	apns->env = app->env;
	apns->bearers = setup->bearers;
	apns->user.on_settled = on_settled;
	apns->user.ctx = apns;
	wp_ask_line_init(&apns->line, setup->loop);
	rc = make(apns, setup, app, err);
	*out = &apns->provider;
	if (rc != WP_OK)
		wp_provider_free(out);
	return rc;
}
