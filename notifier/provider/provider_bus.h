/*
 * provider_bus.h - tell services of the operator's own, by a sink of the bus.
 */
#ifndef WP_NOTIFIER_PROVIDER_BUS_H
#define WP_NOTIFIER_PROVIDER_BUS_H

#include "lib/base/err.h"
#include "notifier/provider/provider.h"

/*
 * The kind bus: an entry of the stream bus.redis_push_stream.
 *
 * Ownership:  end with wp_provider_free(); what Redis answers then is heard by
 *             nobody
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_provider_bus_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				struct wp_error *err) WP_MUST_USE;

/* The kind event, which goes to a channel. Else as the other. */
enum wp_err wp_provider_event_new(struct wp_provider **out,
				  const struct wp_provider_setup *setup,
				  struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_PROVIDER_BUS_H */
