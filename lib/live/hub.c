/*
 * hub.c - slots by number, users by URN, and pokes: coalesced and spread.
 *
 * Knows pointers, texts and time. Knows nothing about sockets, frames or Redis:
 * what a poke looks like and whether one is waiting in a socket's queue already
 * is its callback's affair. Buckets are chained and seeded: names are chosen by
 * strangers.
 */
#include "lib/live/hub.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/random.h"
#include "lib/base/slab.h"
#include "lib/base/table.h"

enum {
	SLOT_BITS = 24, /* of a number; the rest is a serial */
	FIRST_CAP = 64,
	USERS_PER_BUCKET = 2, /* before there are twice as many */
	COOLING_MS = 3,
	SPREAD_TICK_MS = 100,
	SPREAD_TICKS = 50, /* five seconds */
	SPREAD_LEAST = 50, /* per tick: a few users need not wait */
	/* Users are of as many sizes as names are, by steps of bytes. */
	STEP = 8,
	USER_SIZE_MAX = sizeof(struct wp_user) + WP_URN_MAX + 1,
	USER_SIZES = USER_SIZE_MAX / STEP + 1,
};

union slot {
	struct wp_member *member;
	uintptr_t vacant; /* odd, so no pointer: twice the next vacant one */
};

struct wp_hub {
	struct wp_table slots;
	size_t vacant; /* the first of them; slots.n: there is none */
	size_t n_members;
	uint64_t serial;

	struct wp_slab user_slabs[USER_SIZES]; /* by size */
	struct wp_table buckets;
	size_t n_buckets; /* in use, a power of two */
	size_t n_users;
	uint64_t seed;
	uint32_t partitions;

	struct ev_loop *loop;
	struct wp_live_counts counts;
	wp_member_fn fn;
	void *ctx;

	ev_timer cooling_timer;
	struct wp_user **cooling; /* poked a moment ago */
	size_t n_cooling;
	size_t cap_cooling;

	ev_timer spread_timer;
	uint64_t *later; /* numbers of connections */
	size_t later_head;
	size_t n_later;
	size_t cap_later;
	size_t portion;
};

/* ---- connections ---- */

/* What an empty slot holds when this one is vacant as well. */
static uintptr_t before(size_t slot)
{
	return (uintptr_t)slot << 1 | 1;
}

static union slot *slot_at(const struct wp_hub *hub, size_t slot)
{
	return wp_table_at(&hub->slots, slot);
}

/* Only when none is vacant. */
static enum wp_err grow_slots(struct wp_hub *hub)
{
	size_t n = hub->slots.n;

	if (n >= (size_t)1 << SLOT_BITS)
		return WP_ERR_FULL;
	if (!wp_table_grow(&hub->slots, n + 1))
		return WP_ERR_NOMEM;
	for (size_t i = n; i < hub->slots.n; i++)
		slot_at(hub, i)->vacant = before(i + 1);
	return WP_OK;
}

enum wp_err wp_hub_add(struct wp_hub *hub, struct wp_member *member)
{
	size_t slot;

	if (hub->vacant == hub->slots.n) {
		enum wp_err rc = grow_slots(hub);

		if (rc != WP_OK)
			return rc;
	}
	slot = hub->vacant;
	hub->vacant = slot_at(hub, slot)->vacant >> 1;
	slot_at(hub, slot)->member = member;
	hub->n_members++;
	member->number = ++hub->serial << SLOT_BITS | slot;
	return WP_OK;
}

void wp_hub_remove(struct wp_hub *hub, struct wp_member *member)
{
	size_t slot;

	wp_hub_leave(hub, member);
	if (member->number == 0)
		return;
	slot = member->number & ((1U << SLOT_BITS) - 1);
	assert(slot_at(hub, slot)->member == member);
	slot_at(hub, slot)->vacant = before(hub->vacant);
	hub->vacant = slot;
	hub->n_members--;
	member->number = 0;
}

/* ---- users ---- */

