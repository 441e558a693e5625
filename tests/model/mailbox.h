/*
 * mailbox.h - a model of one mailbox: ingress, hot queue, cold store, and
 * everybody who touches them, small enough to look at every state.
 *
 * One edge is one atomic step: a Lua script, a transaction of the cold store,
 * or something that happens to us. Between steps anything can come. Messages
 * are bits of a byte: bit order is id order. docs/model.md explains how to
 * read the results.
 */
#ifndef WP_TESTS_MODEL_MAILBOX_H
#define WP_TESTS_MODEL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WP_MODEL_WORKERS = 2, WP_MODEL_PULLS = 2, WP_MODEL_ACKS = 2 };

/* What must hold. The order is the one in which a trace is looked for. */
enum wp_model_property {
	WP_MODEL_S1,  /* accepted and not acked is stored */
	WP_MODEL_S2,  /* first deliveries in id order, per band */
	WP_MODEL_S3,  /* settled: nothing acked is stored */
	WP_MODEL_S3S, /* a pull begun after the 204 does not return it */
	WP_MODEL_S4,  /* settled: nothing stranded, no poke owed */
	WP_MODEL_S5A, /* no answer has a newer without an older, per band */
	WP_MODEL_S5B, /* no answer misses what was stored when it began */
	WP_MODEL_S5C, /* answers are in id order, per band */
	WP_MODEL_S6,  /* a new id is above all that the cold store has seen */
	WP_MODEL_S7,  /* nothing ephemeral reaches the cold store */
	WP_MODEL_S8,  /* no pull returns what expired before it began */
	WP_MODEL_LIVE /* from everywhere a settled state can be reached */
};
enum { WP_MODEL_PROPERTIES = WP_MODEL_LIVE + 1 };

/*
 * Ways to leave the protocol. A case that breaks one of them must fail; the
 * last few add something instead, and say so.
 */
