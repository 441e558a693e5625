/*
 * pull.h - reading a mailbox without changing it (docs/architecture.md
 * "Pulling").
 *
 * Order of the reads: hot queue, then hint, by one look or by several
 * (lib/mailbox/hot_walk.h), then the cold store. Order of the answer: high band
 * before standard, by id inside a band.
 */
#ifndef WP_LIB_MAILBOX_PULL_H
#define WP_LIB_MAILBOX_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/hot_walk.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/redis/client.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/store/store.h"

enum { WP_PULL_MAX = 500 };

struct wp_pull_page; /* owns everything its rows point to */

struct wp_pull_request {
	const struct wp_box *box; /* borrowed */
	size_t max_envelope;      /* bytes of the longest that is accepted */
	size_t limit;             /* 1 to WP_PULL_MAX */
	/* Of all envelopes on the page; one that is longer goes alone. 0: as
	 * many as a page may have. */
	size_t max_bytes;
	struct wp_band_from from[WP_BANDS];
};

/* What is to be done next, and what to tell the page of it. */
enum wp_pull_step {
	WP_PULL_HOT,  /* send wp_pull_ask(); the answer to wp_pull_told() */
	WP_PULL_COLD, /* wp_pull_read_cold() */
	WP_PULL_DONE, /* the page can be read */
};

/*
 * Begin a page, with WP_PULL_HOT. Whatever fails ends it: nothing is returned
 * then, even when the other tier had rows.
 *
 * Ownership:  the page is the caller's; end with wp_pull_page_free()
 * Errors:     WP_ERR_UNAVAIL  out of memory
 */
enum wp_err wp_pull_begin(struct wp_pull_page **out,
			  const struct wp_pull_request *req,
			  struct wp_error *err) WP_MUST_USE;
enum wp_pull_step wp_pull_step(const struct wp_pull_page *page);

/* Write the call. run_id: of the Redis that it will go to */
void wp_pull_ask(struct wp_pull_page *page, const char *run_id,
		 struct wp_cmd *cmd);
/*
 * Hear what came; there may be another call behind it.
 *
 * reply:     NULL when none came; not needed afterwards
 * is_other:  another Redis answered than the one whose run_id was sent along
 * Errors:    WP_ERR_UNAVAIL
 */
enum wp_err wp_pull_told(struct wp_pull_page *page,
			 const struct wp_reply *reply, bool is_other,
			 struct wp_error *err) WP_MUST_USE;
/*
 * Read what is in the cold store. On any thread, while nobody else uses page.
 *
 * store:   NULL when it could not be opened
 * Errors:  WP_ERR_UNAVAIL
 */
enum wp_err wp_pull_read_cold(struct wp_pull_page *page, struct wp_store *store,
			      struct wp_error *err) WP_MUST_USE;

/*
 * All steps with blocking clients.
 *
 * Errors:  WP_ERR_UNAVAIL  Redis or the cold store did not answer
 */
enum wp_err wp_pull(struct wp_pull_page **out, struct wp_redis *redis,
		    struct wp_store *store, const struct wp_pull_request *req,
		    struct wp_error *err) WP_MUST_USE;

size_t wp_pull_page_count(const struct wp_pull_page *page);
/* Row i and its band; borrowed until the page is freed. */
const struct wp_pull_row *wp_pull_page_row(const struct wp_pull_page *page,
					   size_t i, enum wp_band *band_out);
bool wp_pull_page_has_more(const struct wp_pull_page *page);
void wp_pull_page_free(struct wp_pull_page **page);

#endif /* WP_LIB_MAILBOX_PULL_H */
