/* providers.c - one maker for each way. */
#include "notifier/providers.h"

#include <assert.h>
#include <string.h>

#include "lib/auth/ca_file.h"
#include "lib/auth/vapid.h"
#include "lib/sys/push_apps.h"
#include "notifier/provider/credentials.h"
#include "notifier/provider/provider_apns.h"
#include "notifier/provider/provider_bus.h"
#include "notifier/provider/provider_email.h"
#include "notifier/provider/provider_fcm.h"
#include "notifier/provider/provider_log.h"
#include "notifier/provider/provider_web.h"
#include "notifier/provider/provider_webhook.h"

static bool has_vapid(const struct wp_conf *conf)
{
	return conf->push.vapid_key != NULL && conf->push.vapid_key[0] != '\0';
}

/* ---- what can be seen without making any ---- */

static enum wp_err check_vapid(const struct wp_conf *conf,
			       uint8_t print[WP_PUSH_VAPID_LEN],
			       struct wp_error *err)
{
	const char *pem = conf->push.vapid_key;
	struct wp_vapid vapid;
	struct wp_error why;
	enum wp_err rc;

	_Static_assert((int)WP_VAPID_PRINT_LEN == (int)WP_PUSH_VAPID_LEN,
		       "what a row keeps");
	if (conf->push.vapid_subject[0] == '\0')
		return wp_error_set(err, WP_ERR_INVAL,
				    "push.vapid_subject: must be set with "
				    "push.vapid_key_file when push.mode is "
				    "live");
	rc = wp_vapid_open(&vapid, pem, strlen(pem), &why);
	if (rc == WP_OK)
		memcpy(print, vapid.print, WP_PUSH_VAPID_LEN);
	else
		(void)wp_error_set(err, rc, "push.vapid_key_file: %.200s",
				   why.msg);
	wp_vapid_release(&vapid);
	return rc;
}

enum wp_err wp_providers_check(const struct wp_conf *conf, struct wp_error *err)
{
	uint8_t print[WP_PUSH_VAPID_LEN];
	enum wp_err rc;

	if (!conf->push.enabled || conf->push.mode != WP_PUSH_LIVE)
		return WP_OK;
	rc = wp_ca_file_check("push.ca_file", conf->push.ca_file, err);
	if (rc == WP_OK)
		rc = wp_credentials_check(conf, err);
	if (rc == WP_OK && has_vapid(conf))
		rc = check_vapid(conf, print, err);
	if (rc == WP_OK && conf->push.email)
		rc = wp_provider_email_check(conf, err);
	if (rc != WP_OK || conf->push.apps.n > 0 || has_vapid(conf) ||
	    conf->push.email || conf->push.user_webhooks ||
	    conf->bus.push != WP_BUS_NONE || conf->push.web_event)
		return rc;
	return wp_error_set(err, WP_ERR_INVAL,
			    "push.mode: live needs somebody to ask: set "
			    "push.apps, push.vapid_key_file, push.email, "
			    "push.user_webhooks, push.web_event or bus.push; "
			    "or log, or push.enabled: false");
}

/* ---- making ---- */

/* Where a maker puts its provider; take() keeps it. */
static struct wp_provider **place(struct wp_providers *providers)
{
	assert(providers->n < WP_PROVIDERS_MAX);
	return &providers->items[providers->n];
}

static enum wp_err take(struct wp_providers *providers, enum wp_err rc)
{
	providers->n += rc == WP_OK;
	return rc;
}

static enum wp_err make_apps(struct wp_providers *out,
			     const struct wp_provider_setup *setup,
			     struct wp_error *err)
{
	struct wp_push_apps *apps = NULL;
	enum wp_err rc = wp_push_apps_new(&apps, setup->conf, err);

	for (size_t i = 0; rc == WP_OK && i < apps->n; i++) {
		const struct wp_push_app *app = &apps->items[i];

		rc = app->kind == WP_PUSH_FCM
			     ? wp_provider_fcm_new(place(out), setup, app, err)
			     : wp_provider_apns_new(place(out), setup, app,
						    err);
		rc = take(out, rc);
	}
	wp_push_apps_free(&apps);
	return rc;
}

static enum wp_err make_services(struct wp_providers *out,
				 const struct wp_provider_setup *setup,
				 struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (out->has_bus)
		rc = take(out, wp_provider_bus_new(place(out), setup, err));
	if (rc == WP_OK && out->has_event)
		rc = take(out, wp_provider_event_new(place(out), setup, err));
	return rc;
}

static enum wp_err init_live(struct wp_providers *out,
			     const struct wp_provider_setup *setup,
			     struct wp_error *err)
{
	const struct wp_conf *conf = setup->conf;
	enum wp_err rc = make_apps(out, setup, err);

	if (rc == WP_OK && has_vapid(conf)) {
		rc = check_vapid(conf, out->vapid, err);
		if (rc == WP_OK)
			rc = take(out,
				  wp_provider_web_new(place(out), setup, err));
	}
	if (rc == WP_OK && conf->push.user_webhooks)
		rc = take(out, wp_provider_webhook_new(place(out), setup, err));
	if (rc == WP_OK && conf->push.email)
		rc = take(out, wp_provider_email_new(place(out), setup, err));
	return rc == WP_OK ? make_services(out, setup, err) : rc;
}

enum wp_err wp_providers_init(struct wp_providers *out,
			      const struct wp_provider_setup *setup,
			      struct wp_error *err)
{
	*out = (struct wp_providers){
		.is_live = setup->conf->push.mode == WP_PUSH_LIVE,
		.has_unified = setup->conf->push.unifiedpush,
		.has_bus = setup->conf->bus.push != WP_BUS_NONE,
		.has_event = setup->conf->push.web_event,
	};
	if (!setup->conf->push.enabled)
		return WP_OK;
	if (out->is_live)
		return init_live(out, setup, err);
	return take(out, wp_provider_log_new(place(out), setup, err));
}

void wp_providers_release(struct wp_providers *providers)
{
	while (providers->n > 0)
		wp_provider_free(&providers->items[--providers->n]);
}

static bool tells(const struct wp_provider *provider, enum wp_push_kind kind,
		  const char *app)
{
	/* One provider does both. */
	if (provider->kind == WP_PUSH_WEB)
		return kind == WP_PUSH_WEB || kind == WP_PUSH_UNIFIED;
	return provider->kind == kind && strcmp(provider->app, app) == 0;
}

struct wp_provider *wp_providers_find(const struct wp_providers *providers,
				      enum wp_push_kind kind, const char *app)
{
	/* Which writes lines, tells all. */
	if (!providers->is_live)
		return providers->n > 0 ? providers->items[0] : NULL;
	if (kind == WP_PUSH_UNIFIED && !providers->has_unified)
		return NULL;
	for (size_t i = 0; i < providers->n; i++)
		if (tells(providers->items[i], kind, app))
			return providers->items[i];
	return NULL;
}
