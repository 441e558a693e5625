/*
 * lanes_json.h - how apps' providers are, for operators: what a notifier says
 * by lib/mailbox/push_lanes.h. Pure.
 */
#ifndef WP_NOTIFIER_LANES_JSON_H
#define WP_NOTIFIER_LANES_JSON_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "notifier/lane/lanes.h"

/* Append an object. mode: a word, "live" or "log" */
void wp_lanes_add_json(const struct wp_lanes *lanes, const char *mode,
		       uint64_t now_us, struct wp_buf *out);

#endif /* WP_NOTIFIER_LANES_JSON_H */
