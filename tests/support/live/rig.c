/*
 * rig.c - see rig.h.
 */
#include "tests/support/live/rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

static void on_poke(void *ctx, struct wp_member *member)
{
	((struct rig_peer *)member)->poked++;
	((struct rig *)ctx)->poked++;
}

static void on_registered(void *ctx, struct wp_member *member, int64_t pending)
{
	struct rig *rig = ctx;

	(void)pending;
	rig->registered++;
	((struct rig_peer *)member)->registered++;
	if (rig->on_registered != NULL)
		rig->on_registered(rig, member);
}

static void on_refused(void *ctx, struct wp_member *member)
{
	((struct rig *)ctx)->refused++;
	((struct rig_peer *)member)->refused++;
}

static void on_kick(void *ctx, struct wp_member *member)
{
	((struct rig *)ctx)->kicked++;
	((struct rig_peer *)member)->kicked++;
}

static void on_notification(void *ctx, const char *who, size_t who_len,
			    const char *data, size_t len)
{
	struct rig *rig = ctx;

	(void)data;
	(void)len;
	rig->notified++;
	rig->whom_len = who_len;
	(void)snprintf(rig->whom, sizeof(rig->whom), "%.*s", (int)who_len, who);
}

static void on_live(void *ctx)
{
	((struct rig *)ctx)->live++;
}

static const char *chat_of(void *ctx, const struct wp_member *member)
{
	const struct rig_peer *peer = (const struct rig_peer *)member;

	(void)ctx;
	return peer->chat[0] == '\0' ? NULL : peer->chat;
}

static void on_stopped(void *ctx)
{
	(void)ctx;
}

void rig_begin(struct rig *rig, const char *name)
{
	memset(rig, 0, sizeof(*rig));
	wp_test_server_start(&rig->server, name, NULL);
	wp_test_conf(&rig->conf, rig->server.path);
	rig->other = wp_test_redis(&rig->conf);
	rig->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(rig->loop);
}

void rig_make(struct rig *rig, const char *protocol, int64_t heartbeat_ms)
{
	struct wp_registrar_setup setup = {
		.loop = rig->loop,
		.conf = &rig->conf,
		.protocol = protocol,
		.heartbeat_ms = heartbeat_ms,
		.rules = { .conf = &rig->conf,
			   .max_per_user = RIG_LIMIT,
			   .grace_ms = 5000 },
		.hooks = { .on_registered = on_registered,
			   .on_refused = on_refused,
			   .on_kick = on_kick,
			   .chat = chat_of,
			   .on_live = on_live,
			   .on_stopped = on_stopped,
			   .ctx = rig,
			   .notification = { .fn = on_notification,
					     .ctx = rig } },
	};

	rig->hub = wp_hub_new(rig->loop, (uint32_t)rig->conf.mailbox.partitions,
			      &setup.counts, on_poke, rig);
	assert_non_null(rig->hub);
	setup.hub = rig->hub;
	assert_int_equal(wp_registrar_new(&rig->registrar, &setup, NULL),
			 WP_OK);
}

void rig_start(struct rig *rig)
{
	assert_int_equal(wp_registrar_start(rig->registrar, NULL), WP_OK);
}

void rig_end(struct rig *rig)
{
	wp_registrar_free(&rig->registrar);
	wp_hub_free(&rig->hub);
	ev_loop_destroy(rig->loop);
	wp_redis_free(&rig->other);
	wp_test_server_kill(&rig->server, SIGKILL);
}

static void on_impatience(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	*(bool *)w->data = true;
	ev_break(loop, EVBREAK_ONE);
}

void rig_run_until(struct rig *rig, rig_claim_fn claim)
{
	bool is_late = false;
	struct ev_timer timer;

	ev_timer_init(&timer, on_impatience, RIG_PATIENCE_S, 0.);
	timer.data = &is_late;
	ev_timer_start(rig->loop, &timer);
	while (!claim(rig) && !is_late)
		ev_run(rig->loop, EVRUN_ONCE);
	ev_timer_stop(rig->loop, &timer);
	assert_false(is_late);
}

bool rig_is_live(struct rig *rig)
{
	return wp_registrar_is_live(rig->registrar);
}

bool rig_is_down(struct rig *rig)
{
	return !rig_is_live(rig);
}

void rig_come(struct rig *rig, struct rig_peer *peer, const char *name)
{
	struct wp_urn urn;

	memset(peer, 0, sizeof(*peer));
	assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL), WP_OK);
	assert_int_equal(wp_hub_add(rig->hub, &peer->member), WP_OK);
	assert_int_equal(wp_hub_join(rig->hub, &peer->member, &urn), WP_OK);
	wp_registrar_add(rig->registrar, &peer->member);
}

void rig_go(struct rig *rig, struct rig_peer *peer)
{
	wp_registrar_remove(rig->registrar, &peer->member, 0);
	wp_hub_remove(rig->hub, &peer->member);
}
