/*
 * push.h - commands to wake up devices of people who are not connected.
 *
 * Whichever script finds a message waiting for somebody who is offline adds a
 * command to the partition's stream wp:{p}:push, one for each user and message
 * that is newer than the one before. The notifier reads them.
 */
#ifndef WP_LIB_MAILBOX_PUSH_H
#define WP_LIB_MAILBOX_PUSH_H

#include "lib/redis/cmd.h"
#include "lib/sys/conf.h"

/*
 * Append to a route, disconnect or reap call how many commands a partition
 * keeps; without that, none are written.
 */
void wp_push_add(struct wp_cmd *cmd, const struct wp_conf *conf);

#endif /* WP_LIB_MAILBOX_PUSH_H */
