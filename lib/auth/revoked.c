/*
 * revoked.c - entries in the order in which they came, and chains through them
 * by their hashes.
 *
 * Chains are found by the first bytes of the hash, of which a connection keeps
 * a few. Pages that no entry came to take no memory.
 */
#include "lib/auth/revoked.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/digest.h"

enum kind { USER, SUBJECT, SESSION, BARE, KINDS };

enum {
	HASH_BYTES = WP_REVOKED_KEY_BYTES - 1,
	BUCKETS = WP_REVOKED_MAX,
	/* What goes at once when there is no room: the next ones have some. */
	ROOM = WP_REVOKED_MAX / 16,
};

/* The first byte of a key: part of the format of the stream. */
static const uint8_t letters[KINDS] = {
	[USER] = 'u',
	[SUBJECT] = 's',
	[SESSION] = 'i',
	[BARE] = 'b',
};

struct entry {
	uint8_t key[WP_REVOKED_KEY_BYTES];
	int64_t at_s;
	int64_t forget_s;
};

_Static_assert(sizeof(struct entry) == 32, "two to a line of the cache");

struct wp_revoked {
	size_t n;
	size_t n_of[KINDS];
	uint64_t n_evicted;
	/* Of those that had to go, by kind: the last of them, and how long it
	 * counts. */
	struct {
		int64_t at_s;
		int64_t forget_s;
	} gone[KINDS];
	struct entry entries[WP_REVOKED_MAX];
	/* One more than the number of an entry; 0 ends a chain. */
	uint32_t next[WP_REVOKED_MAX];
	uint32_t buckets[BUCKETS];
};

/* ---- keys ---- */

static void make_key(struct wp_revoked_key *out, enum kind kind,
		     const uint8_t *hash)
{
	out->bytes[0] = letters[kind];
	memcpy(out->bytes + 1, hash, HASH_BYTES);
}

void wp_revoked_key_user(struct wp_revoked_key *out, const struct wp_urn *user)
{
	uint8_t hash[WP_SHA256_LEN];

	wp_sha256(user->text, user->len, hash);
	make_key(out, USER, hash);
}

void wp_revoked_key_subject(struct wp_revoked_key *out,
			    const uint8_t hash[WP_NAME_HASH_LEN])
{
	make_key(out, SUBJECT, hash);
}

void wp_revoked_key_session(struct wp_revoked_key *out,
			    const uint8_t hash[WP_NAME_HASH_LEN])
{
	make_key(out, SESSION, hash);
}

void wp_revoked_key_bare(struct wp_revoked_key *out,
			 const uint8_t hash[WP_NAME_HASH_LEN])
{
	make_key(out, BARE, hash);
}

/* KINDS for none that is known. */
static enum kind kind_of(const uint8_t *key)
{
	int kind = 0;

	while (kind < KINDS && key[0] != letters[kind])
		kind++;
	return (enum kind)kind;
}

int64_t wp_revoked_key_until(const struct wp_revoked_key *key, int64_t at_s)
{
	return kind_of(key->bytes) == SESSION ? INT64_MAX : at_s;
}

bool wp_revoked_key_is_sound(const struct wp_revoked_key *key)
{
	return kind_of(key->bytes) != KINDS;
}

/* In which bucket a hash is, by its first bytes. */
static size_t place_of(const uint8_t *hash)
{
	uint32_t head;

	memcpy(&head, hash, sizeof(head));
	return head % BUCKETS;
}

/* ---- the table ---- */

enum wp_err wp_revoked_new(struct wp_revoked **out, struct wp_error *err)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	return WP_OK;
}

void wp_revoked_free(struct wp_revoked **revoked)
{
	free(*revoked);
	*revoked = NULL;
}

size_t wp_revoked_count(const struct wp_revoked *revoked)
{
	return revoked->n;
}

uint64_t wp_revoked_evicted(const struct wp_revoked *revoked)
{
	return revoked->n_evicted;
}

