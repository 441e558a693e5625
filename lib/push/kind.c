/* kind.c - what each kind is called, on the wire and in the store. */
#include "lib/push/kind.h"

#include <string.h>

static const char *const names[WP_PUSH_KINDS] = {
	[WP_PUSH_FCM] = "fcm",         [WP_PUSH_APNS] = "apns",
	[WP_PUSH_WEB] = "webpush",     [WP_PUSH_UNIFIED] = "unifiedpush",
	[WP_PUSH_WEBHOOK] = "webhook", [WP_PUSH_EMAIL] = "email",
	[WP_PUSH_BUS] = "bus",         [WP_PUSH_EVENT] = "event",
};

const char *wp_push_kind_name(enum wp_push_kind kind)
{
	return names[kind];
}

bool wp_push_kind_named(const char *name, enum wp_push_kind *out)
{
	for (int i = 0; i < WP_PUSH_DEVICE_KINDS; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*out = (enum wp_push_kind)i;
		return true;
	}
	return false;
}

const char *wp_push_way_name(enum wp_push_kind kind, const char *app)
{
	return app[0] != '\0' ? app : names[kind];
}
