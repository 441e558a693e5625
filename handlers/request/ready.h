/*
 * ready.h - one look at everything that is needed, for all who ask within a
 * second: a probe must not be a load.
 *
 * Does no I/O, and knows no clock: who asks first looks, the others are told
 * what is known. Only a process of which nothing is known yet lets them wait:
 * it has just been started, and a probe that is told "not ready" takes the
 * whole host out.
 */
#ifndef WP_HANDLERS_REQUEST_READY_H
#define WP_HANDLERS_REQUEST_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum { WP_READY_RUN_ID_MAX = 63 };

/*
 * The gates of a deployment, looked at in slices. They are open once all of
 * them were seen open, one slice after the other, in one life of Redis. A look
 * is one slice, or several as long as they are not known to be open.
 */
struct wp_gate_watch {
	char run_id[WP_READY_RUN_ID_MAX + 1];
	uint32_t n;      /* partitions */
	uint32_t next;   /* the first of the next slice */
	uint32_t n_open; /* of those before it, in turn */
	/* Of the look under way: */
	uint32_t len;    /* of the slice that is asked for */
	uint32_t n_told; /* of them */
	uint32_t closed; /* of those */
	uint32_t slices;
};

/* Begin a look at n gates in the life of this Redis. */
void wp_gate_watch_begin(struct wp_gate_watch *gates, const char *run_id,
			 uint32_t n);
/*
 * Write the question for gate i of the slice; false behind the last. All of
 * them are to be asked, and the answers told in their order.
 */
bool wp_gate_watch_ask(const struct wp_gate_watch *gates, uint32_t i,
		       struct wp_cmd *cmd);

enum wp_gate_step {
	WP_GATES_WAIT, /* for more answers of this slice */
	WP_GATES_ASK,  /* for the next slice */
	WP_GATES_DONE, /* *err says what was found */
};

/*
 * Hear an answer.
 *
 * err:  with DONE: code WP_OK, or WP_ERR_UNAVAIL and how many of them are not
 *       known to be open
 */
enum wp_gate_step wp_gate_watch_told(struct wp_gate_watch *gates,
				     const struct wp_reply *reply,
				     struct wp_error *err);

struct wp_call;

enum { WP_READY_ASKERS_MAX = 64 };

/* All zero: nobody has looked. */
struct wp_ready {
	bool is_looking;
	uint64_t begun_ms;
	uint64_t done_ms; /* 0 = never */
	struct wp_error verdict;
	struct wp_gate_watch gates;
	struct wp_call *askers; /* who wait for the first verdict */
	size_t n_askers;
};

enum wp_ready_door {
	WP_READY_KNOWN, /* *verdict_out says it */
	WP_READY_LOOK,  /* the caller is to begin, and to note */
	WP_READY_WAIT,  /* the caller may be added to the askers */
};

/*
 * The verdict of the last second (a bad one: of the last quarter), or of before
 * while somebody looks and is not taking long.
 */
enum wp_ready_door wp_ready_ask(const struct wp_ready *ready, uint64_t now_ms,
				struct wp_error *verdict_out);

/* Somebody looks from now on. */
void wp_ready_begin(struct wp_ready *ready, uint64_t now_ms);

/* Here is what was found; verdict->code WP_OK when all is well. */
void wp_ready_note(struct wp_ready *ready, uint64_t now_ms,
		   const struct wp_error *verdict);

#endif /* WP_HANDLERS_REQUEST_READY_H */
