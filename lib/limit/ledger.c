/*
 * ledger.c - a table of buckets: sets of four, of which the one that was used
 * least lately gives way.
 *
 * Entries are known by a keyed hash of 64 bits and by nothing else: two
 * callers of one hash would share a bucket, and nobody can look for such two.
 */
#include "lib/limit/ledger.h"

#include <stdlib.h>

#include "lib/base/random.h"
#include "lib/base/siphash.h"
#include "lib/limit/bucket.h"

enum {
	WAYS = 4,
	SETS = WP_LEDGER_ENTRIES / WAYS,
	WHO_MAX = 256, /* of which a key is made; a URN is shorter */
};

struct entry {
	uint64_t key;     /* 0: nobody */
	int64_t full_at;  /* when the bucket is full */
	int64_t since;    /* the first unit that is not paid */
	uint32_t unpaid;  /* units */
	uint32_t used_at; /* on a clock of uses, which may wrap */
};

_Static_assert(sizeof(struct entry) == 32, "an entry is of 32 bytes");

struct wp_ledger {
	struct wp_limit_rates rates;
	uint8_t secret[WP_SIPHASH_KEY_LEN];
	uint32_t uses;
	struct entry entries[WP_LEDGER_ENTRIES];
};

enum wp_err wp_ledger_new(struct wp_ledger **out,
			  const struct wp_limit_rates *rates,
			  struct wp_error *err)
{
	/* The system gives a page when it is written to. */
	struct wp_ledger *ledger = calloc(1, sizeof(*ledger));

	if (ledger == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	ledger->rates = *rates;
	wp_random_bytes(ledger->secret, sizeof(ledger->secret));
	*out = ledger;
	return WP_OK;
}

void wp_ledger_free(struct wp_ledger **ledger)
{
	free(*ledger);
	*ledger = NULL;
}

void wp_ledger_use(struct wp_ledger *ledger, const struct wp_limit_rates *rates)
{
	ledger->rates = *rates;
}

const struct wp_limit_rate *wp_ledger_rate(const struct wp_ledger *ledger,
					   enum wp_limit_class class)
{
	return &ledger->rates.of[class];
}

uint64_t wp_ledger_key(const struct wp_ledger *ledger,
		       enum wp_limit_class class, const void *who, size_t len)
{
	uint64_t key = wp_siphash(ledger->secret, who, len) +
		       /* odd, so each class has a hash of its own */
		       (uint64_t) class * 0x9e3779b97f4a7c15;

	return key == 0 ? 1 : key;
}

static struct entry *set_of(struct wp_ledger *ledger, uint64_t key)
{
	return &ledger->entries[key % SETS * WAYS];
}

static struct entry *find(struct wp_ledger *ledger, uint64_t key)
{
	struct entry *set = set_of(ledger, key);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

/* Its entry, or that of whoever gives way. */
static struct entry *enter(struct wp_ledger *ledger, uint64_t key)
{
	struct entry *entry = find(ledger, key);
	struct entry *set = set_of(ledger, key);

	ledger->uses++;
	if (entry == NULL) {
		entry = &set[0];
		for (size_t i = 1; i < WAYS && entry->key != 0; i++)
			if (set[i].key == 0 ||
			    ledger->uses - set[i].used_at >
				    ledger->uses - entry->used_at)
				entry = &set[i];
		*entry = (struct entry){ .key = key };
	}
	entry->used_at = ledger->uses;
	return entry;
}

static void describe(const struct wp_limit_rate *rate, int64_t ahead_ns,
		     struct wp_ledger_verdict *out)
{
	*out = (struct wp_ledger_verdict){
		.left = wp_bucket_left(rate, ahead_ns),
		.full_ns = ahead_ns,
	};
	out->is_refused = out->left == 0;
	if (out->is_refused)
		out->wait_ns = wp_bucket_wait(rate, ahead_ns);
}

void wp_ledger_look(struct wp_ledger *ledger, enum wp_limit_class class,
		    uint64_t key, int64_t now_ns, struct wp_ledger_verdict *out)
{
	const struct wp_limit_rate *rate = &ledger->rates.of[class];
	const struct entry *entry;

	*out = (struct wp_ledger_verdict){ 0 };
	if (rate->unit_ns == 0)
		return;
	entry = find(ledger, key);
	describe(rate,
		 entry == NULL ? 0 : wp_bucket_ahead(entry->full_at, now_ns),
		 out);
}

/* Sum up what is to be paid; what is due is out of the sum. */
static void sum_up(struct entry *entry, const struct wp_limit_rate *rate,
		   int64_t n, int64_t now_ns, struct wp_ledger_verdict *out)
{
	if (!rate->is_shared)
		return;
	if (entry->unpaid == 0 || entry->since < now_ns - rate->keep_ns) {
		entry->since = now_ns;
		entry->unpaid = 0;
	}
	entry->unpaid += (uint32_t)n;
	if (entry->unpaid < rate->credit)
		return;
	out->due = entry->unpaid;
	out->due_age_ns = now_ns - entry->since;
	entry->unpaid = 0;
}

void wp_ledger_owe(struct wp_ledger *ledger, enum wp_limit_class class,
		   uint64_t key, int64_t n, int64_t now_ns,
		   struct wp_ledger_verdict *out)
{
	const struct wp_limit_rate *rate = &ledger->rates.of[class];
	struct entry *entry;

	*out = (struct wp_ledger_verdict){ 0 };
	if (rate->unit_ns == 0)
		return;
	entry = enter(ledger, key);
	entry->full_at = wp_bucket_take(rate, entry->full_at, n, now_ns);
	describe(rate, entry->full_at - now_ns, out);
	out->is_refused = false;
	sum_up(entry, rate, n, now_ns, out);
}

void wp_ledger_take(struct wp_ledger *ledger, enum wp_limit_class class,
		    uint64_t key, int64_t n, int64_t now_ns,
		    struct wp_ledger_verdict *out)
{
	wp_ledger_look(ledger, class, key, now_ns, out);
	if (!out->is_refused)
		wp_ledger_owe(ledger, class, key, n, now_ns, out);
}

void wp_ledger_told(struct wp_ledger *ledger, enum wp_limit_class class,
		    uint64_t key, int64_t asked_ns, int64_t ahead_ns)
{
	const struct wp_limit_rate *rate = &ledger->rates.of[class];
	struct entry *entry = find(ledger, key);
	int64_t full_at;

	if (entry == NULL)
		return; /* it gave way; the next payment tells */
	full_at = asked_ns + ahead_ns + (int64_t)entry->unpaid * rate->unit_ns;
	if (entry->full_at < full_at)
		entry->full_at = full_at;
}
