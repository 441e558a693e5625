/*
 * provider_apns.h - tell devices by Apple's service: one app of push.apps, in
 * production, in the sandbox or, with env=auto, in either.
 *
 * Which of the two knows a device is found out by asking the other one when the
 * first does not; of WP_APNS_KNOWN_MAX devices that are in the sandbox that is
 * remembered.
 */
#ifndef WP_NOTIFIER_PROVIDER_APNS_H
#define WP_NOTIFIER_PROVIDER_APNS_H

#include "lib/base/err.h"
#include "lib/sys/push_apps.h"
#include "notifier/provider/provider.h"

enum { WP_APNS_KNOWN_MAX = 1024 };

/*
 * Reads its key_file.
 *
 * setup:      with bearers
 * app:        of kind apns; not kept. Its base stands for production; the
 *             sandbox is then at <base>/sandbox
 * Ownership:  end with wp_provider_free()
 * Errors:     WP_ERR_INVAL  the file is of no use; names push.apps
 *             WP_ERR_NOMEM
 */
enum wp_err wp_provider_apns_new(struct wp_provider **out,
				 const struct wp_provider_setup *setup,
				 const struct wp_push_app *app,
				 struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_PROVIDER_APNS_H */
