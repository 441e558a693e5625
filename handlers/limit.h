/*
 * limit.h - whether a request may go on, by how many its caller has made
 * lately (docs/architecture.md "Limits"). What is asked here never waits.
 */
#ifndef WP_HANDLERS_LIMIT_H
#define WP_HANDLERS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/limit/rates.h"

#include "handlers/call.h"

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

/* There is an answer: if it is one of those, charge the address. */
void wp_limit_end(struct wp_call *call);

#endif /* WP_HANDLERS_LIMIT_H */
