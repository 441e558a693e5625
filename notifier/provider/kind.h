/*
 * kind.h - what all kinds of providers need: what a push is, and the request
 * that a kind makes of it. Pure.
 *
 * Nothing of a message, its sender, its chat or its recipient is in a push: the
 * device learns that something waits, and pulls.
 */
#ifndef WP_NOTIFIER_KIND_H
#define WP_NOTIFIER_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/own_key.h"
#include "lib/base/buf.h"
#include "lib/name/msgid.h"
#include "lib/net/transfer.h"
#include "notifier/plan/plan.h"

enum {
	WP_PUSH_ID_TEXT = 36,
	WP_PUSH_WAITING_MAX = 999,
	WP_CALL_HEADERS_MAX = 8,
};

/* What wp_own_key_make() is asked for. */
#define WP_PUSH_ID_PURPOSE "push id, version 1"

/* What a user reads, where no app has texts of its own. */
#define WP_PUSH_TITLE "New Message"
#define WP_PUSH_TEXT "You have received a new secure message."

/* Text is borrowed. */
struct wp_push {
	enum wp_plan_action action;
	const char *token_id; /* of the device: 22 characters of base64url */
	const char *push_id;  /* wp_push_id() */
	const char *account;  /* as it was registered with; "": none */
	int64_t waiting;      /* 0 to WP_PUSH_WAITING_MAX */
	bool has_badge;       /* the device may be told how much waits */
	int64_t now_s;        /* wall clock, since 1970 */
	int64_t ttl_s;
};

/*
 * The id of a push about want to one device, a UUIDv8: that of each repeat of
 * it, whoever makes it.
 */
void wp_push_id(const struct wp_own_key *key, const char *token_id,
		const struct wp_entry_id *want, char out[WP_PUSH_ID_TEXT + 1]);

/* A request that is being made. */
struct wp_call {
	struct wp_buf url;
	struct wp_buf body;
	size_t n;
	const char *names[WP_CALL_HEADERS_MAX]; /* static */
	struct wp_buf values[WP_CALL_HEADERS_MAX];
};

void wp_call_init(struct wp_call *call);
/* What it held may be secret: it is overwritten. */
void wp_call_release(struct wp_call *call);

/* Append one more header: its value is for the caller to add. */
struct wp_buf *wp_call_header(struct wp_call *call, const char *name);
void wp_call_header_text(struct wp_call *call, const char *name,
			 const char *text);
void wp_call_header_int(struct wp_call *call, const char *name, int64_t value);

/* Was there memory for all of it? */
bool wp_call_is_whole(const struct wp_call *call);

/*
 * As a request, which borrows it.
 *
 * headers:  room, which the request borrows as well
 */
struct wp_transfer_request
wp_call_request(const struct wp_call *call,
		struct wp_transfer_header headers[WP_CALL_HEADERS_MAX]);

/* Append ,"name":"text" */
void wp_kind_member(struct wp_buf *out, const char *name, const char *text);

#endif /* WP_NOTIFIER_KIND_H */
