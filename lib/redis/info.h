/*
 * info.h - what a Redis says of itself: answers to INFO and CONFIG GET.
 */
#ifndef WP_LIB_REDIS_INFO_H
#define WP_LIB_REDIS_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

/*
 * The value of "key:value" in an answer to INFO.
 *
 * Returns:  borrowed from reply, *len_out bytes; NULL when there is no such key
 */
const char *wp_info_find(const struct wp_reply *reply, const char *key,
			 size_t *len_out);

/* The same as a number; 0 when missing. */
uint64_t wp_info_number(const struct wp_reply *reply, const char *key);

/* How firm is a write? The question; and is it on disk when answered? */
void wp_durability_ask(struct wp_cmd *cmd);
bool wp_durability_is_fsync(const struct wp_reply *reply);

/* Does an answer to INFO replication speak of a replica? */
bool wp_role_is_replica(const struct wp_reply *reply);

/* The value of key in an answer to CONFIG GET; NULL when missing. */
const char *wp_config_find(const struct wp_reply *reply, const char *key);

/*
 * Read an answer of INFO memory: used memory as per cent of maxmemory, at most
 * UINT_MAX; 0 when maxmemory is unlimited or unknown.
 */
unsigned int wp_memory_percent(const struct wp_reply *info);

/* Is Redis at its mark (redis.memory_high_percent) or past it? */
bool wp_memory_is_high(const struct wp_conf *conf, unsigned int percent);

#endif /* WP_LIB_REDIS_INFO_H */