enum wp_model_rule {
	/* Migration */
	WP_MODEL_HINT_AT_TRIM = 1, /* trim.lua sets it, not prepare.lua */
	WP_MODEL_HINT_AFTER_READ,  /* after the hot queue was read */
	WP_MODEL_HINT_FIRST,       /* then the version, then the hot queue */
	WP_MODEL_VERSION_LATE,     /* M1 after M2 */
	WP_MODEL_NO_FENCE,         /* M3 takes any version */
	WP_MODEL_LEASE_FENCE,      /* M3 compares lease tokens instead */
	WP_MODEL_BOX_DROPPED,      /* an empty mailbox loses its version */
	WP_MODEL_PRESENCE_OUTSIDE, /* looked up before prepare.lua */
	WP_MODEL_TRIM_UNMARKS,     /* although more has been routed */
	WP_MODEL_TRIM_EVERYTHING,  /* not only the ids of M2 */
	WP_MODEL_TRIM_STORED_ONLY, /* keeps the ephemeral */
	WP_MODEL_TRIM_ONLINE,      /* the ephemeral, who is online or not */
	WP_MODEL_COPY_EPHEMERAL,
	/* Straight to disk */
	WP_MODEL_DIRECT_UNHINTED,     /* the hint is set by landed.lua */
	WP_MODEL_DIRECT_VERSION_LATE, /* read after the take */
	WP_MODEL_DIRECT_DESPITE_HOT,  /* although something is in hot */
	WP_MODEL_DIRECT_GAP,          /* the newest without the older */
	WP_MODEL_DIRECT_KEEPS_TOKEN,  /* of a hint that is there */
	WP_MODEL_DIRECT_LANDS_ALL,    /* not only the ids of the take */
	WP_MODEL_DIRECT_FORGETS,      /* out of ingress by the take */
	WP_MODEL_DIRECT_UNPOKED,      /* landed.lua asks not who came */
	WP_MODEL_DIRECT_UNMARKED,     /* …nor whether a cut left hot */
	WP_MODEL_DIRECT_EPHEMERAL,    /* takes them, too */
	WP_MODEL_DIRECT_ONLINE,       /* takes in any case; harmless */
	WP_MODEL_DIRECT_OVERTAKEN,    /* route passes over what is taken */
	WP_MODEL_CURSOR_UNNAMED,      /* …whose newer ones go their way */
	WP_MODEL_CURSOR_BLIND,        /* …and forgets what waits for it */
	WP_MODEL_CURSOR_STUBBORN,     /* …although the store refused it */
	WP_MODEL_CURSOR_OUTLIVES,     /* …in another life; harmless */
	/* Acks */
	WP_MODEL_BUMP_IF_DELETED,      /* A2 without rows leaves the version */
	WP_MODEL_ACK_HINT_FIRST,       /* A1 as two commands: hint, delete */
	WP_MODEL_ACK_COLD_FIRST,       /* A2 before the hot queue */
	WP_MODEL_ACK_DELETE_THEN_HINT, /* A1 as two commands, harmless */
	WP_MODEL_ACK_LEAVES_INGRESS,
	WP_MODEL_ACK_ALWAYS_COLD, /* harmless */
	WP_MODEL_CLEAR_BLINDLY,   /* A3 without comparing tokens */
	WP_MODEL_CLEAR_NEVER,     /* harmless */
	WP_MODEL_TOKEN_REUSED,    /* counted per user, from 1 each time */
	/* Pulls */
	WP_MODEL_PULL_CLEARS,     /* the hint, when it saw cold empty */
	WP_MODEL_PULL_COLD_FIRST, /* before the hot queue */
	WP_MODEL_PULL_REVALIDATE, /* …and looks at the hint again */
	WP_MODEL_PULL_HINT_FIRST, /* hint before hot */
	WP_MODEL_PULL_FIRST_HINT, /* of several calls only the first one's */
	WP_MODEL_PULL_CONCATENATES,
	WP_MODEL_PULL_MIXES_BANDS, /* fills a page before high has ended */
	WP_MODEL_PULL_HOT_EXPIRED,
	WP_MODEL_PULL_COLD_EXPIRED,
	WP_MODEL_SWEEP_CLEARS, /* the sweeper clears hints, too */
	/* Presence */
	WP_MODEL_CONNECT_HOT_ONLY, /* pending does not count the hint */
	WP_MODEL_DISCONNECT_UNMARKED,
	/* One band forgotten */
	WP_MODEL_CONNECT_ONE_BAND,
	WP_MODEL_DISCONNECT_ONE_BAND,
	WP_MODEL_PREPARE_ONE_BAND,
	WP_MODEL_TRIM_ONE_BAND,
	WP_MODEL_ACK_ONE_BAND,
	/* The gate and reconciliation */
	WP_MODEL_SEND_CLOSED,    /* accepts while the gate is closed */
	WP_MODEL_ROUTE_CLOSED,   /* harmless */
	WP_MODEL_PULL_CLOSED,    /* believes that there is no hint */
	WP_MODEL_ACK_CLOSED,     /* believes that there is no hint */
	WP_MODEL_CONNECT_CLOSED, /* believes that nothing waits */
	WP_MODEL_CLEAR_CLOSED,   /* any hint, when A1 saw a closed gate */
	WP_MODEL_CLEAR_UNGATED,  /* A3 does not look at the gate; harmless */
	WP_MODEL_NO_RAISE,
	WP_MODEL_RAISE_LATE,     /* after the gate */
	WP_MODEL_RAISE_TO_ROWS,  /* to what is left, not what ever was */
	WP_MODEL_HINTS_LATE,     /* after the gate */
	WP_MODEL_OPEN_ANY_LIFE,  /* of Redis, not that of the walk's begin */
	WP_MODEL_TOKENS_RESTART, /* with Redis' memory; harmless alone */
	WP_MODEL_CLEAR_ANY_LIFE, /* A3 forgets run_id; harmless alone */
	/* Additions */
	WP_MODEL_STRADDLE,   /* M3 may come after a reconciliation */
	WP_MODEL_LIFE_FENCE, /* a reconciliation moves every version first */
	WP_MODEL_RULES
};
_Static_assert(WP_MODEL_RULES <= 128, "a case holds them as bits");

