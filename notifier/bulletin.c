/*
 * bulletin.c - the orders as they were at the last look, compared with those of
 * this one.
 */
#include "notifier/bulletin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/mailbox/push_lanes.h"

enum { APP_MAX = 255 };

struct order {
	char app[APP_MAX + 1];
	char text[WP_PUSH_RESUME_TEXT_LEN + 1];
};

struct orders {
	struct order of[WP_BULLETIN_APPS_MAX];
	size_t n;
};

struct wp_bulletin {
	struct wp_bulletin_setup setup;
	ev_timer timer;
	bool is_asking;
	bool has_looked;     /* what is known is of this life of ours */
	unsigned int beats;  /* since it was last said how providers are */
	struct orders known; /* at the last look */
	struct orders next;  /* at this one */
};

/* ---- orders ---- */

/* One that is none of ours, or for which there is no room, is left out. */
static void note(struct orders *orders, const struct wp_reply *app,
		 const struct wp_reply *text)
{
	struct order *order = &orders->of[orders->n];

	if (orders->n == WP_BULLETIN_APPS_MAX || wp_reply_len(app) > APP_MAX ||
	    wp_reply_len(text) != WP_PUSH_RESUME_TEXT_LEN)
		return;
	(void)snprintf(order->app, sizeof(order->app), "%s", wp_reply_str(app));
	(void)snprintf(order->text, sizeof(order->text), "%s",
		       wp_reply_str(text));
	orders->n++;
}

static bool is_known(const struct orders *orders, const struct order *order)
{
	for (size_t i = 0; i < orders->n; i++)
		if (strcmp(orders->of[i].app, order->app) == 0 &&
		    strcmp(orders->of[i].text, order->text) == 0)
			return true;
	return false;
}

static void on_orders(void *ctx, const struct wp_reply *reply)
{
	struct wp_bulletin *bulletin = ctx;
	struct orders *next = &bulletin->next;
	size_t n = wp_reply_count(reply);

	bulletin->is_asking = false;
	if (wp_reply_type(reply) != WP_REPLY_ARRAY)
		return;
	next->n = 0;
	for (size_t i = 0; i + 1 < n; i += 2)
		note(next, wp_reply_at(reply, i), wp_reply_at(reply, i + 1));
	for (size_t i = 0; bulletin->has_looked && i < next->n; i++)
		if (!is_known(&bulletin->known, &next->of[i]))
			bulletin->setup.on_resume(bulletin->setup.ctx,
						  next->of[i].app);
	bulletin->known = *next;
	bulletin->has_looked = true;
}

static void ask_for_orders(struct wp_bulletin *bulletin)
{
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "HGETALL");
	wp_cmd_str(&cmd, WP_PUSH_RESUME_KEY);
	bulletin->is_asking = wp_judged_do(bulletin->setup.redis, &cmd,
					   on_orders, bulletin) == WP_OK;
	wp_cmd_release(&cmd);
}

/* ---- how providers are ---- */

static void say(struct wp_bulletin *bulletin)
{
	enum wp_err rc = WP_ERR_NOMEM;
	struct wp_cmd cmd;
	struct wp_buf json;

	wp_cmd_init(&cmd);
	wp_buf_init(&json, WP_BULLETIN_BYTES_MAX);
	bulletin->setup.describe(bulletin->setup.ctx, &json);
	if (!json.failed) {
		wp_push_lanes_build(&cmd, bulletin->setup.notifier, json.data,
				    json.len);
		rc = wp_judged_do(bulletin->setup.redis, &cmd, NULL, NULL);
	}
	if (rc == WP_OK)
		bulletin->beats = 0;
	wp_buf_release(&json);
	wp_cmd_release(&cmd);
}

/* ---- beats ---- */

void wp_bulletin_beat(struct wp_bulletin *bulletin)
{
	if (!bulletin->is_asking)
		ask_for_orders(bulletin);
	if (++bulletin->beats >= WP_BULLETIN_SAID_BEATS)
		say(bulletin);
}

static void on_beat(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	wp_bulletin_beat(timer->data);
}

enum wp_err wp_bulletin_new(struct wp_bulletin **out,
			    const struct wp_bulletin_setup *setup,
			    struct wp_error *err)
{
	const double beat_s = WP_BULLETIN_BEAT_MS / 1e3;
	struct wp_bulletin *bulletin = calloc(1, sizeof(*bulletin));

	if (bulletin == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	bulletin->setup = *setup;
	bulletin->beats = WP_BULLETIN_SAID_BEATS;
	ev_timer_init(&bulletin->timer, on_beat, beat_s, beat_s);
	bulletin->timer.data = bulletin;
	ev_timer_start(setup->loop, &bulletin->timer);
	*out = bulletin;
	return WP_OK;
}

void wp_bulletin_free(struct wp_bulletin **bulletin)
{
	if (*bulletin == NULL)
		return;
	ev_timer_stop((*bulletin)->setup.loop, &(*bulletin)->timer);
	free(*bulletin);
	*bulletin = NULL;
}
