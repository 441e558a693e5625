/*
 * presence.pml - presence and pokes: two daemons, one client that moves between
 * them, a bystander on daemon 0, one worker. The mailbox is two counters;
 * mailbox.h looks at it in full.
 *
 * Every d_step is one Lua script, together with its answer, or one thing that a
 * daemon does by itself; scripts are named in comments. A heartbeat counter
 * matters only as "unchanged since the reaper judged it": that is `judged`.
 * Time is left out: the reaper may judge whatever does not beat just now.
 *
 * Run without -D the protocol holds. Each of these breaks it (run.sh has the
 * list, and the pairs in which one guard stands in for another):
 *	DUE_OUTSIDE	the worker fills due and publishes after route.lua
 *	NO_DUE, NO_NONCE	pokes by Pub/Sub alone; deafness not noticed
 *	TRUST_POKES	what was poked lately is not poked again, nonce or not
 *	EARLY		registers before the subscription is confirmed
 *	BEAT_KEEPS	an unanswered heartbeat does not end the incarnation
 *	GONE_IGNORED	a daemon that was reaped does not register again
 *	CONNECT_ANYWHERE	connect.lua does not ask for live
 *	CONNECT_HOT_ONLY	pending without the hint
 *	CONNECT_SILENT	not poked
 *	DISCONNECT_USER	disconnect.lua removes all connections of the user
 *	DISCONNECT_UNMARKED, REAP_UNMARKED	waiting messages are not marked
 *	REAP_BLINDLY	reap.lua does not compare the counter
 *	REAP_FORGETS	at: first, online in a second step
 *	REAP_LIVE_FIRST	live first, connections afterwards
 *	REAP_UNDOOMED	an incarnation of which a part was reaped may beat on
 *	LEAVE_BUSY	leave.lua removes live although connections are left
 *	POKE_FORGOTTEN	the client forgets a poke when its pull ends
 */
/* Bounds, and what follows from them */
#ifndef SENDS
#define SENDS 1
#endif
#ifndef MOVES
#define MOVES 2
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#ifdef LOSS
#define LIVES (FAULTS + 2)	/* incarnations that a daemon may need */
#else
#define LIVES (FAULTS + 1)
#endif
#define INCS (2 * LIVES)
#define INC(d) (LIVES * (d) + cur[d])

#define DOWN 0			/* enum wp_registrar_state */
#define SUBSCRIBING 1
#define LIVE 2

/* Redis, per incarnation */
bool live[INCS], judged[INCS], doomed[INCS], due[INCS];
bool at[INCS], online[INCS];	/* the client's connection */
bool at_by[INCS], online_by[INCS];	/* the bystander's */
bool late[INCS];		/* a connect that Redis has not read yet */
bool beaten[INCS];		/* after it was judged (REAP_BLINDLY) */
bool mark;
byte ingress, hot, cold, sent, lost, got;

/* The daemons */
bool alive[2] = true, stalled[2], deaf[2], joined[2], stopping[2];
byte state[2] = SUBSCRIBING, cur[2];
bool tcp[2];			/* the client's connection is open */
bool known[2], known_by;	/* registered under the current incarnation */
bool leaving[2], leaving_by;	/* a disconnect is to be sent */
bool refused[2];		/* and was refused: sent again with a beat */
bool heard[2];			/* a poke by Pub/Sub, since the last beat */

/* The client, and what may still happen */
bool poke;
byte faults, moves, losses;
byte k;				/* of loops inside a d_step; else 0 */

#if LIVES == 2
#define ONLINE (online[0] || online[1] || online[2] || online[3])
#else
#if LIVES == 3
#define ONLINE (online[0] || online[1] || online[2] || online[3] || \
		online[4] || online[5])
#else
#define ONLINE (online[0] || online[1] || online[2] || online[3] || \
		online[4] || online[5] || online[6] || online[7])
