/*
 * provider_webhook.h - bots that would rather be called (kind_webhook.h).
 */
#ifndef WP_NOTIFIER_PROVIDER_WEBHOOK_H
#define WP_NOTIFIER_PROVIDER_WEBHOOK_H

#include "lib/base/err.h"
#include "notifier/provider/provider.h"

/* Errors: WP_ERR_NOMEM */
enum wp_err wp_provider_webhook_new(struct wp_provider **out,
				    const struct wp_provider_setup *setup,
				    struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_PROVIDER_WEBHOOK_H */