/* FNV-1a from a random start, mixed so that low bits depend on all. */
static uint32_t hash_text(const struct wp_hub *hub, const char *text,
			  size_t len)
{
	uint64_t hash = hub->seed;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001B3);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xBF58476D1CE4E5B9);
	return (uint32_t)(hash >> 32);
}

static struct wp_user **bucket_of(const struct wp_hub *hub, uint32_t hash)
{
	return wp_table_at(&hub->buckets, hash & (hub->n_buckets - 1));
}

static struct wp_user *find_user(const struct wp_hub *hub, uint32_t hash,
				 const char *text, size_t len)
{
	struct wp_user *user = *bucket_of(hub, hash);

	while (user != NULL && (user->hash != hash || user->len != len ||
				memcmp(user->text, text, len) != 0))
		user = user->next;
	return user;
}

/* Without memory the chains just get longer. */
static void grow_buckets(struct wp_hub *hub)
{
	size_t n = hub->n_buckets;

	if (!wp_table_grow(&hub->buckets, 2 * n))
		return;
	hub->n_buckets = 2 * n;
	for (size_t i = 0; i < n; i++) {
		struct wp_user **first = wp_table_at(&hub->buckets, i);
		struct wp_user *user = *first;

		*first = NULL;
		while (user != NULL) {
			struct wp_user *next = user->next;
			struct wp_user **bucket = bucket_of(hub, user->hash);

			user->next = *bucket;
			*bucket = user;
			user = next;
		}
	}
}

/* For users whose names are so long. */
static struct wp_slab *slab_for(struct wp_hub *hub, uint8_t len)
{
	size_t size = offsetof(struct wp_user, text) + len + 1U;

	return &hub->user_slabs[(size - 1) / STEP];
}

static struct wp_user *new_user(struct wp_hub *hub, uint32_t hash,
				const struct wp_urn *urn)
{
	struct wp_user *user = wp_slab_alloc(slab_for(hub, urn->len));
	struct wp_box box;
	struct wp_user **bucket;

	if (user == NULL)
		return NULL;
	if (hub->n_users >= USERS_PER_BUCKET * hub->n_buckets)
		grow_buckets(hub);
	user->hash = hash;
	wp_box_of(&box, urn, hub->partitions);
	user->partition = (uint16_t)box.partition;
	user->len = urn->len;
	memcpy(user->text, urn->text, urn->len);
	bucket = bucket_of(hub, hash);
	user->next = *bucket;
	*bucket = user;
	hub->n_users++;
	return user;
}

static void drop_user_if_unused(struct wp_hub *hub, struct wp_user *user)
{
	struct wp_user **link;

	if (user->members != NULL || user->is_cooling)
		return;
	link = bucket_of(hub, user->hash);
	while (*link != user)
		link = &(*link)->next;
	*link = user->next;
	hub->n_users--;
	wp_slab_free(slab_for(hub, user->len), user);
}

enum wp_err wp_hub_join(struct wp_hub *hub, struct wp_member *member,
			const struct wp_urn *urn)
{
	uint32_t hash = hash_text(hub, urn->text, urn->len);
	struct wp_user *user = find_user(hub, hash, urn->text, urn->len);

	assert(member->user == NULL);
	if (user == NULL)
		user = new_user(hub, hash, urn);
	if (user == NULL)
		return WP_ERR_NOMEM;
	member->user = user;
	member->next = user->members;
	user->members = member;
	return WP_OK;
}

void wp_hub_leave(struct wp_hub *hub, struct wp_member *member)
{
	struct wp_user *user = member->user;
	struct wp_member **link;

	if (user == NULL)
		return;
	link = &user->members;
	while (*link != member)
		link = &(*link)->next;
	*link = member->next;
	member->next = NULL;
	member->user = NULL;
	drop_user_if_unused(hub, user);
}

struct wp_member *wp_hub_find(const struct wp_hub *hub, uint64_t number)
{
	size_t slot = number & ((1U << SLOT_BITS) - 1);
	struct wp_member *member = wp_hub_at(hub, slot);

