/*
 * push.c - how many commands to the notifier are kept.
 */
#include "lib/mailbox/push.h"

#include <stdint.h>

enum { PUSH_MIN = 100 };

void wp_push_add(struct wp_cmd *cmd, const struct wp_conf *conf)
{
	int64_t max = 0;

	if (conf->push.enabled) {
		max = conf->push.max_commands / conf->mailbox.partitions;
		max = max < PUSH_MIN ? PUSH_MIN : max;
	}
	wp_cmd_int(cmd, max);
}
