/* ask_line.c - see ask_line.h. */
#include "notifier/provider/ask_line.h"

#include "lib/base/clock.h"

static struct wp_ask *take(struct wp_ask_line *line)
{
	struct wp_ask *ask = line->first;

	line->first = ask->next_waiting;
	if (line->first == NULL)
		line->end = &line->first;
	return ask;
}

static void start(struct wp_ask_line *line, uint64_t now_ms)
{
	uint64_t until_ms = (uint64_t)line->first->note;
	uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;

	/* The loop counts from when its turn began. */
	ev_now_update(line->loop);
	ev_timer_stop(line->loop, &line->timer);
	ev_timer_set(&line->timer, (double)left_ms / 1e3, 0.);
	ev_timer_start(line->loop, &line->timer);
}

static void on_late(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_ask_line *line = timer->data;
	uint64_t now_ms = wp_mono_ms();

	(void)loop;
	(void)events;
	/* Who hears of it may come again, behind all of these. */
	while (line->first != NULL && (uint64_t)line->first->note <= now_ms)
		wp_ask_line_refuse(take(line));
	if (line->first != NULL)
		start(line, now_ms);
}

void wp_ask_line_init(struct wp_ask_line *line, struct ev_loop *loop)
{
	*line = (struct wp_ask_line){ .loop = loop };
	line->end = &line->first;
	ev_timer_init(&line->timer, on_late, 0., 0.);
	line->timer.data = line;
}

void wp_ask_line_stop(struct wp_ask_line *line)
{
	ev_timer_stop(line->loop, &line->timer);
}

void wp_ask_line_add(struct wp_ask_line *line, struct wp_ask *ask)
{
	uint64_t now_ms = wp_mono_ms();

	ask->note = (int64_t)(now_ms + WP_ASK_LINE_MS);
	ask->next_waiting = NULL;
	*line->end = ask;
	line->end = &ask->next_waiting;
	if (line->first == ask)
		start(line, now_ms);
}

/* Those that wait now; others may come while these are told. */
static struct wp_ask *take_all(struct wp_ask_line *line)
{
	struct wp_ask *first = line->first;

	line->first = NULL;
	line->end = &line->first;
	ev_timer_stop(line->loop, &line->timer);
	return first;
}

void wp_ask_line_go(struct wp_ask_line *line)
{
	struct wp_ask *next = take_all(line);

	while (next != NULL) {
		struct wp_ask *ask = next;

		next = ask->next_waiting;
		wp_ask_go(ask);
	}
}

void wp_ask_line_end(struct wp_ask_line *line)
{
	struct wp_ask *next = take_all(line);

	while (next != NULL) {
		struct wp_ask *ask = next;

		next = ask->next_waiting;
		wp_ask_line_refuse(ask);
	}
}

void wp_ask_line_refuse(struct wp_ask *ask)
{
	static const struct wp_judgement none = {
		.verdict = WP_VERDICT_AGAIN,
		.reason = "no_token",
	};

	wp_ask_end(ask, &none);
}
