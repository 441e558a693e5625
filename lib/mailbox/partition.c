/*
 * partition.c - words of the calls that own and reconcile a partition.
 *
 * Knows the argument order of the lease_*, workers, ingress_raise, hint_set,
 * gate_open and cold_size scripts, and nothing about when to call them.
 */
#include "lib/mailbox/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"

enum { TOKEN_RANDOM_BYTES = 8 };

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

enum wp_err wp_lease_parse(const struct wp_reply *reply)
{
	if (wp_reply_type(reply) != WP_REPLY_INT)
		return WP_ERR_UNAVAIL;
	return wp_reply_int(reply) == 1 ? WP_OK : WP_ERR_STALE;
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

void wp_hint_set_begin(struct wp_cmd *cmd, const struct wp_lease *lease)
{
	char random[2 * TOKEN_RANDOM_BYTES + 1];

	wp_random_hex(random, TOKEN_RANDOM_BYTES);
	wp_cmd_script(cmd, WP_SCRIPT_HINT_SET, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_str(cmd, random);
}

void wp_gate_open_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			const char *run_id)
{
	wp_cmd_script(cmd, WP_SCRIPT_GATE_OPEN, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_str(cmd, run_id);
}

enum wp_err wp_guarded_parse(const struct wp_reply *reply)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	if (wp_reply_is(status, "ok"))
		return WP_OK;
	if (wp_reply_is(status, "lost"))
		return WP_ERR_STALE;
	return WP_ERR_UNAVAIL;
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
