/*
 * revoke.h - saying that tokens are good no longer, and hearing of it
 * (docs/architecture.md "Revocation").
 *
 * What was revoked is a stream, wp:revoked. Whoever lets somebody in has a
 * table of it (lib/auth/revoked.h) and reads on when the table is no longer
 * fresh enough to judge by. Builds and reads; the caller talks to Redis.
 */
#ifndef WP_LIB_MAILBOX_REVOKE_H
#define WP_LIB_MAILBOX_REVOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/revoked.h"
#include "lib/base/err.h"
#include "lib/name/msgid.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/* On which each call of revoke.lua says that there is something to read. */
#define WP_REVOKE_CHANNEL "wp:revoke"

enum {
	WP_REVOKE_MAX = 100, /* keys of a call */
	WP_REVOKE_RUN_ID_MAX = 63,
};

/*
 * Write the call of revoke.lua.
 *
 * n:       1 to WP_REVOKE_MAX
 * keep_s:  for so long a token that was issued by now may be alive
 */
void wp_revoke_build(struct wp_cmd *cmd, const struct wp_revoked_key *keys,
		     size_t n, int64_t keep_s);

/* The same of what was issued until a time, in seconds since 1970. */
struct wp_revoke_until {
	int64_t until_s;
	int64_t keep_s;
};
void wp_revoke_until_build(struct wp_cmd *cmd,
			   const struct wp_revoked_key *keys, size_t n,
			   const struct wp_revoke_until *when);
/* Errors: WP_ERR_UNAVAIL  no usable answer: call again */
enum wp_err wp_revoke_parse(const struct wp_reply *reply) WP_MUST_USE;

/*
 * Reads the stream into a table. All zero but for the table it has read
 * nothing. One read is under way at a time, and consists of as many commands as
 * there is something to read.
 */
struct wp_revoke_reader {
	struct wp_revoked *table; /* borrowed */
	bool is_reading;
	uint64_t n_heard; /* entries so far, understood or not */
	/* The rest is private. */
	char run_id[WP_REVOKE_RUN_ID_MAX + 1];
	struct wp_entry_id seen; /* the last entry */
	bool has_read;           /* fresh_ms says something */
	uint64_t begun_ms;
	uint64_t fresh_ms; /* what was revoked by then is in the table */
};

/*
 * A read begins, in the life of this Redis. In another one than that of before
 * it begins with the first entry; what is in the table stays.
 *
 * now_ms:  monotonic
 */
void wp_revoke_read_begin(struct wp_revoke_reader *reader, const char *run_id,
			  uint64_t now_ms);

/* Write the next command of a read. */
void wp_revoke_read_build(const struct wp_revoke_reader *reader,
			  struct wp_cmd *cmd);

enum wp_revoke_step {
	WP_REVOKE_AGAIN, /* send the next command */
	WP_REVOKE_DONE,
	WP_REVOKE_FAILED, /* no usable answer; another read may begin */
};

/*
 * Hear the answer to it, NULL when there was none. Entries that cannot be read
 * are passed over.
 *
 * now_s:  wall clock
 */
enum wp_revoke_step wp_revoke_read_told(struct wp_revoke_reader *reader,
					const struct wp_reply *reply,
					int64_t now_s);

/* For tests: as if a read had begun then, and come to its end. */
void wp_revoke_read_trust(struct wp_revoke_reader *reader, uint64_t at_ms);

/*
 * Is all in the table that was revoked by max_age_ms before at_ms, of the
 * monotonic clock? A read says so as of when it began.
 */
bool wp_revoke_is_fresh(const struct wp_revoke_reader *reader, uint64_t at_ms,
			uint64_t max_age_ms);

#endif /* WP_LIB_MAILBOX_REVOKE_H */
