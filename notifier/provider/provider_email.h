/*
 * provider_email.h - devices that are told by letters, through the server of
 * push.smtp_url.
 *
 * Letters are sent by a thread, one after the other (lib/net/mail.h).
 */
#ifndef WP_NOTIFIER_PROVIDER_EMAIL_H
#define WP_NOTIFIER_PROVIDER_EMAIL_H

#include "lib/base/err.h"
#include "notifier/provider/provider.h"

/*
 * Can letters be sent with these settings? push.email is true.
 *
 * Errors:  WP_ERR_INVAL, WP_ERR_SYS  err->msg names the setting
 */
enum wp_err wp_provider_email_check(const struct wp_conf *conf,
				    struct wp_error *err) WP_MUST_USE;

/*
 * Ownership:  the caller's; end with wp_provider_free(), which may wait for a
 *             second
 * Errors:     as wp_provider_email_check(), WP_ERR_NOMEM
 */
enum wp_err wp_provider_email_new(struct wp_provider **out,
				  const struct wp_provider_setup *setup,
				  struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_PROVIDER_EMAIL_H */