/* How much may happen. Every fault is counted down. */
struct wp_model_bounds {
	uint8_t messages; /* sends */
	uint8_t first;    /* id of the first one; below is the past */
	uint8_t high;     /* which ids are of the high band */
	uint8_t ephemeral;
	uint8_t expiring; /* which may expire, at any moment */
	uint8_t limit;    /* of a page; 0 is none */
	uint8_t chunks;   /* prepare may take one of each band */
	uint8_t walks;    /* a pull may look at hot twice */
	uint8_t crashes;  /* of a worker */
	uint8_t lapses;   /* leases that run out under a stalled worker */
	uint8_t moves;    /* connects and disconnects */
	uint8_t pulls;    /* beyond those that a poke asks for */
	uint8_t acks;
	uint8_t breaks;   /* crashes of a handler inside an ack */
	uint8_t losses;   /* Redis comes back empty, its clock behind */
	uint8_t restarts; /* Redis comes back with everything */
	uint8_t cuts;     /* route.lua dies half-way */
	uint8_t knows;    /* acks may name what was never pulled */
	uint8_t direct;   /* who is away is written to disk from ingress */
	uint8_t cursor;   /* route may begin behind what is under way */
	uint8_t pullers;
	uint8_t ackers;
};

/* Bits of enum wp_model_rule. */
__extension__ typedef unsigned __int128 wp_model_rules;

/* A protocol, as it is or broken, within bounds. */
struct wp_model_case {
	const char *name;
	const char *what;
	wp_model_rules rules;
	uint32_t fails; /* bits of what must fail, all else is not looked
			 * at; 0: nothing may */
	bool is_full;   /* only with MODEL=full */
	struct wp_model_bounds bounds;
};

static inline bool wp_model_is(const struct wp_model_case *model,
			       enum wp_model_rule rule)
{
	return (model->rules >> rule & 1) != 0;
}

/* Where a worker is: the step that it does next. */
enum wp_model_worker_at {
	WP_MODEL_IDLE,  /* owns nothing */
	WP_MODEL_OWNER, /* between two pieces of work */
	WP_MODEL_AT_VERSION_EARLY,
	WP_MODEL_AT_PREPARE,
	WP_MODEL_AT_READ,
	WP_MODEL_AT_TAKE,
	WP_MODEL_AT_HINT,
	WP_MODEL_AT_VERSION_LATE,
	WP_MODEL_AT_APPEND,
	WP_MODEL_AT_TRIM,
	WP_MODEL_AT_RAISE,
	WP_MODEL_AT_USERS,
	WP_MODEL_AT_HINTS,
	WP_MODEL_AT_OPEN
};

enum wp_model_seen { /* version of the mailbox, as a worker read it */
		     WP_MODEL_UNREAD,
		     WP_MODEL_CURRENT,
		     WP_MODEL_STALE,
		     WP_MODEL_NO_BOX
};

struct wp_model_worker {
	uint8_t at; /* enum wp_model_worker_at; one step behind */
	uint8_t owns;
	uint8_t copy;       /* what M2 read */
	uint8_t keep;       /* what of it M3 stores; else a number to carry */
	uint8_t seen;       /* enum wp_model_seen */
	uint8_t is_newer;   /* of the two, by lease token (LEASE_FENCE) */
	uint8_t is_online;  /* as looked up (PRESENCE_OUTSIDE) */
	uint8_t straddles;  /* M2, or R1, was in an earlier life of Redis */
	uint8_t is_direct;  /* its copy is of ingress */
	uint8_t cursor;     /* ids that route.lua need not look at */
	uint8_t has_passed; /* of them some that wait for the landing */
};

