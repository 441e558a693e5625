/*
 * rate.c - who is who in a key, and nanoseconds as microseconds: times of day
 * in these are whole numbers in Lua.
 */
#include "lib/mailbox/rate.h"

#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/mailbox/scripts.h"

enum { NS_PER_US = 1000, WHO_BYTES = 8, WHO_DIGITS = 2 * WHO_BYTES };

/* So that no name is the HMAC of something else under this secret. */
static const char label[] = "who spends";

_Static_assert((int)WP_RATE_KEY_LEN == (int)WP_SHA256_LEN, "a key is an HMAC");

void wp_rate_key(uint8_t key[WP_RATE_KEY_LEN], const char *secret)
{
	wp_hmac_sha256(secret, strlen(secret), label, sizeof(label), key);
}

void wp_rate_build(struct wp_cmd *cmd, const struct wp_rate_payment *payment,
		   const struct wp_limit_rate *rate,
		   const struct wp_ledger_verdict *verdict)
{
	uint8_t mac[WP_SHA256_LEN];
	char who[WHO_DIGITS + 1];

	wp_hmac_sha256(payment->key, WP_RATE_KEY_LEN, payment->who,
		       payment->who_len, mac);
	wp_hex_write(who, mac, WHO_BYTES);
	wp_cmd_script(cmd, WP_SCRIPT_LIMIT, payment->partition);
	wp_cmd_str(cmd, wp_limit_name(payment->class));
	wp_cmd_str(cmd, who);
	/* Down and up: as if it were less, and earlier. */
	wp_cmd_int(cmd, verdict->due * rate->unit_ns / NS_PER_US);
	wp_cmd_int(cmd, verdict->due_age_ns / NS_PER_US + 1);
	wp_cmd_int(cmd, rate->unit_ns * rate->burst / NS_PER_US);
	wp_cmd_int(cmd, rate->keep_ns / NS_PER_US);
	wp_cmd_int(cmd, rate->most_ns / NS_PER_US);
}

enum wp_err wp_rate_parse(const struct wp_reply *reply,
			  const struct wp_limit_rate *rate,
			  int64_t *ahead_ns_out)
{
	int64_t ahead_us = wp_reply_int(reply);

	if (wp_reply_type(reply) != WP_REPLY_INT || ahead_us < 0 ||
	    ahead_us > rate->most_ns / NS_PER_US)
		return WP_ERR_UNAVAIL;
	*ahead_ns_out = ahead_us * NS_PER_US;
	return WP_OK;
}
