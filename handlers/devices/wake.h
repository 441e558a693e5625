/*
 * wake.h - have notifiers look at the caller now: behind what was written to
 * the store, or whoever looks reads what was there before.
 */
#ifndef WP_HANDLERS_DEVICES_WAKE_H
#define WP_HANDLERS_DEVICES_WAKE_H

#include <stdbool.h>

#include "handlers/request/call.h"

/*
 * Do what wp_push_wake_build() says, then go on; is_done: false when nobody
 * knows whether it was.
 *
 * once:     as there; borrowed until then
 * Returns:  as a handler
 */
bool wp_devices_wake(struct wp_call *call, const char *once,
		     bool (*on_woken)(struct wp_call *call, bool is_done));

/* The same with wp_push_registered_build(). */
bool wp_devices_wake_registered(struct wp_call *call, bool is_new,
				bool (*on_woken)(struct wp_call *call,
						 bool is_done));

#endif /* WP_HANDLERS_DEVICES_WAKE_H */