enum wp_model_pull_at {
	WP_MODEL_NO_PULL,
	WP_MODEL_PULL_AT_COLD,
	WP_MODEL_PULL_AT_ANSWER,
	WP_MODEL_PULL_AT_REST,
	WP_MODEL_PULL_AT_HINT,
	WP_MODEL_PULL_AT_HOT,
	WP_MODEL_PULL_AT_COLD_EARLY,
	WP_MODEL_PULL_AT_HOT_LATE,
	WP_MODEL_PULL_AT_CLEAR
};

struct wp_model_pull {
	uint8_t at; /* enum wp_model_pull_at */
	uint8_t got;
	uint8_t owed;    /* stored when it began */
	uint8_t past;    /* acked when it began */
	uint8_t expired; /* when it began */
	uint8_t after;   /* position: id + 1, or 0 */
	uint8_t rest;    /* of hot, for its second look */
	uint8_t asks;    /* the cold store */
	uint8_t token;
};

enum wp_model_ack_at {
	WP_MODEL_NO_ACK,
	WP_MODEL_ACK_AT_HOT,
	WP_MODEL_ACK_AT_COLD,
	WP_MODEL_ACK_AT_CLEAR
};

struct wp_model_ack {
	uint8_t at; /* enum wp_model_ack_at */
	uint8_t ids;
	uint8_t token;        /* 0: may not clear */
	uint8_t is_of_before; /* A1 was in an earlier life of Redis */
};

/* Bytes only, so that two states are equal when their bytes are. */
struct wp_model_state {
	/* Redis */
	uint8_t ingress, hot;
	uint8_t cut;    /* of ingress: hot has, or had, it already */
	uint8_t last;   /* ids from here on are free */
	uint8_t hint;   /* token; 0 is none */
	uint8_t tokens; /* how many were used (TOKENS_RESTART) */
	uint8_t mark;   /* due for migration */
	uint8_t online;
	uint8_t gate;
	/* The cold store */
	uint8_t cold;
	uint8_t top; /* highest id ever stored, + 1 */
	uint8_t has_box;
	uint8_t fence; /* the newer lease has written (LEASE_FENCE) */
	/* The client and its daemon */
	uint8_t poke;
	uint8_t returns; /* connected, to be registered again */
	uint8_t next;    /* where the page to come begins; 0 is none */
	/* History */
	uint8_t accepted, delivered, ackreq, acked, lost, expired;
	uint8_t promised;    /* ephemeral, came to who is online since */
	uint8_t is_sweeping; /* SWEEP_CLEARS */
	/* What may still happen */
	uint8_t crashes, lapses, moves, pulls, acks, breaks, losses, restarts;
	uint8_t cuts;
	struct wp_model_worker workers[WP_MODEL_WORKERS];
	struct wp_model_pull pull[WP_MODEL_PULLS];
	struct wp_model_ack ack[WP_MODEL_ACKS];
	uint8_t filler[7]; /* always 0 */
};
_Static_assert(sizeof(struct wp_model_state) % 8 == 0, "hashed by words");

/* What a step was, for traces; enum wp_model_act is in mailbox_trace.h. */
struct wp_model_label {
	uint8_t act;
	uint8_t who;  /* index of the worker, pull or ack */
	uint8_t set;  /* ids concerned */
	uint8_t swap; /* which pairs changed places afterwards */
};

struct wp_model_edge {
	struct wp_model_state to;
	struct wp_model_label label;
	uint32_t violated; /* bits of enum wp_model_property */
};

/* All steps out of one state. */
enum { WP_MODEL_MAX_EDGES = 96 };
struct wp_model_fan {
	const struct wp_model_case *model;
	const struct wp_model_state *from;
	size_t n;
	struct wp_model_edge edges[WP_MODEL_MAX_EDGES];
};

