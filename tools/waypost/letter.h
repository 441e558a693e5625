/*
 * letter.h - a dead letter in words and in JSON, as list and show need it.
 */
#ifndef WP_TOOLS_WAYPOST_LETTER_H
#define WP_TOOLS_WAYPOST_LETTER_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/mailbox/dlq.h"
#include "lib/name/msgid.h"

/* The public message id, or "" where the letter has none. */
void wp_cli_msgid_text(const struct wp_dlq_letter *letter,
		       char text[WP_MSGID_LEN + 1]);

/* RFC 3339, or "unknown". */
void wp_cli_time_text(int64_t wall_ms, char text[WP_RFC3339_LEN]);

/* Append ,"name":"text", or null for "". */
void wp_cli_add_member(struct wp_buf *out, const char *name, const char *text);

/* Append an object of what every list shows, without its closing brace. */
void wp_cli_add_json(struct wp_buf *out, const struct wp_dlq_letter *letter);

/* Write to standard output and release. Errors: WP_ERR_NOMEM, WP_ERR_SYS. */
enum wp_err wp_cli_put_out(struct wp_buf *out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_LETTER_H */
