/*
 * provider_log.h - push.mode log: a line of the log in place of a request, of
 * whatever kind. All are accepted.
 */
#ifndef WP_NOTIFIER_PROVIDER_LOG_H
#define WP_NOTIFIER_PROVIDER_LOG_H

#include "lib/base/err.h"
#include "notifier/provider/provider.h"

/* Errors: WP_ERR_NOMEM */
enum wp_err wp_provider_log_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_PROVIDER_LOG_H */
