/*
 * room.c - a counter, and a ring of guests. Nobody is seated while a place is
 * free, so whoever leaves a place is the one to look at the seats.
 */
#include "handlers/room.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

struct wp_room {
	pthread_mutex_t lock;
	pthread_cond_t has_place;
	size_t free_places;
	void **ring; /* owned */
	size_t seats;
	size_t first;
	size_t n;
};

struct wp_room *wp_room_new(size_t places, size_t seats)
{
	struct wp_room *room = calloc(1, sizeof(*room));
	pthread_condattr_t attr;

	if (room == NULL)
		return NULL;
	room->ring = calloc(seats + 1, sizeof(*room->ring));
	if (room->ring == NULL) {
		free(room);
		return NULL;
	}
	room->free_places = places;
	room->seats = seats;
	/* None of these fails on Linux with arguments like these. */
	(void)pthread_mutex_init(&room->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&room->has_place, &attr);
	(void)pthread_condattr_destroy(&attr);
	return room;
}

void wp_room_free(struct wp_room **room)
{
	if (room == NULL || *room == NULL)
		return;
	assert((*room)->n == 0);
	(void)pthread_cond_destroy(&(*room)->has_place);
	(void)pthread_mutex_destroy(&(*room)->lock);
	free((*room)->ring);
	free(*room);
	*room = NULL;
}

enum wp_room_way wp_room_enter(struct wp_room *room, void *guest)
{
	enum wp_room_way way = WP_ROOM_FULL;

	pthread_mutex_lock(&room->lock);
	if (room->free_places > 0) {
		room->free_places--;
		way = WP_ROOM_WORK;
	} else if (room->n < room->seats) {
		room->ring[(room->first + room->n++) % room->seats] = guest;
		way = WP_ROOM_WAIT;
	}
	pthread_mutex_unlock(&room->lock);
	return way;
}

void *wp_room_leave(struct wp_room *room)
{
	void *guest = NULL;

	pthread_mutex_lock(&room->lock);
	if (room->n > 0) {
		guest = room->ring[room->first];
		room->first = (room->first + 1) % room->seats;
		room->n--;
	} else {
		room->free_places++;
		pthread_cond_signal(&room->has_place);
	}
	pthread_mutex_unlock(&room->lock);
	return guest;
}

bool wp_room_await_place(struct wp_room *room, unsigned int ms)
{
	struct timespec end;
	bool is_free;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)(ms / MS_PER_S);
	end.tv_nsec += (long)(ms % MS_PER_S) * NS_PER_MS;
	if (end.tv_nsec >= NS_PER_S) {
		end.tv_sec++;
		end.tv_nsec -= NS_PER_S;
	}
	pthread_mutex_lock(&room->lock);
	while (room->free_places == 0 && rc == 0)
		rc = pthread_cond_timedwait(&room->has_place, &room->lock,
					    &end);
	is_free = room->free_places > 0;
	pthread_mutex_unlock(&room->lock);
	return is_free;
}
