/*
 * kind.h - the ways in which a device can be told that mail waits.
 */
#ifndef WP_LIB_PUSH_KIND_H
#define WP_LIB_PUSH_KIND_H

#include <stdbool.h>

enum wp_push_kind {
	WP_PUSH_FCM,
	WP_PUSH_APNS,
	WP_PUSH_WEB,
	WP_PUSH_UNIFIED,
	WP_PUSH_WEBHOOK,
	WP_PUSH_EMAIL,
	WP_PUSH_KINDS,
};

/* "fcm", "apns", "webpush", "unifiedpush", "webhook", "email" */
const char *wp_push_kind_name(enum wp_push_kind kind);

/* False when no kind is called so. */
bool wp_push_kind_named(const char *name, enum wp_push_kind *out);

#endif /* WP_LIB_PUSH_KIND_H */
