/*
 * info.c - the one reading of INFO and CONFIG GET, and of how full Redis is.
 */
#include "lib/redis/info.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *wp_info_find(const struct wp_reply *reply, const char *key,
			 size_t *len_out)
{
	const char *line = wp_reply_str(reply);
	size_t len = strlen(key);

	if (wp_reply_type(reply) != WP_REPLY_STR)
		return NULL;
	while (*line != '\0') {
		size_t end = strcspn(line, "\r\n");

		if (end > len && strncmp(line, key, len) == 0 &&
		    line[len] == ':') {
			*len_out = end - len - 1;
			return line + len + 1;
		}
		line += end;
		line += strspn(line, "\r\n");
	}
	return NULL;
}

uint64_t wp_info_number(const struct wp_reply *reply, const char *key)
{
	size_t len;
	const char *text = wp_info_find(reply, key, &len);

	return text == NULL ? 0 : strtoull(text, NULL, 10);
}

const char *wp_config_find(const struct wp_reply *reply, const char *key)
{
	size_t i;

	for (i = 0; i + 1 < wp_reply_count(reply); i += 2)
		if (wp_reply_is(wp_reply_at(reply, i), key))
			return wp_reply_str(wp_reply_at(reply, i + 1));
	return NULL;
}

void wp_durability_ask(struct wp_cmd *cmd)
{
	wp_cmd_str(cmd, "CONFIG");
	wp_cmd_str(cmd, "GET");
	wp_cmd_str(cmd, "*append*");
}

static bool config_is(const struct wp_reply *reply, const char *key,
		      const char *value)
{
	const char *found = wp_config_find(reply, key);

	return found != NULL && strcmp(found, value) == 0;
}

/* A managed Redis may refuse CONFIG: then the lesser promise is made. */
bool wp_durability_is_fsync(const struct wp_reply *reply)
{
	return config_is(reply, "appendonly", "yes") &&
	       config_is(reply, "appendfsync", "always") &&
	       config_is(reply, "no-appendfsync-on-rewrite", "no");
}

bool wp_role_is_replica(const struct wp_reply *reply)
{
	size_t len = 0;
	const char *role = wp_info_find(reply, "role", &len);

	return role != NULL && len == strlen("slave") &&
	       strncmp(role, "slave", len) == 0;
}

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
