/*
 * refusal.c - the words that Redis begins such an error with.
 *
 * Source: redis.io "Redis serialization protocol", "Eval scripts" (script
 * flags) and the shared error replies of Redis 7.
 */
#include "lib/mailbox/refusal.h"

#include <stddef.h>

static const char *const refusals[] = {
	"OOM",      "LOADING",    "READONLY", "MISCONF",    "CLUSTERDOWN",
	"MOVED",    "ASK",        "TRYAGAIN", "NOAUTH",     "NOPERM",
	"NOSCRIPT", "NOREPLICAS", "BUSY",     "MASTERDOWN",
};

bool wp_reply_is_refusal(const struct wp_reply *reply)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (wp_reply_is_error(reply, refusals[i]))
			return true;
	return false;
}
