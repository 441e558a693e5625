/*
 * deliver.h - one push to one device: may its provider be asked now, what comes
 * of it, and what that means for the device and for the provider. What it means
 * for the mailbox is for who orders it.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_DELIVER_H
#define WP_NOTIFIER_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/name/msgid.h"
#include "lib/sys/conf.h"
#include "notifier/lookup.h"
#include "notifier/outcome.h"
#include "notifier/plan/plan.h"
#include "notifier/redis.h"
#include "notifier/results.h"

struct ev_loop;
struct wp_deliveries;

struct wp_deliveries_setup {
	struct ev_loop *loop;
	/* auth.store_secret for good; of push nothing is kept */
	const struct wp_conf *conf;
	struct wp_metrics *metrics;
	struct wp_results *results;
	/* Where notifiers share Apple's tokens, and services are told. */
	struct wp_judged *redis;
};

/*
 * With the providers of the settings.
 *
 * Ownership:  what setup points to is borrowed
 * Errors:     as wp_providers_init()
 */
enum wp_err wp_deliveries_new(struct wp_deliveries **out,
			      const struct wp_deliveries_setup *setup,
			      struct wp_error *err) WP_MUST_USE;
/* Ends what is under way; nobody is told. NULL-safe. */
void wp_deliveries_free(struct wp_deliveries **deliveries);

/*
 * Go by these from now on; what is under way ends as it began.
 *
 * Errors:  as wp_providers_init(); then nothing has changed
 */
enum wp_err wp_deliveries_use(struct wp_deliveries *deliveries,
			      const struct wp_conf *conf,
			      struct wp_error *err) WP_MUST_USE;

/* What is to be found of users, so that it can be delivered. */
struct wp_lookups_how wp_deliveries_how(const struct wp_deliveries *deliveries);

/*
 * Fill in what a plan is to know of a target's provider: is_usable, reopen_ms,
 * slot_ms.
 *
 * now_ms:  by Redis' clock
 */
void wp_deliveries_look(struct wp_deliveries *deliveries,
			const struct wp_target *target, int64_t now_ms,
			struct wp_plan_device *device);

/* An operator says that all is well with an app: wp_lanes_resume(). */
void wp_deliveries_resume(struct wp_deliveries *deliveries, const char *app);
/* Append how providers are: wp_lanes_add_json(). */
void wp_deliveries_describe(const struct wp_deliveries *deliveries,
			    struct wp_buf *out);

/* A push. Borrowed until its end, but for about. */
struct wp_order {
	const struct wp_target *target;
	enum wp_plan_action action; /* not NOTHING */
	struct wp_entry_id about;   /* the push id follows from it */
	int64_t waiting;
	bool is_high;
	int64_t delay_ms; /* since what it is about came; 0: of nothing */
	/* wp_mono_ms(): nothing begins behind it, or when it is called off. */
	uint64_t good_until_ms;
	const bool *is_called_off;
};

/* Once, from the loop, never within wp_deliver(). */
typedef void (*wp_delivery_fn)(void *ctx, const struct wp_delivery_end *end);

/*
 * Begin.
 *
 * Returns:  true when it is under way: on_end will be told. False when it is
 *           over already: *end says how
 */
bool wp_deliver(struct wp_deliveries *deliveries, const struct wp_order *order,
		wp_delivery_fn on_end, void *ctx, struct wp_delivery_end *end);

#endif /* WP_NOTIFIER_DELIVER_H */