	return member != NULL && member->number == number ? member : NULL;
}

struct wp_user *wp_hub_user(const struct wp_hub *hub, const char *text,
			    size_t len)
{
	struct wp_user *user =
		find_user(hub, hash_text(hub, text, len), text, len);

	/* One that only cools has no connections: a memory, not a user. */
	return user != NULL && user->members != NULL ? user : NULL;
}

void wp_hub_look_ahead(const struct wp_hub *hub,
		       const struct wp_hub_name *names, size_t n)
{
	struct wp_user **buckets[WP_HUB_NAMES_MAX];

	assert(n <= WP_HUB_NAMES_MAX);
	for (size_t i = 0; i < n; i++) {
		buckets[i] = bucket_of(
			hub, hash_text(hub, names[i].text, names[i].len));
		__builtin_prefetch(buckets[i]);
	}
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(*buckets[i]);
	for (size_t i = 0; i < n; i++) {
		const struct wp_user *user = *buckets[i];

		if (user == NULL || user->members == NULL)
			continue;
		/* And what their owner has behind it. */
		__builtin_prefetch(user->members);
		__builtin_prefetch(user->members + 1);
		__builtin_prefetch(user->members + 2);
	}
}

size_t wp_hub_slots(const struct wp_hub *hub)
{
	return hub->slots.n;
}

struct wp_member *wp_hub_at(const struct wp_hub *hub, size_t slot)
{
	if (slot >= hub->slots.n || (slot_at(hub, slot)->vacant & 1) != 0)
		return NULL;
	return slot_at(hub, slot)->member;
}

size_t wp_hub_members(const struct wp_hub *hub)
{
	return hub->n_members;
}

size_t wp_hub_users(const struct wp_hub *hub)
{
	return hub->n_users;
}

void wp_user_box(const struct wp_user *user, struct wp_box *out)
{
	out->partition = user->partition;
	out->len = user->len;
	memcpy(out->text, user->text, user->len + 1U);
}

/* ---- pokes ---- */

static void poke_members(struct wp_hub *hub, struct wp_user *user)
{
	struct wp_member *next;

	/* A connection that cannot take it may leave the list. */
	for (struct wp_member *m = user->members; m != NULL; m = next) {
		next = m->next;
		hub->fn(hub->ctx, m);
	}
}

static void cool_down(struct wp_hub *hub, struct wp_user *user)
{
	user->is_cooling = false;
	drop_user_if_unused(hub, user);
}

/* Who was poked again meanwhile gets one poke for all and stays in the list. */
static void on_cooled(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_hub *hub = timer->data;
	size_t kept = 0;

	(void)events;
	for (size_t i = 0; i < hub->n_cooling; i++) {
		struct wp_user *user = hub->cooling[i];

		if (user->is_owed) {
			user->is_owed = false;
			poke_members(hub, user);
			hub->cooling[kept++] = user;
		} else {
			cool_down(hub, user);
		}
	}
	hub->n_cooling = kept;
	if (kept == 0)
		ev_timer_stop(loop, timer);
}

static void on_spread(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_hub *hub = timer->data;
	size_t end = hub->later_head + hub->portion;

	(void)events;
	if (end > hub->n_later)
		end = hub->n_later;
	for (; hub->later_head < end; hub->later_head++) {
		struct wp_member *member =
			wp_hub_find(hub, hub->later[hub->later_head]);

		if (member != NULL && member->user != NULL)
			hub->fn(hub->ctx, member);
	}
	if (hub->later_head < hub->n_later)
		return;
	ev_timer_stop(loop, timer);
	free(hub->later);
	hub->later = NULL;
	hub->later_head = 0;
	hub->n_later = 0;
	hub->cap_later = 0;
}

