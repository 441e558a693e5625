/*
 * program.h - a program that holds connections, without any: lib/live with a
 * mailbox partition behind it (world.h) and a loop, for what works for a
 * client.
 */
#ifndef WP_TESTS_SUPPORT_LIVE_PROGRAM_H
#define WP_TESTS_SUPPORT_LIVE_PROGRAM_H

#include "lib/live/live.h"
#include "tests/support/world.h"

struct ev_loop;

struct program {
	struct wp_world *w;
	struct ev_loop *loop;
	struct wp_live live;
	struct wp_user *bob; /* of WP_WORLD_PARTITION, in no hub */
	int live_times;      /* how often Redis took us */
	/* A test's: the token of this member is good no longer. Or NULL. */
	void (*on_revoked)(struct wp_member *member);
};

/* cmocka fixtures: *state is a program that is live. */
int program_setup(void **state);
int program_teardown(void **state);

/* Turn the loop until *count is at least 1. */
void program_run_until(struct program *p, const int *count);
/* Lose the connection of commands now. */
void program_lose_redis(struct program *p);
/* Redis has taken us again. */
void program_await_redis(struct program *p);

#endif /* WP_TESTS_SUPPORT_LIVE_PROGRAM_H */
