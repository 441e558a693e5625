/*
 * providers.h - all ways to tell somebody, as the settings have them.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_PROVIDERS_H
#define WP_NOTIFIER_PROVIDERS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/push/kind.h"
#include "lib/store/push.h"
#include "lib/sys/conf.h"
#include "notifier/provider/provider.h"

enum { WP_PROVIDERS_MAX = 32 };

struct wp_providers {
	struct wp_provider *items[WP_PROVIDERS_MAX]; /* owned */
	size_t n;
	bool is_live;     /* somebody is really asked, */
	bool has_unified; /* push servers of users as well */
	/* Services of the operator's own (service.h) that are told. */
	bool has_bus;
	bool has_event;
	/* Of our VAPID key, as rows have it; zero: there is none. */
	uint8_t vapid[WP_PUSH_VAPID_LEN];
};

/*
 * Are the settings those of providers that can be? For a start, --check and a
 * reload; nobody is asked.
 *
 * Errors:  WP_ERR_INVAL, WP_ERR_SYS  err->msg names the setting
 */
enum wp_err wp_providers_check(const struct wp_conf *conf,
			       struct wp_error *err) WP_MUST_USE;

/*
 * setup:   nothing of its settings is kept
 * out:     begins all zero; end with wp_providers_release(), also after an
 *          error
 * Errors:  as wp_providers_check(); WP_ERR_NOMEM
 */
enum wp_err wp_providers_init(struct wp_providers *out,
			      const struct wp_provider_setup *setup,
			      struct wp_error *err) WP_MUST_USE;
/* Ends what is under way; nobody is told. */
void wp_providers_release(struct wp_providers *providers);

/* Who tells devices of this kind and app; NULL: nobody. Borrowed. */
struct wp_provider *wp_providers_find(const struct wp_providers *providers,
				      enum wp_push_kind kind, const char *app);

#endif /* WP_NOTIFIER_PROVIDERS_H */
