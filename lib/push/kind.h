/*
 * kind.h - the ways in which a device can be told that mail waits, and those in
 * which services of the operator's own hear of it.
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
	/* No device, and nobody registers it: every mailbox may have it. */
	WP_PUSH_BUS,
	WP_PUSH_EVENT,
	WP_PUSH_KINDS,
	WP_PUSH_DEVICE_KINDS = WP_PUSH_BUS,
};

/* "fcm", "apns", "webpush", "unifiedpush", "webhook", "email"; and of those
 * that are no device: "bus", "event" */
const char *wp_push_kind_name(enum wp_push_kind kind);

/* False when no kind of device is called so. */
bool wp_push_kind_named(const char *name, enum wp_push_kind *out);

/*
 * What operators call the way to an app of a kind: the app, or the kind where
 * there is one way only ("email"). Borrowed from app, or for good.
 *
 * app:  "" when the kind has no apps
 */
const char *wp_push_way_name(enum wp_push_kind kind, const char *app);

#endif /* WP_LIB_PUSH_KIND_H */
