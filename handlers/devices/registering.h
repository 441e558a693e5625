/*
 * registering.h - a registration on its way: what several endpoints do alike,
 * whatever they are called and answer.
 */
#ifndef WP_HANDLERS_DEVICES_REGISTERING_H
#define WP_HANDLERS_DEVICES_REGISTERING_H

#include <stdbool.h>

#include "lib/mailbox/push.h"

#include "handlers/devices/new_device.h"
#include "handlers/request/call.h"

struct wp_registering {
	struct wp_new_device device;
	struct wp_push_put put; /* as it was answered */
	enum wp_err result;     /* of put */
	char once[WP_PUSH_ONCE_MAX + 1];
	bool (*on_done)(struct wp_call *call);
};

/* What a device is judged by. */
struct wp_new_device_setup wp_registering_setup(struct wp_call *call);

/* Read the body; false when call->resp holds the error. */
bool wp_devices_read(struct wp_call *call, struct wp_push_device *out);

/*
 * Read the body and settle what is meant by it; kind: what it is in any case,
 * or NULL.
 *
 * Returns:  call->state from now on; NULL: call->resp has the error
 */
struct wp_registering *wp_registering_begin(struct wp_call *call,
					    const char *kind);

/*
 * Register it, and have its user told of what waits; then go on: call->scratch
 * has the object of the device by then. What cannot be done is answered.
 *
 * Returns:  as a handler
 */
bool wp_registering_do(struct wp_call *call,
		       bool (*on_done)(struct wp_call *call));

/* Answer 503: nothing is known of a change. Returns: true */
bool wp_devices_failed(struct wp_call *call);

#endif /* WP_HANDLERS_DEVICES_REGISTERING_H */
