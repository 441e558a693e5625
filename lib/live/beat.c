/*
 * beat.c - counting beats, answers and nonces.
 */
#include "lib/live/beat.h"

enum { MISSED = 2, MISSED_BUSY = 10 };

void wp_beat_renew(struct wp_beat *beat)
{
	beat->now += MISSED;
	beat->answered = beat->now;
	beat->heard = beat->now;
	beat->active = beat->now;
}

static bool is_deaf(struct wp_beat *beat, uint64_t received)
{
	uint32_t missed = beat->now - beat->heard;

	if (received != beat->received) {
		beat->received = received;
		beat->active = beat->now;
	}
	return missed >= MISSED_BUSY ||
	       (missed >= MISSED && beat->now - beat->active >= MISSED);
}

enum wp_beat_verdict wp_beat_next(struct wp_beat *beat, bool is_waiting,
				  uint64_t received)
{
	if (is_waiting && beat->now - beat->answered >= MISSED)
		return WP_BEAT_UNANSWERED;
	if (is_deaf(beat, received))
		return WP_BEAT_DEAF;
	beat->now++;
	return WP_BEAT_GO;
}

void wp_beat_hear(struct wp_beat *beat, uint32_t nonce)
{
	if (nonce > beat->heard && nonce <= beat->now)
		beat->heard = nonce;
}

void wp_beat_note_poke(const struct wp_beat *beat, struct wp_beat_mark *mark)
{
	mark->poked = beat->now;
}

bool wp_beat_hold(struct wp_beat_mark *mark, uint32_t of)
{
	if (mark->poked + 1 < of)
		return false;
	mark->held = of;
	return true;
}

bool wp_beat_release(const struct wp_beat *beat, struct wp_beat_mark *mark)
{
	if (mark->held != beat->now)
		return false;
	mark->held = 0;
	return true;
}
