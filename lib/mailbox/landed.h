/*
 * landed.h - taking out of ingress what was written to disk straight from there
 * (docs/architecture.md "Straight to disk"): the call of landed.lua and what
 * it answers.
 */
#ifndef WP_LIB_MAILBOX_LANDED_H
#define WP_LIB_MAILBOX_LANDED_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

enum {
	/* Users of one part of a call: what a script gives to one command. */
	WP_LANDED_USERS_MAX = 200,
	WP_LANDED_IDS_MAX = 500, /* of one part, or of one user */
};

/*
 * A call has several parts: appends of one partition that stand together, as
 * many as a part may have. Where does the part end that begins with `from`?
 */
size_t wp_landed_part_end(const struct wp_store_append *appends, size_t n,
			  size_t from);

/*
 * What was appended leaves ingress: the rows of n appends, each of which was
 * written and has 1 to WP_LANDED_IDS_MAX rows.
 */
void wp_landed_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		     const struct wp_store_append *appends, size_t n);

struct wp_landed {
	int64_t gone;   /* entries that were in ingress until then */
	int64_t left;   /* entries that are in ingress */
	int64_t now_ms; /* by Redis' clock */
};
/*
 * What became of a part of the call.
 *
 * Errors:  WP_ERR_PROTO  not all of it was done, and it may be done again
 */
enum wp_err wp_landed_parse(const struct wp_reply *reply, size_t part,
			    struct wp_landed *out,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_LANDED_H */
