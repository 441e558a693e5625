/*
 * route.h - the call and answer of route.lua (docs/architecture.md "Routing").
 */
#ifndef WP_LIB_MAILBOX_ROUTE_H
#define WP_LIB_MAILBOX_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/partition.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

enum { WP_ROUTE_MAX_BYTES = 1024 * 1024 };

/* At most worker.batch_entries of ingress; one when it is to be careful. */
void wp_route_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		    const struct wp_lease *lease, const char *run_id,
		    bool is_careful);

enum wp_route_status {
	WP_ROUTE_OK,
	WP_ROUTE_LOST,  /* not the owner any more */
	WP_ROUTE_GATE,  /* reconcile first */
	WP_ROUTE_FAULT, /* the script died as a whole: go careful */
};
struct wp_route_result {
	enum wp_route_status status;
	int64_t routed, dropped, dead, held, left;
	const char *error; /* borrowed from reply; "" when none */
};
/*
 * Errors: WP_ERR_UNAVAIL  no answer, or Redis refuses for reasons of its own
 *         (LOADING, READONLY, MISCONF, OOM, CLUSTERDOWN…): no try is counted
 */
enum wp_err wp_route_parse(const struct wp_reply *reply,
			   struct wp_route_result *out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_ROUTE_H */
