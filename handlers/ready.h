/*
 * ready.h - one look at everything that is needed, for all who ask within a
 * second: a probe must not be a load.
 *
 * Threads: any; one of them looks, the others are told what is known.
 */
#ifndef WP_HANDLERS_READY_H
#define WP_HANDLERS_READY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/client.h"
#include "lib/redis/cmd.h"

enum { WP_READY_RUN_ID_MAX = 63 };

/*
 * The gates of a deployment, looked at in slices. is_open() once all of them
 * were seen open, one slice after the other, in one life of Redis. Belongs to
 * who is looking.
 */
struct wp_gate_watch {
	char run_id[WP_READY_RUN_ID_MAX + 1];
	uint32_t next;   /* the first of the next slice */
	uint32_t n_open; /* of those before it, in turn */
};

/* Use wp_ready_init(). */
struct wp_ready {
	pthread_mutex_t lock;
	bool is_looking;
	uint64_t begun_ms;
	uint64_t done_ms; /* 0 = never */
	struct wp_error verdict;
	struct wp_gate_watch gates;
};

void wp_ready_init(struct wp_ready *ready);

/* Is there an answer without a look? Then there will be for a moment. */
bool wp_ready_is_known(struct wp_ready *ready, uint64_t now_ms);

/*
 * The verdict of the last second (a bad one: of the last quarter), or of before
 * while another thread looks and is not taking long. False: the caller is to
 * look, and to call wp_ready_note().
 */
bool wp_ready_recall(struct wp_ready *ready, uint64_t now_ms,
		     struct wp_error *verdict_out);

/* Here is what was found; verdict->code WP_OK when all is well. */
void wp_ready_note(struct wp_ready *ready, uint64_t now_ms,
		   const struct wp_error *verdict);

/*
 * Look at the next slice of gates, or at several as long as they are not known
 * to be open.
 *
 * n:       partitions
 * cmd:     room for a command
 * Errors:  WP_ERR_UNAVAIL  err.msg says how many of them are not known to be
 *                          open, or that Redis does not answer
 */
enum wp_err wp_gate_watch_look(struct wp_gate_watch *gates,
			       struct wp_redis *redis, struct wp_cmd *cmd,
			       uint32_t n, struct wp_error *err) WP_MUST_USE;

#endif /* WP_HANDLERS_READY_H */
