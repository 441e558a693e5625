/*
 * beat.h - what heartbeats prove: that Redis answers, and that we hear it.
 *
 * Each beat sends one script per joined partition and then a nonce to our own
 * channel. The scripts hand over who was to be poked since the beat before.
 * Pub/Sub has usually told us of them already: Redis delivers one channel in
 * order, so when the nonce comes back nothing before it was lost and a second
 * poke would only cost another pull. If the nonce stays away, everybody held
 * back is poked; if it stays away for two beats, the subscription is taken for
 * dead.
 *
 * Numbers only: whoever owns the clock and the connections says what happened.
 */
#ifndef WP_LIB_LIVE_BEAT_H
#define WP_LIB_LIVE_BEAT_H

#include <stdbool.h>
#include <stdint.h>

/* Begins all zero. */
struct wp_beat {
	uint32_t now;      /* beats begun; goes on over incarnations */
	uint32_t answered; /* the last one that Redis answered */
	uint32_t heard;    /* the last whose nonce came back */
	uint32_t active;   /* the last before which anything at all was heard */
	uint64_t received; /* messages by then */
};

/* What is remembered of each user. Begins all zero. */
struct wp_beat_mark {
	uint32_t poked; /* beat before the last poke over Pub/Sub */
	uint32_t held;  /* beat whose poke is held back; 0 for none */
};

/* A new incarnation: what was heard under another one proves nothing. */
void wp_beat_renew(struct wp_beat *beat);

enum wp_beat_verdict {
	WP_BEAT_GO,
	WP_BEAT_UNANSWERED, /* Redis has not answered for too long */
	/* No nonce for two beats on a silent subscription: nobody is there.
	 * While other messages flow it may just be behind them, and a reset
	 * would lose them all; then it has ten. */
	WP_BEAT_DEAF,
};
/*
 * It is time for the next beat; with WP_BEAT_GO it has begun, and is `now`.
 *
 * is_waiting:  is a beat sent that is not answered?
 * received:    messages heard so far
 */
enum wp_beat_verdict wp_beat_next(struct wp_beat *beat, bool is_waiting,
				  uint64_t received);

/* A nonce came back; what is none of ours, or old, is none. */
void wp_beat_hear(struct wp_beat *beat, uint32_t nonce);

/* Pub/Sub has poked this user. */
void wp_beat_note_poke(const struct wp_beat *beat, struct wp_beat_mark *mark);
/*
 * The answer to beat `of` says that this user is to be poked. False: at once.
 * True: Pub/Sub did, if the nonce of that beat comes back; it is held back.
 */
bool wp_beat_hold(struct wp_beat_mark *mark, uint32_t of);
/* The nonce is late: is a poke of this beat held back? Not any more. */
bool wp_beat_release(const struct wp_beat *beat, struct wp_beat_mark *mark);

#endif /* WP_LIB_LIVE_BEAT_H */