#endif
#endif
#define RUNS(d) (alive[d] && !stalled[d])
#define READY(d) (RUNS(d) && state[d] == LIVE)
#define BY_OPEN(d) (d == 0 && alive[0] && !stopping[0])
#define GHOST(d) (cur[d] > 0 && (at[INC(d) - 1] || online[INC(d) - 1]))

#ifdef CONNECT_HOT_ONLY
#define PENDING (hot > 0)
#else
#ifdef CONNECT_SILENT
#define PENDING (false)
#else
#define PENDING (hot + cold > 0)
#endif
#endif

#ifdef REAP_UNDOOMED
#define IS_LIVE(i) (live[i])
#else
#define IS_LIVE(i) (live[i] && !doomed[i])
#endif
#ifdef CONNECT_ANYWHERE
#define MAY_CONNECT(i) (true)
#else
#define MAY_CONNECT(i) (IS_LIVE(i))
#endif

/* Does this incarnation not beat just now, for whatever reason? */
#define SILENT(i, d) (!RUNS(d) || state[d] == DOWN || INC(d) != i || !joined[d])

inline mark_if_waiting() {
	if
	:: !ONLINE && hot > 0 -> mark = true
	:: else -> skip
	fi
}

inline poke_client(d) {
	if
	:: tcp[d] -> poke = true
	:: else -> skip
	fi
}

/* Of route.lua: SADD due, then PUBLISH wp:poke:<incarnation> */
inline notify(i, d) {
	if
	:: online[i] ->
#ifndef NO_DUE
		due[i] = true;
#endif
		if
		:: alive[d] && state[d] == LIVE && INC(d) == i && !deaf[d] ->
			heard[d] = true;
			poke_client(d)
		:: else -> skip
		fi
	:: else -> skip
	fi
}

inline notify_all() {
	do
	:: k < INCS -> notify(k, k / LIVES); k++
	:: else -> k = 0; break
	od
}

/* go_down(); wp_registrar_renew() follows when Redis lets us */
inline lose(d) {
	state[d] = DOWN;
	deaf[d] = false;
	joined[d] = false;
	known[d] = false;
	heard[d] = false;
	leaving[d] = false;
	refused[d] = false;
	if
	:: d == 0 -> known_by = false; leaving_by = false
	:: else -> skip
	fi
}

inline close_client(d) {
	tcp[d] = false;
	poke = false;
	leaving[d] = known[d];
	known[d] = false
}

active proctype Sender() {
	do
	:: d_step { sent < SENDS -> sent++; ingress++ }
	:: sent == SENDS -> break
	:: break
	od
}

active proctype Worker() {
	bool owed;
	do
	:: d_step { /* route.lua */
		ingress > 0 && !owed ->
		printf("route.lua\n");
		ingress--;
		hot++;
		if
		:: !ONLINE -> mark = true
#ifdef DUE_OUTSIDE
		:: else -> owed = true
#else
		:: else -> notify_all()
#endif
		fi
	   }
#ifdef DUE_OUTSIDE
	:: d_step { owed -> notify_all(); owed = false }
	:: d_step { owed && faults > 0 -> faults--; owed = false }
#endif
	:: d_step { mark -> /* prepare.lua to trim.lua */
		printf("prepare.lua to trim.lua\n");
		if
		:: !ONLINE -> cold = cold + hot; hot = 0
		:: else -> skip
		fi;
		mark = false
	   }
	od
}

inline forget_client(i) {
	online[i] = false;
#ifndef REAP_UNMARKED
	mark_if_waiting()
#endif
}

/*
 * One incarnation as Redis sees it: what it reads after the sender has given up
 * that connection, and reap.lua, in chunks of one connection. A crash of the
 * worker between chunks is a pause.
 */
