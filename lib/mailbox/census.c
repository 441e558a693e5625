/*
 * census.c - the call and the answer of scripts/census.lua.
 */
#include "lib/mailbox/census.h"

#include <assert.h>

#include "lib/mailbox/scripts.h"

enum { NOW, INGRESS, OLDEST, MARKS, DUE, DEAD, WORDS };

void wp_census_build(struct wp_cmd *cmd, const uint32_t *partitions, size_t n)
{
	assert(n > 0 && n <= WP_CENSUS_MAX);
	wp_cmd_script_of(cmd, WP_SCRIPT_CENSUS, n);
	for (size_t i = 0; i < n; i++)
		wp_cmd_prefix(cmd, partitions[i]);
}

static int64_t word(const struct wp_reply *reply, size_t i)
{
	return wp_reply_int(wp_reply_at(reply, i));
}

/* Keep the longest; a time that is yet to come is none. */
static void raise_to(int64_t *longest_ms, const struct wp_reply *reply,
		     size_t since)
{
	int64_t ms = word(reply, NOW) - word(reply, since);

	if (word(reply, since) > 0 && ms > *longest_ms)
		*longest_ms = ms;
}

enum wp_err wp_census_add(struct wp_census *sum, const struct wp_reply *reply)
{
	if (wp_reply_count(reply) != WORDS)
		return WP_ERR_UNAVAIL;
	sum->ingress += word(reply, INGRESS);
	raise_to(&sum->oldest_ms, reply, OLDEST);
	sum->marks += word(reply, MARKS);
	raise_to(&sum->late_ms, reply, DUE);
	sum->dead += word(reply, DEAD);
	return WP_OK;
}
