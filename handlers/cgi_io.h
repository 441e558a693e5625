/*
 * cgi_io.h - the one request of a plain CGI program (RFC 3875).
 */
#ifndef WP_HANDLERS_CGI_IO_H
#define WP_HANDLERS_CGI_IO_H

#include "handlers/io.h"

struct wp_cgi {
	struct wp_io io;
};

/* params from the environment, body from stdin, answer to stdout. */
void wp_cgi_init(struct wp_cgi *cgi);

#endif /* WP_HANDLERS_CGI_IO_H */
