/*
 * heap.h - what a crowd that has left leaves behind in the heap goes back to
 * the system.
 *
 * Giving back stops the loop for as long as it takes: measured, 0.1 to 0.5 ms
 * for each free MB, 0.3 ms behind 10,000 idle clients. So little goes at once,
 * and much only when the loop has had nothing to do for a while.
 */
#ifndef WP_WS_HEAP_H
#define WP_WS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

enum {
	WP_HEAP_CROWD = 1000,              /* sockets */
	WP_HEAP_AT_ONCE = 4 * 1024 * 1024, /* free bytes: about 1 ms */
	WP_HEAP_LOOK_MS = 1000,
	WP_HEAP_IDLE_US = WP_HEAP_LOOK_MS * 10, /* CPU in that time: 1 % */
};

/* Private */
struct wp_heap {
	struct ev_loop *loop; /* borrowed */
	ev_timer idle;        /* runs while much waits to be given back */
	size_t n_most;        /* sockets since something was */
	uint64_t cpu_us;      /* of this thread, when the timer was last due */
};

/* For the thread of this loop. */
void wp_heap_init(struct wp_heap *heap, struct ev_loop *loop);
/* Idempotent; also all zero. */
void wp_heap_release(struct wp_heap *heap);

/*
 * At the end of a turn.
 *
 * n_sockets:  that are open
 * is_busy:    who have left are not all forgotten yet: look again later
 */
void wp_heap_look(struct wp_heap *heap, size_t n_sockets, bool is_busy);

#endif /* WP_WS_HEAP_H */
