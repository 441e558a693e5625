/*
 * hash_gate.h - how many passwords are hashed at once on this host, and how
 * many wait for their turn: a flood of logins costs that much and no more.
 *
 * Each byte of one file is a place that is taken by locking it: the first ones
 * are the slots, of which a hash holds one, those behind them the seats, of
 * which who waits for a slot holds one. All processes of a host share them, and
 * the kernel frees them when one dies, however it does.
 *
 * A lock belongs to an open file (F_OFD_SETLK, fcntl(2)): a gate has one, so it
 * knows by itself which places it holds, and the kernel which others do. Open
 * it behind the last fork(): the child of a process that dies would hold what
 * that one held.
 *
 * Nothing here waits. A gate is used by one thread, as a rule an event loop,
 * which looks again a little later when there was no slot.
 */
#ifndef WP_LIB_ACCOUNTS_HASH_GATE_H
#define WP_LIB_ACCOUNTS_HASH_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum {
	WP_HASH_SLOTS_MAX = 16,
	WP_HASH_SEATS_MAX = 2 * WP_HASH_SLOTS_MAX + 2,
};

/* The caller's, zeroed. */
struct wp_hash_gate {
	int fd; /* owned */
	size_t n_slots;
	size_t n_seats;
	bool has_slot[WP_HASH_SLOTS_MAX]; /* held by this gate */
	bool has_seat[WP_HASH_SEATS_MAX];
};

/* How many slots there are where nobody says: half of the cores, 1 to 4. */
size_t wp_hash_slots_default(void);

/* So many hashes at once, on what machine. */
struct wp_hash_load {
	size_t slots;
	int64_t memory_kib; /* of one hash */
	size_t cores;
	int64_t machine_kib;
};
/*
 * What is there of them here: slots as wp_hash_gate_open() gets them, 0 for
 * wp_hash_slots_default().
 */
void wp_hash_load_here(struct wp_hash_load *out, size_t slots,
		       int64_t memory_kib);
/* What a machine suffers from when all slots are in use; NULL: nothing. */
const char *wp_hash_load_problem(const struct wp_hash_load *load);

/*
 * Open the gate beside a file of accounts, <accounts_path>-hash.lock, and make
 * it (0600) if it is missing. Those who use more slots than others let more in.
 *
 * slots:      1 to WP_HASH_SLOTS_MAX; there are 2 * slots + 2 seats
 * Ownership:  end with wp_hash_gate_close()
 * Errors:     WP_ERR_SYS
 */
enum wp_err wp_hash_gate_open(struct wp_hash_gate *gate,
			      const char *accounts_path, size_t slots,
			      struct wp_error *err) WP_MUST_USE;
/* Gives everything back. Nothing when it is not open. */
void wp_hash_gate_close(struct wp_hash_gate *gate);

/*
 * Take a seat, or a slot.
 *
 * *place_out:  to give it back
 * Errors:      WP_ERR_FULL  all are taken; an answer, not a failure
 *              WP_ERR_SYS   the file system has no locks
 */
enum wp_err wp_hash_gate_sit(struct wp_hash_gate *gate, size_t *place_out,
			     struct wp_error *err) WP_MUST_USE;
enum wp_err wp_hash_gate_enter(struct wp_hash_gate *gate, size_t *place_out,
			       struct wp_error *err) WP_MUST_USE;

/* Give a seat, or a slot, back. */
void wp_hash_gate_stand(struct wp_hash_gate *gate, size_t place);
void wp_hash_gate_leave(struct wp_hash_gate *gate, size_t place);

#endif /* WP_LIB_ACCOUNTS_HASH_GATE_H */
