/*
 * accept.h - which of two forms a client wants (RFC 9110 section 12.5.1).
 */
#ifndef WP_LIB_HTTP_ACCEPT_H
#define WP_LIB_HTTP_ACCEPT_H

#include <stdbool.h>

#include "lib/http/head.h"

/*
 * Does an Accept field ask for JSON where text/plain is what is given by
 * default? It has to name application/json, and not to want it less: a star
 * alone asks for nothing.
 *
 * value:  data NULL when there is no such field; of any kind
 */
bool wp_accept_wants_json(struct wp_text value);

#endif /* WP_LIB_HTTP_ACCEPT_H */
