/*
 * partition.c - words of the calls of a partition's owner, what their answers
 * mean, and which keys are worth a look.
 *
 * Knows the argument order of the lease_*, workers, ingress_raise, hint_set,
 * gate_open, cold_size, reap, sweep and audit scripts, and nothing about when
 * to call them.
 */
#include "lib/mailbox/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/mailbox/presence.h"
#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/urn.h"

enum {
	TOKEN_RANDOM_BYTES = 8,
	REAP_CHUNK = 200,
	/* What one sweep looks at: a few milliseconds of Redis' time. */
	SWEEP_USERS = 200,
	SWEEP_ENTRIES = 1000,
	SWEEP_BYTES = 1024 * 1024,
	AUDIT_CHUNK = 100,
};

/* ---- leases and gates ---- */

void wp_partition_prefix(char text[WP_PREFIX_MAX], uint32_t partition)
{
	(void)snprintf(text, WP_PREFIX_MAX, "wp:{%" PRIu32 "}:", partition);
}

void wp_lease_acquire_build(struct wp_cmd *cmd, const char *prefix,
			    const char *worker, int64_t lease_ms)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_LEASE_ACQUIRE, prefix);
	wp_cmd_str(cmd, worker);
	wp_cmd_int(cmd, lease_ms);
}

enum wp_err wp_lease_acquire_parse(const struct wp_reply *reply, bool *held_out,
				   char value[WP_OWNER_MAX + 1])
{
	const struct wp_reply *status = wp_reply_at(reply, 0);
	const struct wp_reply *owner = wp_reply_at(reply, 1);
	size_t len = wp_reply_len(owner);

	if (len == 0 || len > WP_OWNER_MAX)
		return WP_ERR_UNAVAIL;
	if (!wp_reply_is(status, "ok") && !wp_reply_is(status, "held"))
		return WP_ERR_UNAVAIL;
	memcpy(value, wp_reply_str(owner), len);
	value[len] = '\0';
	*held_out = wp_reply_is(status, "held");
	return WP_OK;
}

void wp_lease_renew_build(struct wp_cmd *cmd, const char *prefix,
			  const char *value, int64_t lease_ms)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_LEASE_RENEW, prefix);
	wp_cmd_str(cmd, value);
	wp_cmd_int(cmd, lease_ms);
}

void wp_lease_release_build(struct wp_cmd *cmd, const char *prefix,
			    const char *value)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_LEASE_RELEASE, prefix);
	wp_cmd_str(cmd, value);
}

void wp_workers_build(struct wp_cmd *cmd, const char *worker, int64_t ttl_ms,
		      bool is_leaving)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_WORKERS, WP_WORKERS_KEY);
	wp_cmd_str(cmd, worker);
	wp_cmd_int(cmd, ttl_ms);
	wp_cmd_str(cmd, is_leaving ? "1" : "0");
}

