/*
 * memory.c - the one reading and the one comparison of how full Redis is.
 */
#include "lib/redis/memory.h"

#include <limits.h>
#include <stdint.h>

#include "lib/redis/handshake.h"

unsigned int wp_memory_percent(const struct wp_reply *info)
{
	uint64_t used = wp_info_number(info, "used_memory");
	uint64_t max = wp_info_number(info, "maxmemory");
	double percent;

	if (max == 0)
		return 0;
	percent = (double)used * 100.0 / (double)max;
	return percent < (double)UINT_MAX ? (unsigned int)percent : UINT_MAX;
}

bool wp_memory_is_high(const struct wp_conf *conf, unsigned int percent)
{
	return (int64_t)percent >= conf->redis.memory_high_percent;
}
