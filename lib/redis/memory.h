/*
 * memory.h - how full Redis is, and whether that is too full.
 */
#ifndef WP_LIB_REDIS_MEMORY_H
#define WP_LIB_REDIS_MEMORY_H

#include <stdbool.h>

#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

/*
 * Read an answer of INFO memory: used memory as per cent of maxmemory, at most
 * UINT_MAX; 0 when maxmemory is unlimited or unknown.
 */
unsigned int wp_memory_percent(const struct wp_reply *info);

/* Is Redis at its mark (redis.memory_high_percent) or past it? */
bool wp_memory_is_high(const struct wp_conf *conf, unsigned int percent);

#endif /* WP_LIB_REDIS_MEMORY_H */