static uint32_t *bucket_of(struct wp_revoked *revoked, const uint8_t *key)
{
	return &revoked->buckets[place_of(key + 1)];
}

/* Entry n is filled in, and none of the others has its key. */
static void link_last(struct wp_revoked *revoked)
{
	struct entry *entry = &revoked->entries[revoked->n];
	uint32_t *bucket = bucket_of(revoked, entry->key);

	revoked->next[revoked->n] = *bucket;
	revoked->n_of[kind_of(entry->key)]++;
	*bucket = (uint32_t)++revoked->n;
}

static struct entry *find(struct wp_revoked *revoked, const uint8_t *key)
{
	for (uint32_t i = *bucket_of(revoked, key); i != 0;
	     i = revoked->next[i - 1]) {
		struct entry *entry = &revoked->entries[i - 1];

		if (memcmp(entry->key, key, sizeof(entry->key)) == 0)
			return entry;
	}
	return NULL;
}

size_t wp_revoked_alive(const struct wp_revoked *revoked, int64_t now_s)
{
	size_t n = 0;

	for (size_t i = 0; i < revoked->n; i++)
		n += revoked->entries[i].forget_s > now_s;
	return n;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void let_go(struct wp_revoked *revoked, const struct entry *entry)
{
	enum kind kind = kind_of(entry->key);

	revoked->gone[kind].at_s = later(revoked->gone[kind].at_s, entry->at_s);
	revoked->gone[kind].forget_s =
		later(revoked->gone[kind].forget_s, entry->forget_s);
}

static void make_room(struct wp_revoked *revoked, int64_t now_s)
{
	size_t alive = wp_revoked_alive(revoked, now_s);
	size_t must_go = alive > WP_REVOKED_MAX - ROOM ? ROOM : 0;
	size_t n = revoked->n;

	revoked->n = 0;
	memset(revoked->n_of, 0, sizeof(revoked->n_of));
	memset(revoked->buckets, 0, sizeof(revoked->buckets));
	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = &revoked->entries[i];

		if (entry->forget_s <= now_s || must_go > 0) {
			let_go(revoked, entry);
			must_go -= entry->forget_s > now_s;
			revoked->n_evicted += entry->forget_s > now_s;
			continue;
		}
		revoked->entries[revoked->n] = *entry;
		link_last(revoked);
	}
}

void wp_revoked_add(struct wp_revoked *revoked,
		    const struct wp_revocation *revocation, int64_t now_s)
{
	const uint8_t *key = revocation->key.bytes;
	struct entry *entry;

	if (!wp_revoked_key_is_sound(&revocation->key))
		return;
	entry = find(revoked, key);
	if (entry != NULL) {
		entry->at_s = later(entry->at_s, revocation->at_s);
		entry->forget_s = later(entry->forget_s, revocation->forget_s);
		return;
	}
	if (revoked->n == WP_REVOKED_MAX)
		make_room(revoked, now_s);
	entry = &revoked->entries[revoked->n];
	memcpy(entry->key, key, sizeof(entry->key));
	entry->at_s = revocation->at_s;
	entry->forget_s = revocation->forget_s;
	link_last(revoked);
}

/* ---- judging ---- */

/* What is asked about: hash_len bytes, of a mark or of all. */
struct question {
	enum kind kind;
	const uint8_t *hash;
	size_t hash_len;
	int64_t issued_s;
	int64_t now_s;
};

/* A session has ended for good, and so by any clock. */
static bool holds(const struct entry *entry, const struct question *q)
{
	return entry->key[0] == letters[q->kind] &&
	       memcmp(entry->key + 1, q->hash, q->hash_len) == 0 &&
	       (q->kind == SESSION ||
		(q->now_s < entry->forget_s && q->issued_s <= entry->at_s));
}

/* Was it issued before something of this kind that had to go? */
static bool is_before_gone(const struct wp_revoked *revoked,
			   const struct question *q)
{
	return q->now_s < revoked->gone[q->kind].forget_s &&
	       q->issued_s <= revoked->gone[q->kind].at_s;
}

