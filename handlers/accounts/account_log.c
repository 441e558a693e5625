/*
 * account_log.c - see account_log.h.
 */
#include "handlers/accounts/account_log.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/limit/address.h"

#include "handlers/request/call.h"

enum {
	MARK_BYTES = 4,
	CROWD_INTERVAL_MS = 50,
};

static const char *const names[] = {
	[WP_EVENT_REGISTERED] = "registered",
	[WP_EVENT_LOGGED_IN] = "logged_in",
	[WP_EVENT_LOGGED_OUT] = "logged_out",
	[WP_EVENT_SESSIONS_ENDED] = "sessions_ended",
	[WP_EVENT_TOKEN_REUSED] = "token_reused",
	[WP_EVENT_PASSWORD_SET] = "password_set",
	[WP_EVENT_PASSWORD_RESET] = "password_reset",
	[WP_EVENT_RECOVERY_SET] = "recovery_set",
	[WP_EVENT_DELETED] = "deleted",
	[WP_EVENT_MADE] = "made",
	[WP_EVENT_STATE_SET] = "state_set",
	[WP_EVENT_CODE_MADE] = "code_made",
	[WP_EVENT_WRONG_PASSWORD] = "wrong_password",
	[WP_EVENT_WRONG_CODE] = "wrong_code",
	[WP_EVENT_TOO_MANY] = "too_many_attempts",
};

static void write_mark(const struct wp_call *call, const struct wp_urn *user,
		       char text[2 * MARK_BYTES + 1])
{
	uint8_t mac[WP_OWN_MAC_LEN];

	text[0] = '\0';
	if (user == NULL || user->len == 0)
		return;
	wp_own_mac(&call->ctx->sessions.mark_key, user->text, user->len, mac);
	wp_hex_write(text, mac, MARK_BYTES);
}

/* As the web server has it; "" when that is no address, or is not wanted. */
static const char *address_of(struct wp_call *call)
{
	struct wp_address address;
	const char *text;
	size_t count;

	if (!call->ctx->conf->accounts.log_addresses)
		return "";
	text = wp_req_param(&call->req, "REMOTE_ADDR", &count);
	return count == 1 && wp_address_read(&address, text) ? text : "";
}

void wp_account_log(struct wp_call *call, enum wp_account_event event,
		    const struct wp_urn *user)
{
	char mark[2 * MARK_BYTES + 1];
	uint32_t suppressed = 0;

	if (event >= WP_EVENT_WRONG_PASSWORD &&
	    !wp_log_allow(&call->ctx->attempt_limit, wp_mono_ms(),
			  CROWD_INTERVAL_MS, &suppressed))
		return;
	write_mark(call, user, mark);
	wp_log_gather(
		&call->ctx->log,
		event == WP_EVENT_TOKEN_REUSED ? WP_LOG_WARN : WP_LOG_INFO,
		"account", wp_str("event", names[event]),
		wp_str("account", mark), wp_str("address", address_of(call)),
		wp_str("request_id", call->req.id),
		wp_int("suppressed", suppressed));
}