proctype Reaper(byte i, d) {
	bool half;
	do
	:: d_step { late[i] -> late[i] = false;
		if
		:: MAY_CONNECT(i) -> at[i] = true; online[i] = true
		:: else -> skip
		fi }
	:: d_step { live[i] && !judged[i] && SILENT(i, d) ->
		printf("reaper judges incarnation %d\n", i);
		judged[i] = true; beaten[i] = false }
#ifdef REAP_LIVE_FIRST
	:: d_step { live[i] && judged[i] ->
		live[i] = false; judged[i] = false; due[i] = false; half = true }
	:: d_step { half -> half = false; online_by[i] = false;
		at_by[i] = false; forget_client(i); at[i] = false }
	:: d_step { half && faults > 0 -> faults--; half = false }
#else
	:: d_step { live[i] && judged[i] && at_by[i] ->
		printf("reap.lua on %d: the bystander\n", i);
		assert(!beaten[i]);
		doomed[i] = true; online_by[i] = false; at_by[i] = false }
#ifdef REAP_FORGETS
	:: d_step { live[i] && judged[i] && at[i] ->
		doomed[i] = true; at[i] = false; half = true }
	:: d_step { half -> half = false; forget_client(i) }
	:: d_step { half && faults > 0 -> faults--; half = false }
#else
	:: d_step { live[i] && judged[i] && at[i] ->
		printf("reap.lua on %d: the client\n", i);
		assert(!beaten[i]);
		doomed[i] = true; forget_client(i); at[i] = false }
#endif
	:: d_step { live[i] && judged[i] && !at[i] && !at_by[i] && !half ->
		printf("reap.lua on %d: live\n", i);
		assert(!beaten[i]);
		live[i] = false; judged[i] = false; doomed[i] = false;
		due[i] = false }
#endif
	od
}

/* heartbeat.lua and what registrar.c makes of the answer */
inline beat(d) {
	if
	:: !IS_LIVE(INC(d)) ->
#ifndef GONE_IGNORED
		lose(d)
#else
		skip
#endif
	:: else ->
#ifdef REAP_BLINDLY
		beaten[INC(d)] = judged[INC(d)];
#else
		judged[INC(d)] = false;
#endif
		if
#ifdef TRUST_POKES
		:: due[INC(d)] && !heard[d] -> poke_client(d)
#else
		/* else the nonce comes back: nothing before it was lost */
		:: due[INC(d)] && (!heard[d] || deaf[d]) -> poke_client(d)
#endif
		:: else -> skip
		fi;
		due[INC(d)] = false;
		heard[d] = false
	fi
}

#ifdef GONE_IGNORED
#define BEATS(d) (IS_LIVE(INC(d)) && (judged[INC(d)] || due[INC(d)] || heard[d]))
#else
#ifdef REAP_BLINDLY
#define BEATS(d) (!IS_LIVE(INC(d)) || due[INC(d)] || heard[d] || \
		  (judged[INC(d)] && !beaten[INC(d)]))
#else
#define BEATS(d) (!IS_LIVE(INC(d)) || due[INC(d)] || heard[d] || judged[INC(d)])
#endif
#endif

