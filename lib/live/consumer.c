/*
 * consumer.c - the lines of those who want a page, and what becomes of one.
 *
 * There are two, each with places of its own: whoever has something in the cold
 * store waits for others there, and nobody else waits for him. Who that is
 * turns out when he is served; without a place there he is served anew.
 *
 * A page outlives the consumer that it is for, when that goes: it is told by
 * its reading, and the other way round.
 */
#include "lib/live/consumer.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/delivery/delivery.h"
#include "lib/live/page.h"

enum { LOG_INTERVAL_MS = 10000 };

/* A page on its way. */
struct reading {
	struct wp_live_page page; /* first: it knows only this */
	struct wp_consumers *all;
	struct wp_consumer *consumer; /* NULL: it is gone */
	bool is_cold;                 /* it has a place there */
	bool is_put_off;              /* it found none */
};

struct wp_consumer {
	struct wp_delivery delivery;
	struct wp_consumers *all;
	struct wp_member *member;
	struct wp_consumer *next; /* in line */
	struct wp_consumer **link;
	struct reading *reading; /* NULL: no page is on its way */
	bool is_cold;            /* in which line it waits */
	size_t bytes;
	uint32_t ack_ticks;
	uint32_t heard_at; /* tick of its last ack, or of what went out first */
	uint32_t retry_at; /* UINT32_MAX: it waits for no page that failed */
};

struct line {
	struct wp_consumer *first;
	struct wp_consumer **end;
	size_t n_reading;
};

enum { HOT, COLD, LINES };

struct wp_consumers {
	struct wp_consumers_setup setup;
	struct line lines[LINES];
	size_t n;
	struct wp_log_limit log_limit;
};

struct wp_consumers *wp_consumers_new(const struct wp_consumers_setup *setup)
{
	struct wp_consumers *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->setup = *setup;
	for (int i = 0; i < LINES; i++)
		all->lines[i].end = &all->lines[i].first;
	return all;
}

void wp_consumers_free(struct wp_consumers **all)
{
	free(*all);
	*all = NULL;
}

size_t wp_consumers_count(const struct wp_consumers *all)
{
	return all->n;
}

static uint32_t now_of(const struct wp_consumers *all)
{
	return all->setup.turn->now;
}

/* ---- the line ---- */

static struct line *line_of(struct wp_consumers *all, bool is_cold)
{
	return &all->lines[is_cold ? COLD : HOT];
}

static void leave_line(struct wp_consumer *consumer)
{
	struct line *line = line_of(consumer->all, consumer->is_cold);

	if (consumer->link == NULL)
		return;
	*consumer->link = consumer->next;
	if (consumer->next == NULL)
		line->end = consumer->link;
	else
		consumer->next->link = consumer->link;
	consumer->next = NULL;
	consumer->link = NULL;
}

static void join_line(struct wp_consumer *consumer)
{
	struct line *line = line_of(consumer->all, consumer->is_cold);

	if (consumer->link != NULL)
		return;
	consumer->link = line->end;
	*line->end = consumer;
	line->end = &consumer->next;
}

/* ---- a page ---- */

static void tell_deadline(struct wp_consumer *consumer)
{
	consumer->all->setup.on_deadline(consumer->all->setup.ctx,
					 consumer->member);
}

