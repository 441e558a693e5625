/*
 * page.h - a page of a user's mailbox (lib/mailbox/pull.h), read without
 * waiting: the looks at hot travel the connection that everything else does,
 * and what is cold is read by a thread of lib/live/store_thread.h.
 */
#ifndef WP_LIB_LIVE_PAGE_H
#define WP_LIB_LIVE_PAGE_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/live/live.h"
#include "lib/live/store_thread.h"
#include "lib/mailbox/pull.h"
#include "lib/name/box.h"

/* One page on its way. The caller's memory, which stays until `done`. */
struct wp_live_page {
	struct wp_store_job job; /* first: the store thread knows only this */
	struct wp_live *live;
	struct wp_box box;
	struct wp_pull_page *page; /* until done has run */
	struct wp_error err;       /* why it was not read */
	/* true: page is all that was asked for; false: nothing may be used of
	 * it. It may free what page is part of. */
	void (*done)(struct wp_live_page *page, bool is_read);
	/* It has to be read on in the cold store. False: done runs, without
	 * it. NULL: it always may. */
	bool (*may_go_cold)(struct wp_live_page *page);
};

/*
 * Begin to read; done will run once, and has not yet when this returns WP_OK.
 *
 * page:    all zero but for live, done and may_go_cold
 * req:     its box and max_envelope are set here; not needed afterwards
 * Errors:  done does not run.
 *          WP_ERR_UNAVAIL  no Redis, or no memory
 *          WP_ERR_FULL, WP_ERR_NOMEM  as wp_aredis_do()
 */
enum wp_err wp_live_page_begin(struct wp_live_page *page,
			       const struct wp_user *user,
			       struct wp_pull_request *req) WP_MUST_USE;

#endif /* WP_LIB_LIVE_PAGE_H */
