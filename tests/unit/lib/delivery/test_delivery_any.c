/*
 * One connection in any order of events: pokes come late, pages are looked at
 * somewhere between question and answer, fail, or stop anywhere; others ack;
 * dead letters are put back in their old places. Whatever happened, in the end
 * each message was sent once, or somebody else had acked it, and in its band
 * none came before an older one that was there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/delivery/delivery.h"

enum {
	RUNS = 5000,
	STEPS = 120,
	MESSAGES = 24, /* of a band, in a run */
	PAGE = 3,      /* rows at most */
	WINDOW = 3,
	BYTES = 10,
};

enum whereabouts { UNBORN, DEAD, WAITS, DELETED };

struct message {
	enum whereabouts where;
	size_t bytes;
	bool was_dead; /* and may so come behind younger ones */
	bool is_sent;
	bool is_told; /* acked, and the delivery knows */
};

struct row {
	enum wp_band band;
	size_t at;
};

static struct {
	struct wp_delivery delivery;
	struct message messages[WP_BANDS][MESSAGES];
	size_t born[WP_BANDS];
	size_t newest[WP_BANDS]; /* behind the last that was sent */
	size_t on_way;
	size_t pokes; /* that did not come yet */
	bool is_reading, is_looked, is_held;
	size_t limit;
	struct wp_band_from places[WP_BANDS];
	struct row page[PAGE];
	size_t n_page;
	bool has_more;
	uint64_t seed;
} world;

static size_t any(size_t n)
{
	world.seed = world.seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(world.seed >> 33) % n;
}

static struct wp_entry_id entry_of(size_t at)
{
	return (struct wp_entry_id){ .ms = at + 1 };
}

static void accept_one(void)
{
	const size_t band = any(WP_BANDS);
	struct message *m;

	if (world.born[band] == MESSAGES)
		return;
	m = &world.messages[band][world.born[band]++];
	m->bytes = 1 + any(BYTES + 2);
	m->where = any(6) == 0 ? DEAD : WAITS;
	m->was_dead = m->where == DEAD;
	world.pokes += m->where == WAITS;
}

static struct message *some(enum whereabouts where)
{
	struct message *m = &world.messages[any(WP_BANDS)][any(MESSAGES)];

	return m->where == where ? m : NULL;
}

static void put_back(void)
{
	struct message *m = some(DEAD);

	if (m == NULL)
		return;
	m->where = WAITS;
	world.pokes++;
}

static void poke(void)
{
	if (world.pokes == 0)
		return;
	/* Several may come as one. */
	world.pokes -= 1 + any(world.pokes);
	wp_delivery_poke(&world.delivery);
}

static void ask(void)
{
	const size_t limit = wp_delivery_ask(&world.delivery, world.places);

	if (limit == 0)
		return;
	assert_false(world.is_reading || world.is_held);
	world.is_reading = true;
	world.is_looked = false;
	world.limit = limit < PAGE ? limit : PAGE;
}

static void look(void)
{
	if (!world.is_reading || world.is_looked)
		return;
	world.is_looked = true;
	world.n_page = 0;
	world.has_more = false;
	for (size_t i = 0; i < WP_BANDS; i++) {
		const enum wp_band band =
			i == 0 ? WP_BAND_HIGH : WP_BAND_STANDARD;
		const struct wp_band_from *place = &world.places[band];

		for (size_t at = place->has_after ? place->after.ms : 0;
		     at < world.born[band]; at++) {
			if (world.messages[band][at].where != WAITS)
				continue;
			if (world.n_page == world.limit) {
				world.has_more = true;
				return;
			}
			world.page[world.n_page++] = (struct row){ band, at };
		}
	}
}

static void answer(void)
{
	if (!world.is_reading || !world.is_looked)
		return;
	for (size_t i = 0; i < world.n_page; i++) {
		const struct row *row = &world.page[i];
		struct message *m = &world.messages[row->band][row->at];
		const struct wp_entry_id entry = entry_of(row->at);

		if (!wp_delivery_take(&world.delivery, row->band, &entry,
				      m->bytes))
			break;
		assert_false(m->is_sent);
		m->is_sent = true;
		assert_true(m->was_dead || row->at >= world.newest[row->band]);
		if (row->at >= world.newest[row->band])
			world.newest[row->band] = row->at + 1;
		world.on_way++;
		assert_true(world.on_way <= WINDOW);
		assert_true(world.delivery.bytes <= BYTES || world.on_way == 1);
	}
	world.is_reading = false;
	wp_delivery_read(&world.delivery, world.has_more);
}

static void fail_page(void)
{
	if (!world.is_reading)
		return;
	world.is_reading = false;
	world.is_held = true;
	(void)wp_delivery_failed(&world.delivery);
}

static void retry(void)
{
	world.is_held = false;
	wp_delivery_retry(&world.delivery);
}

/* Here, or over HTTP or by another connection. */
static void delete_one(void)
{
	struct message *m = some(WAITS);

	if (m != NULL && (m->is_sent || any(8) == 0))
		m->where = DELETED;
}

static void tell_ack(size_t band, size_t at)
{
	struct message *m = &world.messages[band][at];
	const struct wp_entry_id entry = entry_of(at);

	if (m->where != DELETED || !m->is_sent || m->is_told)
		return;
	m->is_told = true;
	assert_true(
		wp_delivery_acked(&world.delivery, (enum wp_band)band, &entry));
	world.on_way--;
}

static void step(void)
{
	switch (any(10)) {
	case 0:
		accept_one();
		break;
	case 1:
		put_back();
		break;
	case 2:
		poke();
		break;
	case 3:
	case 4:
		ask();
		break;
	case 5:
		look();
		break;
	case 6:
		answer();
		break;
	case 7:
		any(4) == 0 ? fail_page() : retry();
		break;
	case 8:
		delete_one();
		break;
	default:
		tell_ack(any(WP_BANDS), any(MESSAGES));
		break;
	}
}

/* No more comes; the client acks all it has, and what is under way ends. */
static void settle(void)
{
	for (size_t turn = 0; turn < 4 * MESSAGES; turn++) {
		poke();
		retry();
		ask();
		look();
		answer();
		for (size_t band = 0; band < WP_BANDS; band++) {
			for (size_t at = 0; at < MESSAGES; at++) {
				struct message *m = &world.messages[band][at];

				if (m->is_sent && m->where == WAITS)
					m->where = DELETED;
				tell_ack(band, at);
			}
		}
	}
	assert_int_equal(world.pokes, 0);
	assert_int_equal(world.on_way, 0);
	assert_false(world.is_reading);
	for (size_t band = 0; band < WP_BANDS; band++)
		for (size_t at = 0; at < MESSAGES; at++)
			assert_int_not_equal(world.messages[band][at].where,
					     WAITS);
	/* And nothing is read any more. */
	ask();
	assert_false(world.is_reading);
}

static void nothing_is_lost_in_any_order(void **state)
{
	struct wp_error err;

	(void)state;
	for (uint64_t run = 0; run < RUNS; run++) {
		memset(&world, 0, sizeof(world));
		world.seed = run;
		assert_int_equal(
			wp_delivery_init(&world.delivery, WINDOW, BYTES, &err),
			WP_OK);
		for (size_t i = 0; i < STEPS; i++)
			step();
		settle();
		wp_delivery_release(&world.delivery);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
