/*
 * rate.h - the one bucket of all processes: calls and answers of limit.lua.
 * What is done with them is the business of lib/limit/ledger.h.
 */
#ifndef WP_LIB_MAILBOX_RATE_H
#define WP_LIB_MAILBOX_RATE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/limit/ledger.h"
#include "lib/limit/rates.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/* Whose bucket, and what of it is to be paid. */
struct wp_rate_payment {
	enum wp_limit_class class;
	uint32_t partition; /* of the user */
	const char *who;    /* a URN, which no key shows */
	size_t who_len;
	const uint8_t *key; /* of wp_rate_key() */
};

enum { WP_RATE_KEY_LEN = 32 };

/* What names are made with, of the secret of what is stored. */
void wp_rate_key(uint8_t key[WP_RATE_KEY_LEN], const char *secret);

/*
 * Pay what is due by verdict.
 *
 * rate:  of the class
 */
void wp_rate_build(struct wp_cmd *cmd, const struct wp_rate_payment *payment,
		   const struct wp_limit_rate *rate,
		   const struct wp_ledger_verdict *verdict);

/*
 * *ahead_ns_out:  for wp_ledger_told()
 * Errors:         WP_ERR_UNAVAIL  no usable answer
 */
enum wp_err wp_rate_parse(const struct wp_reply *reply,
			  const struct wp_limit_rate *rate,
			  int64_t *ahead_ns_out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_RATE_H */
