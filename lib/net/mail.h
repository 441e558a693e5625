/*
 * mail.h - letters, through a server of SMTP that is ours or takes them for us
 * (RFC 5321, RFC 6409).
 *
 * It blocks, and is for a thread that may: libcurl waits for the reply to a
 * letter wherever it is driven from (measured with 7.88.1, also through its
 * multi interface). It is bounded as transfers are (transfer.h): nothing of the
 * environment counts, and nothing takes longer than the rules say. Each letter
 * has a connection of its own.
 */
#ifndef WP_LIB_NET_MAIL_H
#define WP_LIB_NET_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct wp_mail;

/* Text is copied. */
struct wp_mail_rules {
	const char *url;  /* wp_url_mail() */
	const char *user; /* "": the server does not ask who we are */
	const char *password;
	/* smtp is encrypted as well (STARTTLS, RFC 3207), or nothing is said */
	bool needs_tls;
	const char *ca_file; /* as of transfers */
	uint32_t connect_ms; /* until there is a connection, TLS included */
	uint32_t total_ms;   /* until there is an answer */
};

/* Borrowed during the call. */
struct wp_letter {
	const char *from; /* addresses: printable ASCII without blanks and <> */
	const char *to;
	const char *text; /* header and body, with CRLF at the ends of lines */
	size_t len;
};

enum wp_mail_end {
	WP_MAIL_TAKEN,        /* the server sees to it */
	WP_MAIL_NO_RECIPIENT, /* it does not take letters to there */
	WP_MAIL_NO_SENDER,    /* it does not take letters from there */
	WP_MAIL_NO_LETTER,    /* it does not take this one */
	WP_MAIL_UNKNOWN,      /* it does not believe who we are */
	WP_MAIL_UNTRUSTED,    /* there is no TLS, or none that is trusted */
	WP_MAIL_UNREACHABLE,  /* no connection, no whole answer, or late */
};

struct wp_mail_answer {
	enum wp_mail_end end;
	long status; /* the server's last reply, 200 to 599; 0: none */
};

/* The caller's; end with wp_mail_free(). NULL: out of memory */
struct wp_mail *wp_mail_new(const struct wp_mail_rules *rules) WP_MUST_USE;
/* NULL-safe. */
void wp_mail_free(struct wp_mail **mail);

/*
 * Send a letter, and wait for what comes of it. When nothing is known of that
 * (UNREACHABLE) the server may have taken it.
 *
 * Errors:   WP_ERR_INVAL  an address with something else in it
 *           WP_ERR_NOMEM  nothing was sent
 * Threads:  any, one at a time
 */
enum wp_err wp_mail_send(struct wp_mail *mail, const struct wp_letter *letter,
			 struct wp_mail_answer *out,
			 struct wp_error *err) WP_MUST_USE;

/*
 * The letter that is being sent, and those that would be, end within a second
 * or so: UNREACHABLE.
 *
 * Threads:  any
 */
void wp_mail_abort(struct wp_mail *mail);

#endif /* WP_LIB_NET_MAIL_H */
