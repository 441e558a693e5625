/*
 * provider_web.h - Web Push and UnifiedPush, which are asked alike
 * (kind_web.h): by one provider, at whatever host a subscription names.
 */
#ifndef WP_NOTIFIER_PROVIDER_WEB_H
#define WP_NOTIFIER_PROVIDER_WEB_H

#include "lib/base/err.h"
#include "notifier/provider/provider.h"

/*
 * For both kinds. Whoever subscribed with another key of ours is not asked:
 * GONE, "key_changed".
 *
 * setup:   its settings have push.vapid_key and push.vapid_subject
 * Errors:  WP_ERR_INVAL  push.vapid_key is none; nothing of it is repeated
 *          WP_ERR_NOMEM
 */
enum wp_err wp_provider_web_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_PROVIDER_WEB_H */
