/*
 * gauges.h - what the loop knows of its connections, as numbers.
 */
#ifndef WP_WS_GAUGES_H
#define WP_WS_GAUGES_H

#include "ws-daemon/parts.h"

/* Set the gauges to what is now. Threads: the loop's. */
void wp_gauges_note(const struct wp_parts *parts);

#endif /* WP_WS_GAUGES_H */
