/*
 * credentials.h - the files by which the apps of push.apps are known to their
 * providers, read and judged.
 *
 * A sentence names the setting, the option and the app, and tells nothing of
 * what is in the file.
 */
#ifndef WP_NOTIFIER_CREDENTIALS_H
#define WP_NOTIFIER_CREDENTIALS_H

#include "lib/auth/google_token.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"
#include "lib/sys/push_apps.h"

/*
 * The service account of an app of FCM. With base= its token_uri may be on
 * this host.
 *
 * out:     end with wp_google_account_release(), also after an error
 * Errors:  WP_ERR_INVAL, WP_ERR_NOMEM
 */
enum wp_err wp_credentials_fcm(const struct wp_push_app *app,
			       struct wp_google_account *out,
			       struct wp_error *err) WP_MUST_USE;

/*
 * The key of an app of APNs (.p8), in PEM.
 *
 * out:     initialised, empty and secret; released by the caller
 * Errors:  WP_ERR_INVAL, WP_ERR_NOMEM
 */
enum wp_err wp_credentials_apns(const struct wp_push_app *app,
				struct wp_buf *out,
				struct wp_error *err) WP_MUST_USE;

/*
 * Can all of push.apps be used?
 *
 * Errors:  WP_ERR_INVAL  of the first that cannot; WP_ERR_NOMEM
 */
enum wp_err wp_credentials_check(const struct wp_conf *conf,
				 struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_CREDENTIALS_H */
