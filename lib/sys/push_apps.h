/*
 * push_apps.h - push.apps, taken apart: the apps whose devices can be told of
 * mail, and what their providers know them by.
 *
 * An element is "<app> kind=fcm credentials_file=…" or "<bundle id> kind=apns
 * team=… key=… key_file=…", with more options. Whether the files are there is
 * for who reads them.
 */
#ifndef WP_LIB_SYS_PUSH_APPS_H
#define WP_LIB_SYS_PUSH_APPS_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/push/kind.h"
#include "lib/sys/conf.h"

enum {
	WP_PUSH_APPS_MAX = 16,
	WP_PUSH_APP_MAX = 155, /* characters of its name */
};

/* What an FCM message makes a phone do. */
enum wp_push_style { WP_PUSH_WAKE, WP_PUSH_ALERT };
/* Which of Apple's two services knows a device. */
enum wp_push_env { WP_PUSH_PRODUCTION, WP_PUSH_SANDBOX, WP_PUSH_AUTO };

/* Texts are owned, and NULL when they are not given. */
struct wp_push_app {
	char *name;             /* [A-Za-z0-9._-], of APNs the bundle id */
	enum wp_push_kind kind; /* WP_PUSH_FCM or WP_PUSH_APNS */
	char *credentials_file; /* of FCM, an absolute path */
	enum wp_push_style style;
	char *team; /* of APNs: ten characters, as is key */
	char *key;
	char *key_file; /* an absolute path */
	enum wp_push_env env;
	char *title_key; /* both or neither: texts that the app translates */
	char *body_key;
	char *base; /* in place of the provider, on this host: for tests */
};

struct wp_push_apps {
	struct wp_push_app items[WP_PUSH_APPS_MAX];
	size_t n;
};

/*
 * Take apart conf->push.apps.
 *
 * Ownership:  *out is the caller's; end with wp_push_apps_free(). Borrows
 *             nothing
 * Errors:     WP_ERR_INVAL  err->msg is "push.apps: …", without any text of the
 *                           setting; WP_ERR_NOMEM
 */
enum wp_err wp_push_apps_new(struct wp_push_apps **out,
			     const struct wp_conf *conf,
			     struct wp_error *err) WP_MUST_USE;
/* NULL-safe. */
void wp_push_apps_free(struct wp_push_apps **apps);

/* The app of this name and kind; NULL when there is none. */
const struct wp_push_app *wp_push_apps_find(const struct wp_push_apps *apps,
					    enum wp_push_kind kind,
					    const char *name);

#endif /* WP_LIB_SYS_PUSH_APPS_H */
