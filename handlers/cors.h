/*
 * cors.h - which pages of other sites may read an answer (Fetch standard,
 * section 3.2, "CORS protocol").
 */
#ifndef WP_HANDLERS_CORS_H
#define WP_HANDLERS_CORS_H

#include "lib/base/buf.h"
#include "lib/sys/conf.h"

#include "handlers/req.h"

/*
 * Append the header lines of an answer to req: Vary always, the others only
 * for an origin that is listed.
 *
 * methods:  of the path, for the answer to OPTIONS; may be 0
 */
void wp_cors_add(struct wp_buf *head, const struct wp_conf *conf,
		 const struct wp_req *req, unsigned int methods);

#endif /* WP_HANDLERS_CORS_H */