static void complain(struct wp_consumers *all, const struct wp_error *err)
{
	const struct wp_log log = { .component = "deliver" };
	uint32_t suppressed;

	if (wp_log_allow(&all->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&log, WP_LOG_WARN, "a mailbox cannot be read",
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

static void on_failed(struct wp_consumer *consumer)
{
	int64_t wait_ms = wp_delivery_failed(&consumer->delivery);

	consumer->retry_at = now_of(consumer->all) + wp_turn_ticks(wait_ms);
	tell_deadline(consumer);
}

/* False: what is behind it may not be sent either. */
static bool send_row(struct wp_consumer *consumer,
		     const struct wp_pull_row *row, enum wp_band band)
{
	const struct wp_consumers_setup *setup = &consumer->all->setup;
	struct wp_member *member = consumer->member;
	const struct wp_msgid id = {
		.entry = row->entry,
		.partition = member->user->partition,
		.band = (uint8_t)band,
	};

	return wp_delivery_take(&consumer->delivery, band, &row->entry,
				row->json_len) &&
	       setup->send(setup->ctx, member, &id, row->json, row->json_len);
}

static void on_rows(struct wp_consumer *consumer,
		    const struct wp_pull_page *page)
{
	bool was_empty = wp_delivery_on_way(&consumer->delivery) == 0;
	bool go_on = true;

	for (size_t i = 0; go_on && i < wp_pull_page_count(page); i++) {
		enum wp_band band;
		const struct wp_pull_row *row =
			wp_pull_page_row(page, i, &band);

		/* Sending may end it. */
		go_on = consumer->member->user != NULL &&
			send_row(consumer, row, band);
	}
	wp_delivery_read(&consumer->delivery, wp_pull_page_has_more(page));
	if (was_empty && wp_delivery_on_way(&consumer->delivery) > 0) {
		consumer->heard_at = now_of(consumer->all);
		tell_deadline(consumer);
	}
}

static void serve_lines(struct wp_consumers *all);

static bool has_place(const struct line *line)
{
	return line->n_reading < WP_CONSUMER_PAGES_MAX;
}

static bool may_go_cold(struct wp_live_page *page)
{
	struct reading *reading = (struct reading *)page;
	struct wp_consumers *all = reading->all;

	if (reading->is_cold)
		return true;
	reading->is_put_off = !has_place(&all->lines[COLD]);
	if (reading->is_put_off)
		return false;
	all->lines[HOT].n_reading--;
	all->lines[COLD].n_reading++;
	reading->is_cold = true;
	serve_lines(all);
	return true;
}

/* As if it had not been asked for. */
static void put_off(struct wp_consumer *consumer)
{
	(void)wp_delivery_failed(&consumer->delivery);
	wp_delivery_retry(&consumer->delivery);
}

static void on_page(struct wp_live_page *page, bool is_read)
{
	struct reading *reading = (struct reading *)page;
	struct wp_consumer *consumer = reading->consumer;
	struct wp_consumers *all = reading->all;

	line_of(all, reading->is_cold)->n_reading--;
	if (!is_read && !reading->is_put_off)
		complain(all, &page->err);
	if (consumer != NULL) {
		consumer->reading = NULL;
		consumer->is_cold = reading->is_put_off;
		if (is_read)
			on_rows(consumer, page->page);
		else if (reading->is_put_off)
			put_off(consumer);
		else
			on_failed(consumer);
		join_line(consumer); /* there may be more */
	}
	free(reading);
	serve_lines(all);
}

static enum wp_err begin_page(struct wp_consumer *consumer,
			      struct wp_pull_request *request)
{
	struct wp_consumers *all = consumer->all;
	struct reading *reading = calloc(1, sizeof(*reading));
	enum wp_err rc;

	if (reading == NULL)
		return WP_ERR_NOMEM;
	reading->all = all;
	reading->consumer = consumer;
	reading->page.live = all->setup.live;
	reading->is_cold = consumer->is_cold;
	reading->page.done = on_page;
	reading->page.may_go_cold = may_go_cold;
	rc = wp_live_page_begin(&reading->page, consumer->member->user,
				request);
	if (rc != WP_OK) {
		free(reading);
		return rc;
	}
	consumer->reading = reading;
	line_of(all, reading->is_cold)->n_reading++;
	return WP_OK;
}

/* Its turn has come. */
static void serve(struct wp_consumer *consumer)
{
	struct wp_pull_request request = { .max_bytes = consumer->bytes };

	if (consumer->member->user == NULL) /* it has left */
		return;
	request.limit = wp_delivery_ask(&consumer->delivery, request.from);
	if (request.limit > 0 && begin_page(consumer, &request) != WP_OK)
		on_failed(consumer);
}

/* A page that cannot be begun leaves the line too, so this ends. */
static void serve_lines(struct wp_consumers *all)
{
	for (int i = 0; i < LINES; i++) {
		struct line *line = &all->lines[i];

		while (line->first != NULL && has_place(line)) {
			struct wp_consumer *consumer = line->first;

			leave_line(consumer);
			serve(consumer);
		}
	}
}

static void want_page(struct wp_consumer *consumer)
{
	if (consumer->reading != NULL)
		return; /* behind it */
	join_line(consumer);
	serve_lines(consumer->all);
}

/* ---- one connection ---- */

struct wp_consumer *wp_consumer_new(struct wp_consumers *all,
				    struct wp_member *member,
				    const struct wp_consumer_rules *rules)
{
	struct wp_consumer *consumer = calloc(1, sizeof(*consumer));

	if (consumer == NULL)
		return NULL;
	if (wp_delivery_init(&consumer->delivery, rules->window, rules->bytes,
			     NULL) != WP_OK) {
		free(consumer);
		return NULL;
	}
	all->n++;
	consumer->all = all;
	consumer->member = member;
	consumer->bytes = rules->bytes;
	consumer->ack_ticks = rules->ack_ticks;
	consumer->retry_at = UINT32_MAX;
	return consumer;
}

void wp_consumer_free(struct wp_consumer **consumer_)
{
	struct wp_consumer *consumer = *consumer_;

	*consumer_ = NULL;
	if (consumer == NULL)
		return;
	consumer->all->n--;
	leave_line(consumer);
	if (consumer->reading != NULL)
		consumer->reading->consumer = NULL;
	wp_delivery_release(&consumer->delivery);
	free(consumer);
}

void wp_consumer_poke(struct wp_consumer *consumer)
{
	wp_delivery_poke(&consumer->delivery);
	want_page(consumer);
}

void wp_consumer_hear(struct wp_consumer *consumer)
{
	consumer->heard_at = now_of(consumer->all);
}

void wp_consumer_acked(struct wp_consumer *consumer,
		       const struct wp_ack_ids *ids)
{
	bool was_on_way = false;

	for (size_t i = 0; i < ids->n; i++)
		was_on_way |= wp_delivery_acked(&consumer->delivery,
						(enum wp_band)ids->ids[i].band,
						&ids->ids[i].entry);
	if (was_on_way)
		want_page(consumer);
}

uint32_t wp_consumer_deadline(const struct wp_consumer *consumer)
{
	uint32_t tick = consumer->retry_at;

	if (wp_delivery_on_way(&consumer->delivery) > 0 &&
	    consumer->heard_at + consumer->ack_ticks < tick)
		tick = consumer->heard_at + consumer->ack_ticks;
	return tick;
}

bool wp_consumer_on_time(struct wp_consumer *consumer)
{
	uint32_t now = now_of(consumer->all);

	if (wp_delivery_on_way(&consumer->delivery) > 0 &&
	    now >= consumer->heard_at + consumer->ack_ticks)
		return false;
	if (now >= consumer->retry_at) {
		consumer->retry_at = UINT32_MAX;
		wp_delivery_retry(&consumer->delivery);
		want_page(consumer);
	}
	return true;
}
