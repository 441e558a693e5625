/* provider_log.c - lines, and ends that are told from the loop. */
#include "notifier/provider/provider_log.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/base/log.h"

struct written {
	struct written *next;
	wp_attempt_fn on_end;
	void *ctx;
};

struct lines {
	struct wp_provider provider; /* first */
	struct wp_log log;
	struct ev_loop *loop;
	ev_timer soon;
	struct written *first, **last; /* whose end is to be told */
};

static void on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
	static const struct wp_judgement accepted = {
		.verdict = WP_VERDICT_ACCEPTED,
	};
	struct lines *lines = timer->data;
	struct written *written = lines->first;

	(void)loop;
	(void)events;
	lines->first = NULL;
	lines->last = &lines->first;
	while (written != NULL) {
		struct written *next = written->next;

		written->on_end(written->ctx, &accepted);
		free(written);
		written = next;
	}
}

static const char *const actions[] = {
	[WP_PLAN_NOTHING] = "nothing", [WP_PLAN_ALERT] = "alert",
	[WP_PLAN_QUIET] = "quiet",     [WP_PLAN_BADGE] = "badge",
	[WP_PLAN_CLEAR] = "clear",
};

static enum wp_err begin(struct wp_provider *provider,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	struct lines *lines = (struct lines *)provider;
	const struct wp_push *push = attempt->push;
	struct written *written = calloc(1, sizeof(*written));

	if (written == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wp_log(&lines->log, WP_LOG_INFO, "push",
	       wp_str("kind", wp_push_kind_name(attempt->to->kind)),
	       wp_str("action", actions[push->action]),
	       wp_str("device", push->token_id), wp_str("push", push->push_id),
	       wp_int("waiting", push->waiting),
	       wp_int("delay_ms", attempt->delay_ms));
	written->on_end = on_end;
	written->ctx = ctx;
	*lines->last = written;
	lines->last = &written->next;
	ev_timer_start(lines->loop, &lines->soon);
	return WP_OK;
}

static void lines_free(struct wp_provider *provider)
{
	struct lines *lines = (struct lines *)provider;

	ev_timer_stop(lines->loop, &lines->soon);
	while (lines->first != NULL) {
		struct written *written = lines->first;

		lines->first = written->next;
		free(written);
	}
	free(lines);
}

enum wp_err wp_provider_log_new(struct wp_provider **out,
				const struct wp_provider_setup *setup,
				struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.begin = begin,
		.free = lines_free,
	};
	struct lines *lines = calloc(1, sizeof(*lines));

	if (lines == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	lines->provider = (struct wp_provider){
		.type = &type,
		.app = "",
		.is_free = true,
	};
	lines->loop = setup->loop;
	lines->last = &lines->first;
	ev_timer_init(&lines->soon, on_soon, 0., 0.);
	lines->soon.data = lines;
	*out = &lines->provider;
	return WP_OK;
}
