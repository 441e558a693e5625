/*
 * room.h - places for requests that are worked on, and seats for those that
 * wait for a place.
 *
 * Work waits for Redis and for disks. Who has no place is read and seated all
 * the same, so that what needs no work (is the process alive?) is never behind
 * those who wait.
 *
 * Threads: any.
 */
#ifndef WP_HANDLERS_ROOM_H
#define WP_HANDLERS_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

struct wp_room;

/*
 * NULL when out of memory.
 *
 * Ownership:  the caller's; end with wp_room_free(), when nobody is seated
 */
struct wp_room *wp_room_new(size_t places, size_t seats) WP_MUST_USE;
void wp_room_free(struct wp_room **room);

enum wp_room_way {
	WP_ROOM_WORK, /* a place is the caller's: work, then wp_room_leave() */
	WP_ROOM_WAIT, /* guest has a seat; it is not the caller's any more */
	WP_ROOM_FULL, /* neither */
};

enum wp_room_way wp_room_enter(struct wp_room *room, void *guest);

/*
 * Work is done. Returns the guest who has waited longest, to be worked on by
 * the caller in the same place; NULL when nobody waits, and the place is free.
 */
void *wp_room_leave(struct wp_room *room);

/* Is a place free, now or within so many milliseconds? */
bool wp_room_await_place(struct wp_room *room, unsigned int ms);

#endif /* WP_HANDLERS_ROOM_H */
