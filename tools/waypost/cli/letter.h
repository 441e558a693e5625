/*
 * letter.h - a dead letter in words and in JSON, as list and show need it.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_LETTER_H
#define WP_TOOLS_WAYPOST_CLI_LETTER_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/mailbox/dlq.h"
#include "lib/name/msgid.h"
#include "tools/waypost/cli/json_out.h"

/* The public message id, or "" where the letter has none. */
void wp_cli_msgid_text(const struct wp_dlq_letter *letter,
		       char text[WP_MSGID_LEN + 1]);

/* RFC 3339, or "unknown". */
void wp_cli_time_text(int64_t wall_ms, char text[WP_RFC3339_LEN]);

/* A word of a table, "-" for none, and blanks up to width: what is no printable
 * ASCII becomes '?', for it goes to a terminal. */
void wp_cli_add_word(struct wp_buf *out, const char *text, size_t len,
		     int width);

/* An object of what every list shows; the caller's. */
struct json_object *wp_cli_object(const struct wp_dlq_letter *letter);

#endif /* WP_TOOLS_WAYPOST_CLI_LETTER_H */
