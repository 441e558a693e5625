/*
 * limit.h - whether a request may go on, by how many its caller has made
 * lately (docs/architecture.md "Limits"). What is asked here never waits.
 */
#ifndef WP_HANDLERS_REQUEST_LIMIT_H
#define WP_HANDLERS_REQUEST_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/limit/address.h"
#include "lib/limit/rates.h"
#include "lib/name/box.h"

#include "handlers/request/call.h"

/*
 * May the address from which it comes still be answered? Too many of its
 * requests cost work and were refused (wp_limit_end()). False when call->resp
 * holds the 429.
 */
bool wp_limit_begin(struct wp_call *call);

/*
 * May the caller, who is known, do one thing more of this class? What is left
 * stands in the answer. False when call->resp holds the 429.
 */
bool wp_limit_caller(struct wp_call *call, enum wp_limit_class class);

/* The request is n things: the others of its class are charged as well, and it
 * goes on whatever is left. Behind wp_limit_caller(). */
void wp_limit_batch(struct wp_call *call, size_t n);

/*
 * Nobody knows yet who asks. Has the address from which it comes anything left
 * of this class? Nothing is taken: what becomes of it is charged
 * (wp_limit_charge()). False when call->resp holds the 429.
 */
bool wp_limit_address(struct wp_call *call, enum wp_limit_class class);

/* It has come to what this class is about; of a call that was let in by it,
 * charge the address, whatever is left. */
void wp_limit_charge(struct wp_call *call, enum wp_limit_class class);

/*
 * May whose mailbox this is, who has proved it otherwise than by a token, do
 * one thing more of this class? As wp_limit_caller().
 */
bool wp_limit_user(struct wp_call *call, enum wp_limit_class class,
		   const struct wp_box *user);

/*
 * May this session do one thing more of this class? As wp_limit_caller().
 *
 * partition, id:  of the session
 */
bool wp_limit_session(struct wp_call *call, enum wp_limit_class class,
		      uint32_t partition, const char *id);

/*
 * From which address it comes. False when that is not known, or it is loopback,
 * which is not limited.
 */
bool wp_limit_from(const struct wp_call *call, struct wp_address *out);

/* There is an answer: if it is one of those, charge the address. */
void wp_limit_end(struct wp_call *call);

#endif /* WP_HANDLERS_REQUEST_LIMIT_H */
