/*
 * kind_email.h - a letter that says that something waits, or that brings the
 * code by which an address is verified; and what a server's answer means. Pure.
 *
 * Source:  RFC 5322, RFC 2045, RFC 2047, RFC 3834, RFC 8058
 */
#ifndef WP_NOTIFIER_KIND_EMAIL_H
#define WP_NOTIFIER_KIND_EMAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/net/mail.h"
#include "notifier/provider/kind.h"
#include "notifier/provider/verdict.h"

enum {
	WP_EMAIL_TEXT_MAX = 8192,   /* bytes of a file */
	WP_EMAIL_SUBJECT_MAX = 200, /* bytes of its first line */
};

/* What letters say, as it is sent. End with wp_email_text_release(). */
struct wp_email_text {
	struct wp_buf subject;
	struct wp_buf body;
	bool is_base64; /* the body; else it is as it is */
};

/*
 * Read what letters are to say: a line with the subject, an empty one, and the
 * rest. It is UTF-8.
 *
 * text:    NULL: what they say where nobody has said it
 * Errors:  WP_ERR_INVAL  err->msg says what must be
 *          WP_ERR_NOMEM. To be released in any case
 */
enum wp_err wp_email_text_read(struct wp_email_text *out, const char *text,
			       size_t len, struct wp_error *err) WP_MUST_USE;
void wp_email_text_release(struct wp_email_text *text);

/* Addresses are of lib/push/address.h; all is borrowed. */
struct wp_email_letter {
	const char *from;
	const char *to;
	const char *stop_url; /* whose POST ends all letters to there */
	const char *code;     /* the letter brings it; "": it says that
				 something waits */
	const struct wp_email_text *text;
};

/* Append the letter with its header. */
void wp_email_write(struct wp_buf *out, const struct wp_email_letter *letter,
		    const struct wp_push *push);

void wp_email_judge(const struct wp_mail_answer *answer,
		    struct wp_judgement *out);

#endif /* WP_NOTIFIER_KIND_EMAIL_H */
