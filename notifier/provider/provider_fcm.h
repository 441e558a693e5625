/*
 * provider_fcm.h - tell devices by Firebase Cloud Messaging: one app of
 * push.apps. Attempts wait for an access token of Google while it is fetched,
 * a second at most.
 */
#ifndef WP_NOTIFIER_PROVIDER_FCM_H
#define WP_NOTIFIER_PROVIDER_FCM_H

#include "lib/base/err.h"
#include "lib/sys/push_apps.h"
#include "notifier/provider/provider.h"

/*
 * Reads its credentials_file.
 *
 * app:        of kind fcm; not kept
 * Ownership:  end with wp_provider_free()
 * Errors:     WP_ERR_INVAL  the file is of no use; names push.apps
 *             WP_ERR_NOMEM
 */
enum wp_err wp_provider_fcm_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				const struct wp_push_app *app,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_PROVIDER_FCM_H */
