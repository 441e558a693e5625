/*
 * msgid.h - message ids: a UUIDv7 that says where the message is.
 *
 * 48 bits ms and 40 bits seq are the Redis stream id, 16 bits the partition,
 * one bit the band; 17 bits are zero. Layout, from the most significant bit:
 *
 *	ms 48 | 0111 | seq[39:28] 12 |
 *	10 | seq[27:0] 28 | partition 16 | band 1 | zero 17
 *
 * so ids of one partition and band sort as they were accepted, as text and as
 * bytes (RFC 9562 section 5.7).
 */
#ifndef WP_LIB_NAME_MSGID_H
#define WP_LIB_NAME_MSGID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WP_MSGID_LEN = 36 };

enum wp_band { WP_BAND_STANDARD = 0, WP_BAND_HIGH = 1 };

/* Entry of a stream: "<ms>-<seq>". Plain data. */
struct wp_entry_id {
	uint64_t ms;  /* < 2^48 */
	uint64_t seq; /* < 2^40 */
};

struct wp_msgid {
	struct wp_entry_id entry;
	uint16_t partition;
	uint8_t band; /* enum wp_band */
};

enum wp_msgid_kind {
	WP_MSGID_OURS,    /* decoded */
	WP_MSGID_FOREIGN, /* a UUID, but none that Waypost makes */
	WP_MSGID_NONE,    /* no UUID at all */
};

/* Write the 36 characters and a NUL. */
void wp_msgid_format(const struct wp_msgid *id, char text[WP_MSGID_LEN + 1]);

/* Read a UUID in either case of hex; *out is set for OURS only. */
enum wp_msgid_kind wp_msgid_parse(struct wp_msgid *out, const char *text,
				  size_t len);

/* "<ms>-<seq>" and a NUL; at most WP_ENTRY_ID_MAX bytes. */
enum { WP_ENTRY_ID_MAX = 32 };
void wp_entry_id_format(const struct wp_entry_id *id,
			char text[WP_ENTRY_ID_MAX]);
/* False when text is no "<ms>-<seq>" within the ranges above. */
bool wp_entry_id_parse(struct wp_entry_id *out, const char *text, size_t len);
/* <0, 0, >0 in stream order. */
int wp_entry_id_cmp(const struct wp_entry_id *a, const struct wp_entry_id *b);

/* Where the reading of a band goes on. All zero: at its oldest. */
struct wp_band_from {
	bool is_skipped; /* it is not read at all */
	bool has_after;
	struct wp_entry_id after;
};
enum { WP_BANDS = 2 };
/* Behind this id in the order of a mailbox, high before standard. */
void wp_msgid_behind(const struct wp_msgid *id,
		     struct wp_band_from out[WP_BANDS]);

#endif /* WP_LIB_NAME_MSGID_H */
