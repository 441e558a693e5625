/*
 * account_desk.h - accounts, at arm's length from the event loop: their file
 * blocks, and a hash takes its time.
 *
 * Jobs go into a line (lib/live/job_line.h) whose threads have the file open
 * each. A job that hashes waits first for a slot of the gate
 * (lib/accounts/hash_gate.h), in a seat and in the order in which they came;
 * the loop looks for a slot every 10 ms, and whenever a hash of its own is
 * done. There is a thread more than there are slots, so that nothing else waits
 * behind a hash. Who waits too long for a thread, while the file is locked or
 * the disk stands still, is told so as well, and nothing is run for him: his
 * client has something better to do than to wait for those before him.
 */
#ifndef WP_LIB_LIVE_ACCOUNT_DESK_H
#define WP_LIB_LIVE_ACCOUNT_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/blocklist.h"
#include "lib/accounts/password.h"
#include "lib/base/err.h"
#include "lib/live/job_line.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_account_desk;

enum {
	WP_DESK_JOBS_MAX = 1024,
	WP_DESK_JOBS_USER_MAX = WP_DESK_JOBS_MAX / 8,
	WP_DESK_WAIT_MS = 2000, /* for a slot, and for a thread */
};

/* Something to do with accounts. The submitter's memory, until it is done. */
struct wp_desk_job {
	uint32_t user_hash; /* on whose account */
	bool hashes;        /* run computes one hash of a password */
	/*
	 * On a thread, at most once: what takes its time. WP_ERR_UNAVAIL and
	 * WP_ERR_NOMEM are logged; other errors are answers.
	 */
	enum wp_err (*run)(struct wp_desk_job *job,
			   struct wp_accounts *accounts, struct wp_error *err);
	/*
	 * On the loop's thread, once: what run made of it; WP_ERR_FULL: it
	 * waited in vain for a slot or a thread; WP_ERR_UNAVAIL: the file is
	 * not open.
	 */
	void (*done)(struct wp_desk_job *job, enum wp_err result);

	struct wp_job base; /* the rest is the desk's */
	struct wp_account_desk *desk;
	struct wp_desk_job *next;
	enum wp_err result;
	uint64_t took_us;    /* of run; 0: it did not run */
	struct wp_error err; /* of run */
	uint64_t until_ms;
	size_t seat;
	size_t slot;
};

struct wp_account_desk_setup {
	struct ev_loop *loop;         /* borrowed */
	const char *path;             /* of the file of accounts; copied */
	const char *blocklist_file;   /* "": none */
	const char *store_secret;     /* read while the desk is made */
	struct wp_password_cost cost; /* of new passwords */
	size_t slots; /* 0: wp_hash_slots_default(), else as the gate has it */
	/*
	 * Of the Redis that is asked, each time the file is opened, whether the
	 * file belongs to its deployment. Borrowed; NULL: nobody is asked.
	 */
	const struct wp_conf *conf;
};

/*
 * Begin. Behind the last fork() of the process. The file is opened when there
 * is a first job, and again after a failure; the gate is <path>-hash.lock.
 *
 * Ownership:   the caller's; end with wp_account_desk_free()
 * Errors:      WP_ERR_INVAL   the blocklist is none
 *              WP_ERR_NOMEM, WP_ERR_SYS, WP_ERR_UNAVAIL
 */
enum wp_err wp_account_desk_new(struct wp_account_desk **out,
				const struct wp_account_desk_setup *setup,
				struct wp_error *err) WP_MUST_USE;

/*
 * Finish the jobs under way; those that wait are done with WP_ERR_UNAVAIL
 * before this returns. NULL-safe.
 */
void wp_account_desk_free(struct wp_account_desk **desk);

/*
 * Errors:   WP_ERR_FULL  too much waits, or the desk is being freed; done will
 *           not be called
 * Threads:  the loop's
 */
enum wp_err wp_account_desk_submit(struct wp_account_desk *desk,
				   struct wp_desk_job *job) WP_MUST_USE;

/* How passwords are hashed, and which are known to all. Any thread. */
const struct wp_password_way *
wp_account_desk_way(const struct wp_account_desk *desk);
const struct wp_blocklist *
wp_account_desk_blocklist(const struct wp_account_desk *desk);

/* Descriptors that a desk with so many slots (0: the default) may have open. */
size_t wp_account_desk_descriptors(size_t slots);

#endif /* WP_LIB_LIVE_ACCOUNT_DESK_H */