void wp_ingress_raise_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    const struct wp_entry_id *floor)
{
	wp_cmd_script(cmd, WP_SCRIPT_INGRESS_RAISE, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_int(cmd, (int64_t)floor->ms);
	wp_cmd_int(cmd, (int64_t)floor->seq);
}

void wp_hint_token_add(struct wp_cmd *cmd)
{
	char token[2 * TOKEN_RANDOM_BYTES + 1];

	wp_random_hex(token, TOKEN_RANDOM_BYTES);
	wp_cmd_str(cmd, token);
}

void wp_hint_set_begin(struct wp_cmd *cmd, const struct wp_lease *lease)
{
	wp_cmd_script(cmd, WP_SCRIPT_HINT_SET, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_hint_token_add(cmd);
}

void wp_gate_open_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			const char *run_id)
{
	wp_cmd_script(cmd, WP_SCRIPT_GATE_OPEN, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_str(cmd, run_id);
}

void wp_sized_build(struct wp_cmd *cmd, const struct wp_lease *lease)
{
	wp_cmd_script(cmd, WP_SCRIPT_SIZED, lease->partition);
	wp_cmd_str(cmd, lease->owner);
}

void wp_gate_ask_build(struct wp_cmd *cmd, uint32_t partition)
{
	char unsized[32];

	(void)snprintf(unsized, sizeof(unsized), "wp:{%" PRIu32 "}:unsized",
		       partition);
	wp_cmd_key(cmd, "MGET", partition, "gate");
	wp_cmd_str(cmd, unsized);
}

void wp_gate_ask_parse(const struct wp_reply *reply, const char *run_id,
		       struct wp_gate *out)
{
	*out = (struct wp_gate){
		.is_open = wp_reply_is(wp_reply_at(reply, 0), run_id),
		.is_unsized =
			wp_reply_type(wp_reply_at(reply, 1)) == WP_REPLY_STR,
	};
}

void wp_cold_size_begin(struct wp_cmd *cmd, uint32_t partition)
{
	wp_cmd_script(cmd, WP_SCRIPT_COLD_SIZE, partition);
}

void wp_cold_size_add(struct wp_cmd *cmd, const struct wp_box *box,
		      const struct wp_store_size *size)
{
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_int(cmd, size->version);
	wp_cmd_int(cmd, size->n);
	wp_cmd_int(cmd, size->bytes);
}

/* ---- reaping ---- */

void wp_reap_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		   const struct wp_lease *lease, const char *incarnation,
		   const char *counter)
{
	wp_cmd_script(cmd, WP_SCRIPT_REAP, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_str(cmd, incarnation);
	wp_cmd_str(cmd, counter);
	wp_cmd_int(cmd, REAP_CHUNK);
	wp_cmd_int(cmd, WP_SEEN_TTL_SECONDS);
	wp_push_add(cmd, conf);
}

enum wp_reap_status wp_reap_parse(const struct wp_reply *reply,
				  int64_t *removed_out)
{
	static const char *const words[] = {
		[WP_REAP_DONE] = "done",
		[WP_REAP_MORE] = "more",
		[WP_REAP_ALIVE] = "alive",
		[WP_REAP_LOST] = "lost",
	};
	unsigned int status = 0;

	*removed_out = wp_reply_int(wp_reply_at(reply, 1));
	while (status < WP_REAP_REFUSED &&
	       !wp_reply_is(wp_reply_at(reply, 0), words[status]))
		status++;
	return (enum wp_reap_status)status;
}

/* ---- sweeping ---- */

void wp_sweep_build(struct wp_cmd *cmd, const struct wp_lease *lease,
		    int64_t now_ms)
{
	wp_cmd_script(cmd, WP_SCRIPT_SWEEP, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_int(cmd, SWEEP_USERS);
	wp_cmd_int(cmd, SWEEP_ENTRIES);
	wp_cmd_int(cmd, SWEEP_BYTES);
	wp_cmd_int(cmd, now_ms);
}

/* {"ok", deleted, more} */
enum { SWEEP_ANSWER_LEN = 3 };

enum wp_err wp_sweep_parse(const struct wp_reply *reply, int64_t *deleted_out,
			   bool *more_out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	*deleted_out = 0;
	*more_out = false;
	if (wp_reply_is(status, "lost"))
		return WP_ERR_STALE;
	if (!wp_reply_is(status, "ok") ||
	    wp_reply_count(reply) != SWEEP_ANSWER_LEN)
		return WP_ERR_UNAVAIL;
	*deleted_out = wp_reply_int(wp_reply_at(reply, 1));
	*more_out = wp_reply_int(wp_reply_at(reply, 2)) == 1;
	return WP_OK;
}

/* ---- repairing ---- */

enum {
	DIGITS_MAX = 5,
	AUDIT_ANSWER_LEN = 1 + WP_REPAIR_COUNT,
};

/* What keys begin with behind the partition, or are. */
static const struct {
	const char *prefix;
	enum wp_audit_kind kind;
} kinds[] = {
	{ "hot:", WP_AUDIT_USER },        { "hot!:", WP_AUDIT_USER },
	{ "online:", WP_AUDIT_USER },     { "index:", WP_AUDIT_USER },
	{ "notified:", WP_AUDIT_TOLD },   { "at:", WP_AUDIT_INCARNATION },
	{ "due:", WP_AUDIT_INCARNATION },
};
static const char *const push_keys[] = { "pushdue", "push" };

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
	for (size_t i = 0; i < sizeof(push_keys) / sizeof(push_keys[0]); i++) {
		size_t n = strlen(push_keys[i]);

		if (len - at != n || memcmp(key + at, push_keys[i], n) != 0)
			continue;
		out->kind = WP_AUDIT_PUSH;
		out->name = key + at;
		out->len = n;
		return true;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (len - at <= n || memcmp(key + at, kinds[i].prefix, n) != 0)
			continue;
		out->kind = kinds[i].kind;
		out->name = key + at + n;
		out->len = len - at - n;
		/* A queue of nobody can neither be read nor moved. */
		return out->kind == WP_AUDIT_INCARNATION ||
		       wp_urn_reread(&user, out->name, out->len) == WP_OK;
	}
	return false;
}

void wp_audit_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		    const char *run_id, const struct wp_audit_target *target)
{
	static const char *const words[] = {
		[WP_AUDIT_USER] = "user",
		[WP_AUDIT_TOLD] = "told",
		[WP_AUDIT_INCARNATION] = "incarnation",
		[WP_AUDIT_PUSH] = "push",
	};

	wp_cmd_script(cmd, WP_SCRIPT_AUDIT, target->partition);
	wp_cmd_str(cmd, words[target->kind]);
	wp_cmd_add(cmd, target->name, target->len);
	wp_cmd_int(cmd, AUDIT_CHUNK);
	wp_cmd_int(cmd, WP_SEEN_TTL_SECONDS);
	wp_cmd_str(cmd, run_id);
	wp_push_add(cmd, conf);
}

enum wp_err wp_audit_parse(const struct wp_reply *reply, bool *more_out,
			   int64_t repairs[WP_REPAIR_COUNT])
{
	memset(repairs, 0, WP_REPAIR_COUNT * sizeof(*repairs));
	*more_out = false;
	if (wp_reply_count(reply) != AUDIT_ANSWER_LEN)
		return WP_ERR_UNAVAIL;
	*more_out = wp_reply_int(wp_reply_at(reply, 0)) == 1;
	for (size_t i = 0; i < WP_REPAIR_COUNT; i++)
		repairs[i] = wp_reply_int(wp_reply_at(reply, i + 1));
	return WP_OK;
}
