/*
 * hub.c - slots by number, users by URN.
 *
 * Knows pointers and texts. Knows nothing about sockets, frames or Redis.
 * Buckets are chained and seeded: names are chosen by strangers.
 */
#include "lib/live/hub.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"

enum {
	SLOT_BITS = 24, /* of a number; the rest is a serial */
	FIRST_SLOTS = 64,
	FIRST_BUCKETS = 64, /* a power of two, as all its successors */
};

struct wp_hub {
	struct wp_member **slots;
	uint32_t *vacant; /* stack of empty slots */
	size_t n_vacant;
	size_t n_slots;
	size_t n_members;
	uint64_t serial;

	struct wp_user **buckets;
	size_t n_buckets;
	size_t n_users;
	uint64_t seed;
	uint32_t partitions;
};

struct wp_hub *wp_hub_new(uint32_t partitions)
{
	struct wp_hub *hub = calloc(1, sizeof(*hub));

	assert(partitions > 0);
	if (hub == NULL)
		return NULL;
	hub->buckets = calloc(FIRST_BUCKETS, sizeof(struct wp_user *));
	if (hub->buckets == NULL) {
		free(hub);
		return NULL;
	}
	hub->n_buckets = FIRST_BUCKETS;
	hub->partitions = partitions;
	wp_random_bytes(&hub->seed, sizeof(hub->seed));
	return hub;
}

void wp_hub_free(struct wp_hub **hub)
{
	struct wp_hub *h = *hub;

	*hub = NULL;
	if (h == NULL)
		return;
	assert(h->n_members == 0 && h->n_users == 0);
	free(h->slots);
	free(h->vacant);
	free(h->buckets);
	free(h);
}

static enum wp_err grow_slots(struct wp_hub *hub)
{
	size_t n = hub->n_slots == 0 ? FIRST_SLOTS
				     : hub->n_slots + hub->n_slots / 2;
	struct wp_member **slots;
	uint32_t *vacant;

	if (n > (size_t)1 << SLOT_BITS)
		return WP_ERR_FULL;
	slots = realloc(hub->slots, n * sizeof(struct wp_member *));
	if (slots == NULL)
		return WP_ERR_NOMEM;
	hub->slots = slots;
	vacant = realloc(hub->vacant, n * sizeof(*vacant));
	if (vacant == NULL)
		return WP_ERR_NOMEM;
	hub->vacant = vacant;
	/* Highest first, so that low slots are handed out first. */
	for (size_t i = n; i > hub->n_slots; i--) {
		slots[i - 1] = NULL;
		vacant[hub->n_vacant++] = (uint32_t)(i - 1);
	}
	hub->n_slots = n;
	return WP_OK;
}

enum wp_err wp_hub_add(struct wp_hub *hub, struct wp_member *member)
{
	uint32_t slot;

	if (hub->n_vacant == 0) {
		enum wp_err rc = grow_slots(hub);

		if (rc != WP_OK)
			return rc;
	}
	slot = hub->vacant[--hub->n_vacant];
	hub->slots[slot] = member;
	hub->n_members++;
	member->number = ++hub->serial << SLOT_BITS | slot;
	return WP_OK;
}

void wp_hub_remove(struct wp_hub *hub, struct wp_member *member)
{
	uint32_t slot;

	wp_hub_leave(hub, member);
	if (member->number == 0)
		return;
	slot = (uint32_t)(member->number & ((1U << SLOT_BITS) - 1));
	assert(hub->slots[slot] == member);
	hub->slots[slot] = NULL;
	hub->vacant[hub->n_vacant++] = slot;
	hub->n_members--;
	member->number = 0;
}

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

static struct wp_user *find_user(const struct wp_hub *hub, uint32_t hash,
				 const char *text, size_t len)
{
	struct wp_user *user = hub->buckets[hash & (hub->n_buckets - 1)];

	while (user != NULL && (user->hash != hash || user->len != len ||
				memcmp(user->text, text, len) != 0))
		user = user->next;
	return user;
}

/* Without memory the chains just get longer. */
static void grow_buckets(struct wp_hub *hub)
{
	size_t n = hub->n_buckets * 2;
	struct wp_user **buckets = calloc(n, sizeof(struct wp_user *));

	if (buckets == NULL)
		return;
	for (size_t i = 0; i < hub->n_buckets; i++) {
		struct wp_user *user = hub->buckets[i];

		while (user != NULL) {
			struct wp_user *next = user->next;

			user->next = buckets[user->hash & (n - 1)];
			buckets[user->hash & (n - 1)] = user;
			user = next;
		}
	}
	free(hub->buckets);
	hub->buckets = buckets;
	hub->n_buckets = n;
}

static struct wp_user *new_user(struct wp_hub *hub, uint32_t hash,
				const struct wp_urn *urn)
{
	struct wp_user *user = calloc(1, sizeof(*user) + urn->len + 1U);
	struct wp_box box;
	size_t bucket;

	if (user == NULL)
		return NULL;
	if (hub->n_users >= hub->n_buckets)
		grow_buckets(hub);
	user->hash = hash;
	wp_box_of(&box, urn, hub->partitions);
	user->partition = box.partition;
	user->len = urn->len;
	memcpy(user->text, urn->text, urn->len);
	bucket = hash & (hub->n_buckets - 1);
	user->next = hub->buckets[bucket];
	hub->buckets[bucket] = user;
	hub->n_users++;
	return user;
}

static void drop_user_if_unused(struct wp_hub *hub, struct wp_user *user)
{
	struct wp_user **link;

	if (user->n_members > 0 || user->pins > 0)
		return;
	link = &hub->buckets[user->hash & (hub->n_buckets - 1)];
	while (*link != user)
		link = &(*link)->next;
	*link = user->next;
	hub->n_users--;
	free(user);
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
	user->n_members++;
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
	user->n_members--;
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

	/* A pinned user without connections is a memory, not a user. */
	return user != NULL && user->n_members > 0 ? user : NULL;
}

size_t wp_hub_slots(const struct wp_hub *hub)
{
	return hub->n_slots;
}

struct wp_member *wp_hub_at(const struct wp_hub *hub, size_t slot)
{
	return slot < hub->n_slots ? hub->slots[slot] : NULL;
}

void wp_hub_pin(struct wp_user *user)
{
	assert(user->pins < UINT8_MAX);
	user->pins++;
}

void wp_hub_unpin(struct wp_hub *hub, struct wp_user *user)
{
	assert(user->pins > 0);
	user->pins--;
	drop_user_if_unused(hub, user);
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
