/*
 * rig.h - a registrar with a Redis of its own and without sockets, what it
 * stands on, and what it said.
 */
#ifndef WP_TESTS_SUPPORT_LIVE_RIG_H
#define WP_TESTS_SUPPORT_LIVE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/live/registrar.h"
#include "tests/support/test_redis.h"

struct ev_loop;

enum {
	RIG_PATIENCE_S = 20,
	RIG_BEAT_MS = 500,
	RIG_LIMIT = 16, /* connections of a user */
};

/* A connection as the hub sees it, and what it was told. */
struct rig_peer {
	struct wp_member member; /* first */
	char chat[32];
	int registered;
	int poked;
	int refused;
	int kicked;
};

struct rig {
	struct wp_test_server server;
	struct wp_redis *other; /* a second look at the server */
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_hub *hub;
	struct wp_registrar *registrar;
	int live;
	int registered;
	int refused;
	int poked;
	int kicked;
	int gone;
	int notified;
	char whom[256]; /* the last notification's, as much as fits */
	size_t whom_len;
	/* A test's: this member is registered. Or NULL. */
	void (*on_registered)(struct rig *rig, struct wp_member *member);
	int deaf;            /* a test's */
	bool keeps_chatting; /* a test's */
};

/* Start a Redis and a loop: then conf may be changed. */
void rig_begin(struct rig *rig, const char *name);
/* Make the registrar; nothing connects yet. */
void rig_make(struct rig *rig, const char *protocol, int64_t heartbeat_ms);
void rig_start(struct rig *rig);
void rig_end(struct rig *rig);

typedef bool (*rig_claim_fn)(struct rig *rig);

/* Run the loop until the claim holds. */
void rig_run_until(struct rig *rig, rig_claim_fn claim);
bool rig_is_live(struct rig *rig);
bool rig_is_down(struct rig *rig);

/* A connection of this user comes and goes. */
void rig_come(struct rig *rig, struct rig_peer *peer, const char *name);
void rig_go(struct rig *rig, struct rig_peer *peer);

#endif /* WP_TESTS_SUPPORT_LIVE_RIG_H */
