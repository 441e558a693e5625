/*
 * census.h - how much waits in partitions, by Redis and its clock.
 */
#ifndef WP_LIB_MAILBOX_CENSUS_H
#define WP_LIB_MAILBOX_CENSUS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum { WP_CENSUS_MAX = 64 }; /* partitions of a call */

struct wp_census {
	int64_t ingress;   /* accepted, and not routed yet */
	int64_t oldest_ms; /* for how long the first of them waits */
	int64_t marks;     /* users who are to be moved to the cold store */
	int64_t late_ms;   /* for how long the turn of the first has come */
	int64_t dead;      /* letters */
};

/* Ask for n of them, 1 to WP_CENSUS_MAX. */
void wp_census_build(struct wp_cmd *cmd, const uint32_t *partitions, size_t n);

/*
 * Add what was answered.
 *
 * Errors:  WP_ERR_UNAVAIL  it is no answer; sum is as it was
 */
enum wp_err wp_census_add(struct wp_census *sum,
			  const struct wp_reply *reply) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_CENSUS_H */
