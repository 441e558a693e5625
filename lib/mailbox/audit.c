/*
 * audit.c - which keys are worth a look, and the words of audit.lua's call.
 */
#include "lib/mailbox/audit.h"

#include <string.h>

#include "lib/mailbox/presence.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/urn.h"

enum {
	CHUNK = 100,
	DIGITS_MAX = 5,
	ANSWER_LEN = 1 + WP_REPAIR_COUNT,
};

static const struct {
	const char *prefix;
	bool is_user;
} kinds[] = {
	{ "hot:", true },   { "hot!:", true }, { "online:", true },
	{ "index:", true }, { "at:", false },  { "due:", false },
};

/* Read "wp:{<p>}:"; returns its length, 0 when it is something else. */
static size_t read_partition(const char *key, size_t len, uint32_t *out)
{
	static const char head[] = "wp:{";
	size_t at = sizeof(head) - 1;
	uint32_t partition = 0;
	size_t digits = 0;

	if (len < at || memcmp(key, head, at) != 0)
		return 0;
	for (; at < len && key[at] >= '0' && key[at] <= '9'; at++) {
		if (++digits > DIGITS_MAX)
			return 0;
		partition = partition * 10 + (uint32_t)(key[at] - '0');
	}
	if (digits == 0 || len - at < 2 || memcmp(key + at, "}:", 2) != 0)
		return 0;
	*out = partition;
	return at + 2;
}

bool wp_audit_target(const char *key, size_t len, struct wp_audit_target *out)
{
	size_t at = read_partition(key, len, &out->partition);
	struct wp_urn user;

	if (at == 0)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (len - at <= n || memcmp(key + at, kinds[i].prefix, n) != 0)
			continue;
		out->is_user = kinds[i].is_user;
		out->name = key + at + n;
		out->len = len - at - n;
		/* A queue of nobody can neither be read nor moved. */
		return !out->is_user ||
		       wp_urn_reread(&user, out->name, out->len) == WP_OK;
	}
	return false;
}

void wp_audit_build(struct wp_cmd *cmd, const struct wp_audit_target *target)
{
	wp_cmd_script(cmd, WP_SCRIPT_AUDIT, target->partition);
	wp_cmd_str(cmd, target->is_user ? "user" : "incarnation");
	wp_cmd_add(cmd, target->name, target->len);
	wp_cmd_int(cmd, CHUNK);
	wp_cmd_int(cmd, WP_SEEN_TTL_SECONDS);
}

enum wp_err wp_audit_parse(const struct wp_reply *reply, bool *more_out,
			   int64_t repairs[WP_REPAIR_COUNT])
{
	memset(repairs, 0, WP_REPAIR_COUNT * sizeof(*repairs));
	*more_out = false;
	if (wp_reply_count(reply) != ANSWER_LEN)
		return WP_ERR_UNAVAIL;
	*more_out = wp_reply_int(wp_reply_at(reply, 0)) == 1;
	for (size_t i = 0; i < WP_REPAIR_COUNT; i++)
		repairs[i] = wp_reply_int(wp_reply_at(reply, i + 1));
	return WP_OK;
}