/* False when there is no memory: then nothing is coalesced for this user. */
static bool begin_cooling(struct wp_hub *hub, struct wp_user *user)
{
	if (hub->n_cooling == hub->cap_cooling) {
		size_t cap = hub->cap_cooling == 0 ? FIRST_CAP
						   : hub->cap_cooling * 2;
		struct wp_user **list =
			realloc(hub->cooling, cap * sizeof(struct wp_user *));

		if (list == NULL)
			return false;
		hub->cooling = list;
		hub->cap_cooling = cap;
	}
	user->is_cooling = true;
	hub->cooling[hub->n_cooling++] = user;
	if (!ev_is_active(&hub->cooling_timer))
		ev_timer_again(hub->loop, &hub->cooling_timer);
	return true;
}

void wp_hub_poke(struct wp_hub *hub, struct wp_user *user)
{
	if (user->is_cooling) {
		if (user->is_owed)
			wp_metric_add(hub->counts.metrics,
				      hub->counts.coalesced, 1);
		user->is_owed = true;
		return;
	}
	(void)begin_cooling(hub, user); /* poked either way */
	poke_members(hub, user);
}

void wp_hub_poke_later(struct wp_hub *hub, const struct wp_member *member)
{
	if (hub->n_later == hub->cap_later) {
		size_t cap =
			hub->cap_later == 0 ? FIRST_CAP : hub->cap_later * 2;
		uint64_t *list = realloc(hub->later, cap * sizeof(*hub->later));

		if (list == NULL) {
			struct wp_member *now =
				wp_hub_find(hub, member->number);

			if (now != NULL)
				hub->fn(hub->ctx, now);
			return;
		}
		hub->later = list;
		hub->cap_later = cap;
	}
	hub->later[hub->n_later++] = member->number;
	hub->portion = hub->n_later / SPREAD_TICKS + 1;
	if (hub->portion < SPREAD_LEAST)
		hub->portion = SPREAD_LEAST;
	if (!ev_is_active(&hub->spread_timer)) {
		ev_timer_set(&hub->spread_timer, 0., SPREAD_TICK_MS / 1e3);
		ev_timer_start(hub->loop, &hub->spread_timer);
	}
}

/* ---- making ---- */

struct wp_hub *wp_hub_new(struct ev_loop *loop, uint32_t partitions,
			  const struct wp_live_counts *counts, wp_member_fn fn,
			  void *ctx)
{
	struct wp_hub *hub = calloc(1, sizeof(*hub));

	assert(partitions > 0 && partitions <= UINT16_MAX + 1);
	if (hub == NULL)
		return NULL;
	if (!wp_table_grow(&hub->buckets, WP_TABLE_PAGE)) {
		wp_table_release(&hub->buckets);
		free(hub);
		return NULL;
	}
	hub->n_buckets = hub->buckets.n;
	for (size_t i = 0; i < USER_SIZES; i++)
		wp_slab_init(&hub->user_slabs[i], (i + 1) * STEP);
	hub->partitions = partitions;
	wp_random_bytes(&hub->seed, sizeof(hub->seed));
	hub->loop = loop;
	hub->counts = *counts;
	hub->fn = fn;
	hub->ctx = ctx;
	ev_timer_init(&hub->cooling_timer, on_cooled, COOLING_MS / 1e3,
		      COOLING_MS / 1e3);
	hub->cooling_timer.data = hub;
	ev_timer_init(&hub->spread_timer, on_spread, 0., SPREAD_TICK_MS / 1e3);
	hub->spread_timer.data = hub;
	return hub;
}

void wp_hub_free(struct wp_hub **hub)
{
	struct wp_hub *h = *hub;

	*hub = NULL;
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n_cooling; i++)
		cool_down(h, h->cooling[i]);
	assert(h->n_members == 0 && h->n_users == 0);
	ev_timer_stop(h->loop, &h->cooling_timer);
	ev_timer_stop(h->loop, &h->spread_timer);
	for (size_t i = 0; i < USER_SIZES; i++)
		wp_slab_release(&h->user_slabs[i]);
	free(h->cooling);
	free(h->later);
	wp_table_release(&h->slots);
	wp_table_release(&h->buckets);
	free(h);
}
