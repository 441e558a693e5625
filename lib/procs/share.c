/*
 * share.c - a number for each process, in memory that all see.
 */
#include "lib/procs/share.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { ABSENT = 0 }; /* else one more than there are connections */

struct wp_share {
	_Atomic uint32_t rows[WP_SHARE_ROWS];
	_Atomic uint32_t waiting[WP_SHARE_ROWS];
	_Atomic uint32_t beats[WP_SHARE_ROWS];
	_Atomic bool is_handed_on;
};

enum wp_err wp_share_new(struct wp_share **out, struct wp_error *err)
{
	void *map = mmap(NULL, sizeof(struct wp_share), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return wp_error_sys(err, "memory for the processes");
	*out = map;
	return WP_OK;
}

void wp_share_free(struct wp_share **share)
{
	if (*share != NULL)
		munmap(*share, sizeof(**share));
	*share = NULL;
}

static void store(const struct wp_seat *seat, uint32_t value)
{
	assert(seat->row < WP_SHARE_ROWS);
	atomic_store_explicit(&seat->share->rows[seat->row], value,
			      memory_order_relaxed);
}

void wp_share_set(const struct wp_seat *seat, size_t n)
{
	store(seat, (uint32_t)n + 1);
}

void wp_share_set_waiting(const struct wp_seat *seat, size_t n)
{
	atomic_store_explicit(&seat->share->waiting[seat->row], (uint32_t)n,
			      memory_order_relaxed);
}

void wp_share_leave(const struct wp_seat *seat)
{
	store(seat, ABSENT);
	wp_share_set_waiting(seat, 0);
}

static uint32_t load(const struct wp_share *share, size_t row)
{
	return atomic_load_explicit(&share->rows[row], memory_order_relaxed);
}

bool wp_share_is_ahead(const struct wp_seat *seat, size_t slack)
{
	uint32_t mine = load(seat->share, seat->row);

	for (size_t i = 0; i < WP_SHARE_ROWS; i++) {
		uint32_t other = load(seat->share, i);

		if (i != seat->row && other != ABSENT && mine > other + slack)
			return true;
	}
	return false;
}

/* Who reads it was sent a signal since. */
void wp_share_hand_on(struct wp_share *share)
{
	atomic_store(&share->is_handed_on, true);
}

bool wp_share_is_handed_on(const struct wp_share *share)
{
	return atomic_load(&share->is_handed_on);
}

void wp_share_beat(const struct wp_seat *seat)
{
	assert(seat->row < WP_SHARE_ROWS);
	atomic_fetch_add_explicit(&seat->share->beats[seat->row], 1,
				  memory_order_relaxed);
}

uint32_t wp_share_beats(const struct wp_share *share, size_t row)
{
	return atomic_load_explicit(&share->beats[row], memory_order_relaxed);
}

struct wp_share_sum wp_share_sum(const struct wp_share *share)
{
	struct wp_share_sum sum = { 0 };

	for (size_t i = 0; i < WP_SHARE_ROWS; i++) {
		uint32_t row = load(share, i);

		sum.kept += row == ABSENT ? 0 : row - 1;
		sum.waiting += atomic_load_explicit(&share->waiting[i],
						    memory_order_relaxed);
	}
	return sum;
}
