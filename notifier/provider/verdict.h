/*
 * verdict.h - what an answer of a provider means for the push, for the device
 * and for the provider. The kinds judge (kind_fcm.h and others); here is what
 * they have in common. Pure.
 */
#ifndef WP_NOTIFIER_VERDICT_H
#define WP_NOTIFIER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/json.h"

enum { WP_REASON_MAX = 40 };

enum wp_verdict {
	WP_VERDICT_ACCEPTED,
	WP_VERDICT_GONE,    /* the device's token is dead, for certain */
	WP_VERDICT_SUSPECT, /* it may be, or our settings are wrong */
	WP_VERDICT_RETRY,   /* this device, later */
	WP_VERDICT_LATER,   /* this provider, later */
	WP_VERDICT_CONFIG,  /* this provider, and ours to mend */
	WP_VERDICT_REFUSED, /* this push is wrong: never again */
	WP_VERDICT_AGAIN,   /* at once, but once only, when remedied */
};

/* What to do besides, or before; bits. */
enum wp_remedy {
	WP_REMEDY_NONE = 0,
	WP_REMEDY_TOKEN = 1,       /* another token of ours */
	WP_REMEDY_CONNECTION = 2,  /* other connections: wp_fetch_renew() */
	WP_REMEDY_ENVIRONMENT = 4, /* the other environment of APNs */
};

/* What a provider said. Borrowed. */
struct wp_provider_answer {
	long status; /* 0: nothing came, whatever the reason */
	bool is_http2;
	const char *body; /* perhaps cut */
	size_t len;
	const char *retry_after; /* the header's text; NULL: none */
	int64_t now_s;           /* wall clock, since 1970 */
	bool is_repeat;          /* of one that was AGAIN */
};

struct wp_judgement {
	enum wp_verdict verdict;
	unsigned int remedy; /* enum wp_remedy */
	int64_t after_s;     /* RETRY, LATER: not before; 0: nothing is said */
	/* Its address may not be connected to. For counting only: to whoever
	 * registered it that is a dead host. */
	bool is_forbidden;
	/* The provider's word for it, letters and "_" only, or ours; "" */
	char reason[WP_REASON_MAX + 1];
};

/*
 * Begin with what holds for all: nothing came, or a 5xx: RETRY.
 *
 * Returns:  true when that was it
 */
bool wp_judge_common(const struct wp_provider_answer *reply,
		     struct wp_judgement *out);

/* What the provider asked for, else the preset. */
int64_t wp_judge_after(const struct wp_provider_answer *reply,
		       int64_t preset_s);

/* Note its word; one with other characters, or too long, is not repeated. */
void wp_judge_word(struct wp_judgement *out, const struct wp_json_slice *word);

/* "accepted", "gone", … */
const char *wp_verdict_name(enum wp_verdict verdict);

#endif /* WP_NOTIFIER_VERDICT_H */
