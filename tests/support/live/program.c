/* See program.h. */
#include "tests/support/live/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

enum { PATIENCE_S = 20, HASH = 99 };

static void on_poke(void *ctx, struct wp_member *member)
{
	(void)ctx;
	(void)member;
}

static void on_registered(void *ctx, struct wp_member *member, int64_t pending)
{
	(void)ctx;
	(void)member;
	(void)pending;
}

static void on_revoked(void *ctx, struct wp_member *member)
{
	const struct program *p = ctx;

	if (p->on_revoked != NULL)
		p->on_revoked(member);
}

static void on_live(void *ctx)
{
	((struct program *)ctx)->live_times++;
}

static void on_impatience(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	*(bool *)w->data = true;
	ev_break(loop, EVBREAK_ONE);
}

void program_run_until(struct program *p, const int *count)
{
	bool is_late = false;
	struct ev_timer timer;

	ev_timer_init(&timer, on_impatience, PATIENCE_S, 0.);
	timer.data = &is_late;
	ev_timer_start(p->loop, &timer);
	while (*count == 0 && !is_late)
		ev_run(p->loop, EVRUN_ONCE);
	ev_timer_stop(p->loop, &timer);
	assert_false(is_late);
}

static struct wp_user *new_bob(void)
{
	struct wp_user *bob = calloc(1, sizeof(*bob) + sizeof(WP_BOB));

	assert_non_null(bob);
	bob->hash = HASH;
	bob->partition = WP_WORLD_PARTITION;
	bob->len = sizeof(WP_BOB) - 1;
	memcpy(bob->text, WP_BOB, sizeof(WP_BOB));
	return bob;
}

int program_setup(void **state)
{
	struct program *p = calloc(1, sizeof(*p));
	struct wp_registrar_setup how = {
		.protocol = "test",
		.heartbeat_ms = 1000,
		.rules = { .max_per_user = 10 },
		.hooks = { .on_registered = on_registered,
			   .on_refused = on_poke,
			   .on_live = on_live,
			   .ctx = p },
	};

	const struct wp_live_hooks hooks = {
		.on_poke = on_poke,
		.on_revoked = on_revoked,
	};

	assert_non_null(p);
	assert_int_equal(wp_world_setup(state), 0);
	p->w = *state;
	p->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(p->loop);
	p->bob = new_bob();
	how.loop = p->loop;
	how.conf = &p->w->conf;
	how.rules.conf = &p->w->conf;
	assert_int_equal(wp_live_init(&p->live, &how, &hooks, NULL), WP_OK);
	assert_int_equal(wp_registrar_start(p->live.registrar, NULL), WP_OK);
	program_run_until(p, &p->live_times);
	*state = p;
	return 0;
}

int program_teardown(void **state)
{
	struct program *p = *state;

	wp_live_release(&p->live);
	ev_loop_destroy(p->loop);
	*state = p->w;
	free(p->bob);
	free(p);
	return wp_world_teardown(state);
}

void program_lose_redis(struct program *p)
{
	p->live_times = 0;
	wp_aredis_reset(wp_registrar_redis(p->live.registrar));
}

void program_await_redis(struct program *p)
{
	program_run_until(p, &p->live_times);
}
