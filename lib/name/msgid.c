/*
 * msgid.c - message ids and stream entry ids, to text and back.
 *
 * Knows the bits. Knows nothing about Redis: an id names a place, whether
 * anything is there or not.
 */
#include "lib/name/msgid.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/encode.h"

enum {
	MS_BITS = 48,
	SEQ_BITS = 40,
	SEQ_LOW_BITS = 28,
	VERSION = 7,
	VERSION_SHIFT = 12,
	MS_SHIFT = 16,
	VARIANT = 2, /* binary 10 */
	VARIANT_SHIFT = 62,
	SEQ_SHIFT = 34,
	PARTITION_SHIFT = 18,
	BAND_SHIFT = 17,
	ZERO_BITS = 17,
};

#define MASK(bits) ((UINT64_C(1) << (bits)) - 1)

static bool is_dash_at(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

void wp_msgid_format(const struct wp_msgid *id, char text[WP_MSGID_LEN + 1])
{
	uint64_t seq = id->entry.seq;
	uint64_t half[2];
	size_t i, digit = 0;

	assert(id->entry.ms <= MASK(MS_BITS) && seq <= MASK(SEQ_BITS));
	half[0] = id->entry.ms << MS_SHIFT |
		  (uint64_t)VERSION << VERSION_SHIFT | seq >> SEQ_LOW_BITS;
	half[1] = (uint64_t)VARIANT << VARIANT_SHIFT |
		  (seq & MASK(SEQ_LOW_BITS)) << SEQ_SHIFT |
		  (uint64_t)id->partition << PARTITION_SHIFT |
		  (uint64_t)(id->band != 0) << BAND_SHIFT;

	for (i = 0; i < WP_MSGID_LEN; i++) {
		if (is_dash_at(i)) {
			text[i] = '-';
			continue;
		}
		text[i] = wp_hex_digit(
			half[digit / 16] >> (60 - digit % 16 * 4) & 0xf);
		digit++;
	}
	text[WP_MSGID_LEN] = '\0';
}

/* The 128 bits of any UUID, high half first. */
static bool read_uuid(uint64_t half[2], const char *text, size_t len)
{
	size_t i, digit = 0;

	if (len != WP_MSGID_LEN)
		return false;
	half[0] = half[1] = 0;
	for (i = 0; i < len; i++) {
		int value;

		if (is_dash_at(i)) {
			if (text[i] != '-')
				return false;
			continue;
		}
		value = wp_hex_value(text[i]);
		if (value < 0)
			return false;
		half[digit / 16] = half[digit / 16] << 4 | (uint64_t)value;
		digit++;
	}
	return true;
}

enum wp_msgid_kind wp_msgid_parse(struct wp_msgid *out, const char *text,
				  size_t len)
{
	uint64_t half[2];

	if (!read_uuid(half, text, len))
		return WP_MSGID_NONE;
	if ((half[0] >> VERSION_SHIFT & 0xf) != VERSION ||
	    half[1] >> VARIANT_SHIFT != VARIANT ||
	    (half[1] & MASK(ZERO_BITS)) != 0)
		return WP_MSGID_FOREIGN;

	*out = (struct wp_msgid){
		.entry.ms = half[0] >> MS_SHIFT,
		.entry.seq = (half[0] & MASK(VERSION_SHIFT)) << SEQ_LOW_BITS |
			     (half[1] >> SEQ_SHIFT & MASK(SEQ_LOW_BITS)),
		.partition = (uint16_t)(half[1] >> PARTITION_SHIFT & 0xffff),
		.band = half[1] >> BAND_SHIFT & 1,
	};
	return WP_MSGID_OURS;
}

void wp_entry_id_format(const struct wp_entry_id *id,
			char text[WP_ENTRY_ID_MAX])
{
	assert(id->ms <= MASK(MS_BITS) && id->seq <= MASK(SEQ_BITS));
	(void)snprintf(text, WP_ENTRY_ID_MAX, "%" PRIu64 "-%" PRIu64, id->ms,
		       id->seq);
}

/* Decimal digits up to end, at most max; no sign, no leading zeros. */
static bool read_decimal(uint64_t *out, const char *p, const char *end,
			 uint64_t max)
{
	uint64_t value = 0;

	if (p == end || (*p == '0' && end - p > 1))
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > max) /* checked each time: it cannot wrap */
			return false;
	}
	*out = value;
	return true;
}

bool wp_entry_id_parse(struct wp_entry_id *out, const char *text, size_t len)
{
	const char *end = text + len;
	const char *dash = text;
	struct wp_entry_id id;

	while (dash < end && *dash != '-')
		dash++;
	if (dash == end || !read_decimal(&id.ms, text, dash, MASK(MS_BITS)) ||
	    !read_decimal(&id.seq, dash + 1, end, MASK(SEQ_BITS)))
		return false;
	*out = id;
	return true;
}

int wp_entry_id_cmp(const struct wp_entry_id *a, const struct wp_entry_id *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return 0;
}

void wp_msgid_behind(const struct wp_msgid *id,
		     struct wp_band_from out[WP_BANDS])
{
	out[WP_BAND_HIGH] = (struct wp_band_from){
		.is_skipped = id->band != WP_BAND_HIGH,
	};
	out[WP_BAND_STANDARD] = (struct wp_band_from){ 0 };
	out[id->band].has_after = true;
	out[id->band].after = id->entry;
}
