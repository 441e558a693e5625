/*
 * monitor.h - GET /metrics of the daemon, at a door of its own.
 *
 * Threads: the loop's.
 */
#ifndef WP_WS_MONITOR_H
#define WP_WS_MONITOR_H

#include "lib/base/err.h"

#include "lib/sys/heir.h"
#include "ws-daemon/parts.h"

struct wp_monitor;

/*
 * address:    as wp_listen()
 * Ownership:  parts are borrowed and outlive it; end with wp_monitor_close()
 * Errors:     as wp_exporter_open()
 */
enum wp_err wp_monitor_open(struct wp_monitor **out, struct wp_parts *parts,
			    const char *program, const char *address,
			    struct wp_error *err) WP_MUST_USE;

/* As of lib/metrics/exporter.h. */
struct wp_heir_socket wp_monitor_hand(const struct wp_monitor *monitor);
void wp_monitor_give_up(struct wp_monitor *monitor);

/* NULL-safe. */
void wp_monitor_close(struct wp_monitor **monitor);

#endif /* WP_WS_MONITOR_H */
