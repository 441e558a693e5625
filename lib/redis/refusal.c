/*
 * refusal.c - the words that Redis begins such an error with, and which of them
 * mean that we talk to the wrong server, or to the right one in the wrong way.
 *
 * Source: redis.io "Redis serialization protocol", "Eval scripts" (script
 * flags) and the shared error replies of Redis 7.
 */
#include "lib/redis/refusal.h"

#include <stddef.h>

static const struct {
	const char *word;
	bool is_loss;
} refusals[] = {
	{ "OOM", false },         { "MISCONF", false }, /* its disk fails */
	{ "NOREPLICAS", false }, /* fewer than it is to have */
	{ "BUSY", false },       /* with a script */
	{ "NOPERM", false },     /* a new connection has the same rights */
	{ "CLUSTERDOWN", false }, { "MOVED", false },   { "ASK", false },
	{ "TRYAGAIN", false },    { "NOSCRIPT", true }, { "NOAUTH", true },
	{ "LOADING", true },      { "READONLY", true }, /* a replica, perhaps
							   the master of before
							 */
	{ "MASTERDOWN", true },
};

/* Its place in the list; the length of the list when it is not there. */
static size_t find(const struct wp_reply *reply)
{
	size_t i = 0;

	while (i < sizeof(refusals) / sizeof(refusals[0]) &&
	       !wp_reply_is_error(reply, refusals[i].word))
		i++;
	return i;
}

bool wp_reply_is_refusal(const struct wp_reply *reply)
{
	return find(reply) < sizeof(refusals) / sizeof(refusals[0]);
}

bool wp_reply_is_loss(const struct wp_reply *reply)
{
	size_t i = find(reply);

	return i < sizeof(refusals) / sizeof(refusals[0]) &&
	       refusals[i].is_loss;
}
