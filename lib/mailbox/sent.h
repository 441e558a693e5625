/*
 * sent.h - what became of a send, as metrics call it.
 */
#ifndef WP_LIB_MAILBOX_SENT_H
#define WP_LIB_MAILBOX_SENT_H

#include "lib/mailbox/submit.h"
#include "lib/metrics/sends.h"

static inline enum wp_sent wp_sent_of(const struct wp_send_result *result)
{
	switch (result->status) {
	case WP_SEND_ACCEPTED:
		return result->is_repeat ? WP_SENT_REPEATED : WP_SENT_ACCEPTED;
	case WP_SEND_CONFLICT:
		return WP_SENT_CONFLICT;
	case WP_SEND_FULL:
		return WP_SENT_FULL;
	case WP_SEND_OVERLOADED:
		return WP_SENT_OVERLOADED;
	case WP_SEND_UNKNOWN:
		break;
	}
	return WP_SENT_UNKNOWN;
}

#endif /* WP_LIB_MAILBOX_SENT_H */