proctype Daemon(byte d) {
	do
	/* ---- registrar.c: incarnations ---- */
	:: d_step { RUNS(d) && state[d] == DOWN && !stopping[d] &&
		    cur[d] < LIVES - 1 ->
		cur[d] = cur[d] + 1; state[d] = SUBSCRIBING;
		printf("daemon %d takes incarnation %d\n", d, INC(d)) }
	:: d_step { RUNS(d) && state[d] == SUBSCRIBING -> state[d] = LIVE;
		printf("daemon %d is subscribed\n", d) }

	/* ---- registrar.c: join, connect, disconnect, leave ---- */
	:: d_step { (READY(d)
#ifdef EARLY
		     || (RUNS(d) && state[d] == SUBSCRIBING)
#endif
		    ) && !joined[d] && !stopping[d] &&
		    ((tcp[d] && !known[d]) || (BY_OPEN(d) && !known_by)) ->
		joined[d] = true; live[INC(d)] = true;
		printf("join.lua by %d\n", INC(d)) }
	:: d_step { READY(d) && joined[d] && tcp[d] && !known[d] && GHOST(d) ->
		printf("disconnect.lua of the client's ghost, by %d\n", INC(d));
		online[INC(d) - 1] = false; mark_if_waiting();
		at[INC(d) - 1] = false }
	:: d_step { RUNS(d) && joined[d] && tcp[d] && !known[d] && !GHOST(d) ->
		printf("connect.lua of the client, by %d\n", INC(d));
		if
		:: MAY_CONNECT(INC(d)) ->
			at[INC(d)] = true; online[INC(d)] = true;
			known[d] = true;
			if
			:: PENDING -> poke_client(d)
			:: else -> skip
			fi
		:: else -> lose(d)
		fi }
	:: d_step { RUNS(d) && joined[d] && BY_OPEN(d) && !known_by ->
		printf("connect.lua of the bystander, by %d\n", INC(d));
		if
		:: MAY_CONNECT(INC(d)) ->
			at_by[INC(d)] = true; online_by[INC(d)] = true;
			known_by = true
		:: else -> lose(d)
		fi }
	:: d_step { READY(d) && leaving[d] -> leaving[d] = false;
		printf("disconnect.lua of the client, by %d\n", INC(d));
		refused[d] = false;
		online[INC(d)] = false;
#ifdef DISCONNECT_USER
		do
		:: k < INCS -> online[k] = false; k++
		:: else -> k = 0; break
		od;
#endif
#ifndef DISCONNECT_UNMARKED
		mark_if_waiting();
#endif
		at[INC(d)] = false }
	:: d_step { READY(d) && leaving[d] && faults > 0 -> faults--;
		refused[d] = true }
	:: d_step { READY(d) && d == 0 && leaving_by -> leaving_by = false;
		online_by[INC(d)] = false; at_by[INC(d)] = false }
	/* leave: after all disconnects, but for one that Redis refused */
	:: d_step { READY(d) && stopping[d] &&
		    ((!leaving[d] && !leaving_by) || refused[d]) ->
		if
#ifdef LEAVE_BUSY
		:: true -> live[INC(d)] = false; due[INC(d)] = false
#else
		:: !at[INC(d)] && !at_by[INC(d)] ->
			live[INC(d)] = false; due[INC(d)] = false;
			judged[INC(d)] = false; doomed[INC(d)] = false
		:: else -> skip
#endif
		fi;
		alive[d] = false }
	:: d_step { RUNS(d) && stopping[d] && state[d] != LIVE ->
		alive[d] = false }

	/* ---- registrar.c: heartbeats ---- */
	:: d_step { READY(d) && joined[d] && BEATS(d) ->
		printf("heartbeat.lua by %d\n", INC(d));
		beat(d) }
	:: d_step { READY(d) && joined[d] && faults > 0 && due[INC(d)] &&
		    IS_LIVE(INC(d)) ->
		printf("heartbeat.lua by %d, its answer is lost\n", INC(d));
		faults--; due[INC(d)] = false; judged[INC(d)] = false;
#ifndef BEAT_KEEPS
		lose(d)
#endif
	   }
#ifndef NO_NONCE
	:: d_step { READY(d) && deaf[d] -> /* wp_feed_reset() */
		printf("daemon %d misses its nonce\n", d);
		lose(d) }
#endif

	/* ---- what happens to it ---- */
	:: d_step { faults > 0 && alive[d] && state[d] != DOWN -> faults--;
		printf("daemon %d LOSES a Redis connection\n", d);
		late[INC(d)] = joined[d] && tcp[d] && !known[d];
		lose(d) }
	:: d_step { faults > 0 && READY(d) && !deaf[d] -> faults--;
		deaf[d] = true;
		printf("daemon %d goes DEAF\n", d) }
	:: d_step { faults > 0 && RUNS(d) -> faults--; stalled[d] = true;
		printf("daemon %d STALLS\n", d) }
	:: d_step { stalled[d] -> stalled[d] = false;
		printf("daemon %d goes on\n", d) }
	:: d_step { faults > 0 && alive[d] -> faults--; /* kill -9 */
		printf("daemon %d is KILLED\n", d);
		late[INC(d)] = joined[d] && tcp[d] && !known[d];
		alive[d] = false; stalled[d] = false;
		if
		:: tcp[d] -> tcp[d] = false; poke = false
		:: else -> skip
		fi }
	:: d_step { moves > 0 && READY(d) && !stopping[d] -> moves--; /* TERM */
		printf("daemon %d is told to stop\n", d);
		stopping[d] = true;
		if
		:: tcp[d] -> close_client(d)
		:: else -> skip
		fi;
		if
		:: d == 0 -> leaving_by = known_by; known_by = false
		:: else -> skip
		fi }
	od
}