/* ---- sets of ids ---- */

static inline uint8_t wp_model_minus(uint8_t a, uint8_t b)
{
	return (uint8_t)(a & ~b);
}

static inline uint8_t wp_model_lowest(uint8_t set)
{
	return (uint8_t)(set & -set);
}

/* All ids up to and with id number i. */
static inline uint8_t wp_model_upto(unsigned i)
{
	return (uint8_t)((2U << i) - 1);
}

/* ---- mailbox_state.c ---- */

void wp_model_begin(const struct wp_model_case *model,
		    struct wp_model_state *state);
/* Begin a step: a copy of fan->from, to be changed and committed. */
struct wp_model_state *wp_model_fork(struct wp_model_fan *fan);
/*
 * The step is complete. Brings the state into its one canonical form and adds
 * what is wrong with it to `violated`.
 */
void wp_model_commit(struct wp_model_fan *fan, int act, unsigned who,
		     uint8_t set, uint32_t violated);

void wp_model_set_hint(const struct wp_model_case *model,
		       struct wp_model_state *state);
void wp_model_clear_hint(struct wp_model_state *state);
/* Every version that a worker has read is an old one now. */
void wp_model_bump(struct wp_model_state *state);
/* The lease is gone: whatever needs it would be refused from now on. */
void wp_model_lose_lease(struct wp_model_worker *worker);
/* Is every version that was read still to be compared? */
bool wp_model_is_version_current(const struct wp_model_state *state,
				 const struct wp_model_worker *worker);

/* ---- the steps ---- */

void wp_model_worker_steps(struct wp_model_fan *fan, unsigned i);
void wp_model_reconcile_steps(struct wp_model_fan *fan, unsigned i);
void wp_model_pull_steps(struct wp_model_fan *fan, unsigned i);
void wp_model_ack_steps(struct wp_model_fan *fan, unsigned i);
void wp_model_world_steps(struct wp_model_fan *fan);

/* ---- mailbox_property.c ---- */

extern const char *const wp_model_property_names[WP_MODEL_PROPERTIES];

bool wp_model_is_settled(const struct wp_model_state *state);
/* What is wrong with a state as such. */
uint32_t wp_model_judge_state(const struct wp_model_case *model,
			      const struct wp_model_state *state);
/* Which ids follow a position in the order of an answer. */
uint8_t wp_model_beyond(const struct wp_model_case *model, uint8_t position);
/* Of all that matches, the page that a limit allows; *next: its end or 0. */
uint8_t wp_model_page(const struct wp_model_case *model, uint8_t all,
		      uint8_t *next);
/* What is wrong when this pull answers `page` now. */
uint32_t wp_model_judge_answer(const struct wp_model_case *model,
			       const struct wp_model_state *state,
			       const struct wp_model_pull *pull, uint8_t page,
			       uint8_t next);

/* ---- mailbox_explore.c ---- */

struct wp_model_result {
	size_t states;
	bool is_complete; /* every state was looked at */
	bool is_violated;
	enum wp_model_property violated; /* the first that was found */
	size_t n; /* steps of the shortest way there, if so */
	struct wp_model_edge *steps; /* owned */
};
enum { WP_MODEL_MAX_STATES = 40 * 1000 * 1000 };

/*
 * Look at everything that can happen, nearest first, and stop at the first
 * thing that must not. Returns false when memory is exhausted.
 */
bool wp_model_explore(const struct wp_model_case *model,
		      struct wp_model_result *result);
void wp_model_result_release(struct wp_model_result *result);

/* ---- mailbox_trace.c, mailbox_cases.c ---- */

void wp_model_print_trace(const struct wp_model_case *model,
			  const struct wp_model_result *result);

extern const struct wp_model_case wp_model_cases[];
extern const size_t wp_model_n_cases;

#endif /* WP_TESTS_MODEL_MAILBOX_H */
