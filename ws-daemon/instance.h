/*
 * instance.h - one process that holds connections: what Redis, other programs
 * and clients know as a daemon.
 */
#ifndef WP_WS_INSTANCE_H
#define WP_WS_INSTANCE_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/procs/procs.h"
#include "ws-daemon/daemon.h"

struct wp_instance;

/*
 * Serve until a signal ends it.
 *
 * out:     NULL before; perhaps set also after an error. End it with
 *          wp_instance_end()
 * daemon:  borrowed; a reload changes its settings, a stop closes its socket
 * place:   borrowed; NULL: this is the only process
 * Errors:  why it could not start or go on
 */
enum wp_err wp_instance_run(struct wp_instance **out, struct wp_daemon *daemon,
			    const struct wp_place *place,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Free it. NULL-safe.
 *
 * Returns:  false when a thread still talks to a Redis that may be silent for
 *           long: the process is to end by wp_instance_leave()
 */
bool wp_instance_end(struct wp_instance **instance) WP_MUST_USE;

/* End the process without waiting for anybody. */
_Noreturn void wp_instance_leave(struct wp_instance *instance, int status);

#endif /* WP_WS_INSTANCE_H */
