/*
 * login.c - words of the calls around logins, and what the answers mean.
 *
 * Knows no password and no account: who is counted is named by their URN,
 * whether or not there is anybody.
 */
#include "lib/mailbox/login.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "lib/mailbox/session.h"

enum {
	ATTEMPT_BYTES = 8,
	WHO_MAX = WP_BOX_MAX + 1 + WP_SESSION_DEVICE_MAX,
	KEY_MAX = WHO_MAX + 40,
};

static void who_of(char out[WHO_MAX + 1], const struct wp_box *account,
		   const char *device)
{
	(void)snprintf(out, WHO_MAX + 1, "%s%s%s", account->text,
		       device == NULL ? "" : "#", device == NULL ? "" : device);
}

void wp_login_begin_build(struct wp_cmd *cmd, const struct wp_box *account,
			  const char *device)
{
	char attempt[2 * ATTEMPT_BYTES + 1];
	char who[WHO_MAX + 1];

	who_of(who, account, device);
	wp_random_hex(attempt, ATTEMPT_BYTES);
	wp_cmd_script(cmd, WP_SCRIPT_LOGIN_BEGIN, account->partition);
	wp_cmd_str(cmd, who);
	wp_cmd_str(cmd, attempt);
}

enum wp_err wp_login_begin_parse(const struct wp_reply *reply,
				 struct wp_login_begun *out)
{
	const struct wp_reply *word = wp_reply_at(reply, 0);
	int64_t number = wp_reply_int(wp_reply_at(reply, 1));

	*out = (struct wp_login_begun){ .verdict = WP_LOGIN_LOCKED };
	if (wp_reply_is(word, "locked"))
		return WP_OK;
	if (number <= 0)
		return WP_ERR_UNAVAIL;
	if (wp_reply_is(word, "ok")) {
		out->verdict = WP_LOGIN_GO;
		out->n = number;
		return WP_OK;
	}
	if (wp_reply_is(word, "wait")) {
		out->verdict = WP_LOGIN_WAIT;
		out->wait_s = number;
		return WP_OK;
	}
	return WP_ERR_UNAVAIL;
}

static void add_key(struct wp_cmd *cmd, uint32_t partition, const char *kind,
		    const char *name)
{
	char key[KEY_MAX];

	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:%s:%s", partition,
		       kind, name);
	wp_cmd_str(cmd, key);
}

void wp_login_ok_build(struct wp_cmd *cmd, const struct wp_box *account,
		       const char *device)
{
	char who[WHO_MAX + 1];

	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "DEL");
	add_key(cmd, account->partition, "login", account->text);
	if (device == NULL)
		return;
	who_of(who, account, device);
	add_key(cmd, account->partition, "login", who);
}

/* ---- codes ---- */

void wp_login_code_of(struct wp_login_code *out, const char *code, size_t len,
		      uint32_t partitions)
{
	uint8_t hash[WP_SHA256_LEN];

	_Static_assert(sizeof(out->hash) == 2 * WP_SHA256_LEN + 1, "in hex");
	wp_sha256(code, len, hash);
	out->partition = ((uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 |
			  (uint32_t)hash[2] << 8 | hash[3]) %
			 partitions;
	wp_hex_write(out->hash, hash, sizeof(hash));
}

void wp_reset_put_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			const char *name)
{
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "SET");
	add_key(cmd, code->partition, "reset", code->hash);
	wp_cmd_str(cmd, name);
	wp_cmd_str(cmd, "EX");
	wp_cmd_int(cmd, WP_RESET_TTL_S);
}

void wp_reset_take_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			 const char *name)
{
	wp_cmd_script(cmd, WP_SCRIPT_RESET_TAKE, code->partition);
	wp_cmd_str(cmd, code->hash);
	wp_cmd_str(cmd, name);
}

void wp_invite_put_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			 int64_t uses, int64_t ttl_s)
{
	assert(uses >= 1 && uses <= WP_INVITE_USES_MAX);
	assert(ttl_s >= 1 && ttl_s <= WP_INVITE_TTL_MAX_S);
	wp_cmd_script(cmd, WP_SCRIPT_INVITE_PUT, code->partition);
	wp_cmd_str(cmd, code->hash);
	wp_cmd_int(cmd, uses);
	wp_cmd_int(cmd, ttl_s);
}

void wp_invite_take_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			  const char *who)
{
	wp_cmd_script(cmd, WP_SCRIPT_INVITE_TAKE, code->partition);
	wp_cmd_str(cmd, code->hash);
	wp_cmd_str(cmd, who);
}

void wp_invite_give_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			  const char *who)
{
	char field[WP_INVITE_WHO_MAX + sizeof("by ")];

	(void)snprintf(field, sizeof(field), "by %s", who);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "HDEL");
	add_key(cmd, code->partition, "invite", code->hash);
	wp_cmd_str(cmd, field);
}