active proctype Client() {
	do
	:: d_step { moves > 0 && !tcp[0] && !tcp[1] && READY(0) &&
		    !stopping[0] && !leaving[0] -> moves--; tcp[0] = true;
		printf("client comes to daemon 0\n") }
	:: d_step { moves > 0 && !tcp[0] && !tcp[1] && READY(1) &&
		    !stopping[1] && !leaving[1] -> moves--; tcp[1] = true;
		printf("client comes to daemon 1\n") }
	:: d_step { moves > 0 && tcp[0] -> moves--; close_client(0);
		printf("client goes\n") }
	:: d_step { moves > 0 && tcp[1] -> moves--; close_client(1);
		printf("client goes\n") }
	:: atomic { poke && (tcp[0] || tcp[1]) ->
#ifndef POKE_FORGOTTEN
		poke = false;
#endif
		skip }
		d_step { got = got + hot + cold; hot = 0; cold = 0;
			printf("client pulls\n") }
#ifdef POKE_FORGOTTEN
		poke = false
#endif
	od
}

inline forget_all(i) {
	live[i] = false; judged[i] = false; doomed[i] = false; due[i] = false;
	at[i] = false; online[i] = false; at_by[i] = false;
	online_by[i] = false; late[i] = false
}

/* Redis comes back empty; every connection to it was lost. */
active proctype Loss() {
	d_step { losses > 0 -> losses--;
		printf("REDIS COMES BACK EMPTY\n");
		do
		:: k < INCS -> forget_all(k); k++
		:: else -> k = 0; break
		od;
		lost = lost + ingress + hot; ingress = 0; hot = 0;
		mark = false;
		lose(0); lose(1) }
}

/* Budgets are chosen freely, so that no later fault has to heal a stranding. */
init {
	atomic {
		moves = 1;
		do
		:: moves < MOVES -> moves++
		:: break
		od;
		do
		:: faults < FAULTS -> faults++
		:: break
		od;
#ifdef LOSS
		losses = 1;
#endif
		run Daemon(0); run Daemon(1);
		run Reaper(0, 0); run Reaper(1, 0);
		run Reaper(LIVES, 1); run Reaper(LIVES + 1, 1);
#if LIVES > 2
		run Reaper(2, 0); run Reaper(LIVES + 2, 1);
#endif
#if LIVES > 3
		run Reaper(3, 0); run Reaper(LIVES + 3, 1)
#endif
	}
}

#define IS_CURRENT(i, d) (alive[d] && INC(d) == i)
inline check(i, d) {
	assert(online[i] == (tcp[d] && IS_CURRENT(i, d)));
	assert(at[i] == online[i]);
	assert(online_by[i] == (BY_OPEN(d) && IS_CURRENT(i, d)));
	assert(at_by[i] == online_by[i]);
	assert(!live[i] || IS_CURRENT(i, d))
}

/* Nothing is left to do, and nothing more will come. */
active proctype Monitor() {
	timeout ->
	printf("END: connected %d%d, waiting %d hot, %d cold\n",
	       tcp[0], tcp[1], hot, cold);
	assert(ingress == 0);
	assert(got + hot + cold + lost == sent);
	assert(!(tcp[0] || tcp[1]) || hot + cold == 0); /* poked, pulled */
	assert((tcp[0] || tcp[1]) || hot == 0); /* migrated */
	d_step {
		do
		:: k < INCS -> check(k, k / LIVES); k++
		:: else -> k = 0; break
		od
	}
}