static bool is_dead(const struct wp_revoked *revoked, const struct question *q)
{
	uint32_t i;

	if (is_before_gone(revoked, q))
		return true;
	for (i = revoked->buckets[place_of(q->hash)]; i != 0;
	     i = revoked->next[i - 1])
		if (holds(&revoked->entries[i - 1], q))
			return true;
	return false;
}

/* Is there anything of this kind, or has something had to go? */
static bool has_kind(const struct wp_revoked *revoked, enum kind kind)
{
	return revoked->n_of[kind] > 0 || revoked->gone[kind].forget_s > 0;
}

static bool is_zero(const uint8_t hash[WP_NAME_HASH_LEN])
{
	static const uint8_t none[WP_NAME_HASH_LEN];

	return memcmp(hash, none, sizeof(none)) == 0;
}

bool wp_revoked_has(const struct wp_revoked *revoked,
		    const struct wp_identity *who, int64_t now_s)
{
	struct question q = { .hash_len = HASH_BYTES,
			      .issued_s = who->issued_s,
			      .now_s = now_s };
	struct wp_revoked_key key;

	/* Hashes cost more than all the rest. */
	if (has_kind(revoked, USER)) {
		wp_revoked_key_user(&key, &who->user);
		q.kind = USER;
		q.hash = key.bytes + 1;
		if (is_dead(revoked, &q))
			return true;
	}
	if (has_kind(revoked, SUBJECT) && !is_zero(who->subject)) {
		q.kind = SUBJECT;
		q.hash = who->subject;
		if (is_dead(revoked, &q))
			return true;
	}
	if (has_kind(revoked, SESSION) && !is_zero(who->session)) {
		q.kind = SESSION;
		q.hash = who->session;
		if (is_dead(revoked, &q))
			return true;
	}
	if (has_kind(revoked, BARE) && !is_zero(who->subject) &&
	    is_zero(who->session)) {
		q.kind = BARE;
		q.hash = who->subject;
		if (is_dead(revoked, &q))
			return true;
	}
	return false;
}

void wp_revoked_mark(struct wp_revoked_marks *out,
		     const struct wp_identity *who)
{
	struct wp_revoked_key key;

	wp_revoked_key_user(&key, &who->user);
	memcpy(out->user, key.bytes + 1, sizeof(out->user));
	memcpy(out->subject, who->subject, sizeof(out->subject));
	memcpy(out->session, who->session, sizeof(out->session));
	out->issued_s = who->issued_s < 0            ? 0
			: who->issued_s > UINT32_MAX ? UINT32_MAX
						     : (uint32_t)who->issued_s;
}

bool wp_revoked_is_same_subject(const struct wp_revoked_marks *a,
				const struct wp_revoked_marks *b)
{
	return memcmp(a->subject, b->subject, sizeof(a->subject)) == 0;
}

static bool is_none(const uint8_t mark[WP_REVOKED_MARK_BYTES])
{
	static const uint8_t none[WP_REVOKED_MARK_BYTES];

	return memcmp(mark, none, sizeof(none)) == 0;
}

bool wp_revoked_has_marks(const struct wp_revoked *revoked,
			  const struct wp_revoked_marks *marks, int64_t now_s)
{
	const uint8_t *heads[KINDS] = {
		[USER] = marks->user,
		[SUBJECT] = marks->subject,
		[SESSION] = marks->session,
	};
	struct question q = { .hash_len = WP_REVOKED_MARK_BYTES,
			      .issued_s = marks->issued_s,
			      .now_s = now_s };

	if (is_none(marks->session))
		heads[BARE] = marks->subject;
	for (int kind = 0; kind < KINDS; kind++) {
		q.kind = (enum kind)kind;
		q.hash = heads[kind];
		if (q.hash != NULL && !is_none(q.hash) &&
		    has_kind(revoked, q.kind) && is_dead(revoked, &q))
			return true;
	}
	return false;
}
