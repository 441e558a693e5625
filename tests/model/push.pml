/*
 * push.pml - telling somebody that something waits: one mailbox, its entry in
 * the schedule, two notifiers, one device. The mailbox is two numbers: ids up
 * to `top` were routed, those up to `acked` are gone; mailbox.h looks at it in
 * full.
 *
 * Every d_step is one Lua script, together with its answer, one thing that a
 * notifier does by itself, or time that passes; scripts are named in comments.
 * Times are left out: what is LATER becomes due whenever it likes, what is FAR
 * (the end of quiet hours) does not within the model, and so must not be waited
 * for by what is to happen before.
 *
 * With REGISTERS the user has no device at first. Who is found to have none is
 * marked, and nobody is asked to tell him, until a device is registered: in the
 * store, and then in Redis.
 *
 * Run without -D the protocol holds. Each of these breaks it (run.sh has the
 * list, and the bounds in which it shows):
 *	SET_FIRST	notify writes `notified` before the entry
 *	HIGH_LOWERS, GO_LOWERS, SETTLE_LOWERS, WAKE_LOWERS	route of the
 *			high band, disconnect, settle, wake lower the score
 *			of a claim
 *	GO_SILENT	disconnect asks for nothing
 *	ONLINE_SILENT	route asks for nothing while somebody is online
 *	WANT_NOTIFIED	take looks into hot for nobody who is online
 *	TAKE_BLINDLY	take does not ask whether something waits
 *	TAKE_FORGETS	take removes an emptied mailbox that shows a badge
 *	LAPSE_UNSHOWN	take holds a claim that lapsed to have shown nothing
 *	LAPSE_KEPT	take leaves the claim that lapsed with whom it puts off
 *	UNCHECKED	a request begins without another look
 *	DONE_BLINDLY	done does not compare the claim
 *	COUNTED		a claim is a number, counted in the hash
 *	DONE_FORGETS	done does not look for what came meanwhile
 *	DONE_KEEPS	done does not look at an emptied mailbox
 *	DONE_DEAF	done does not know that it was woken meanwhile
 *	DONE_ANY	done removes whatever was asked for once
 *	REGISTER_SILENT	a registration leaves the mark
 *	REGISTER_SHY	it makes no entry
 *	REGISTER_DEAF	it does not wake whoever has a claim
 *	REGISTER_LOWERS	it lowers the score of a claim
 *	REGISTER_AHEAD	it says that what is in ingress was asked for
 *	REGISTER_KNOWN	it does nothing for whose mark has expired
 *	SETTLE_NEVER	ack does not settle
 *	SETTLE_NX	settle waits for what the entry waits for
 */
/* Bounds */
#ifndef SENDS
#define SENDS 2
#endif
#ifndef MOVES
#define MOVES 2			/* connects and disconnects */
#endif
#ifndef CRASHES
#define CRASHES 1		/* of a notifier; the other one goes on */
#endif
#ifndef LAPSES
#define LAPSES 1		/* of a claim whose notifier stalls */
#endif
#ifndef CUTS
#define CUTS 1			/* of a route call */
#endif
#ifndef MUTES
#define MUTES 0
#endif
#ifndef ONCES
#define ONCES 0
#endif
#ifndef REGISTERS
#define REGISTERS 0		/* 1: the device is registered, or never */
#endif
#ifndef EXPIRIES
#define EXPIRIES 0		/* of a mark */
#endif

/* The entry in pushdue; LATER and FAR are times, CLAIMED is that of a lapse */
#define NONE 0
#define DUE 1
#define LATER 2
#define FAR 3
#define CLAIMED 4

#define TELL 1			/* kinds of claims */
#define CLEAR 2
#define ONCE 3

#define NOBODY 2

/* Redis */
byte entry, notified, told, claim, once;	/* told: field id of the hash */
bool busy, shown, woken, online;
bool nobody;			/* notified says that there is no device */
byte top, acked;

/* The cold store */
bool has_device = (REGISTERS == 0);

/* The device, and what its user has set */
byte seen_id, given;
bool badge, muted;

/* The notifiers: claim (its number by any count, and by ours) and outcome */
bool alive[2] = true;
byte c[2], seq[2], want[2], kind[2], asked[2], next[2];
bool has_sent[2], is_over[2];	/* a request was made; all were answered */
bool is_looked[2], is_drop[2];	/* devices were; there were none */
byte holder = NOBODY;		/* whose claim has not lapsed */
byte last_seq;

/* What may still happen */
byte sent, moves, crashes = CRASHES, lapses = LAPSES, cuts = CUTS;
byte mutes = MUTES, onces, ladders = 1, waits_online = 1;
bool half;			/* route was cut: in hot and in ingress */
bool is_direct;			/* one is in ingress, and nobody sees it wait */
bool to_wake, to_tell;
byte registers = REGISTERS, expiries = EXPIRIES;
byte goal;

#define WAITS (top > acked)
/* parts/push_want.lua, into `goal`, which is 0 outside of d_steps */
inline look() {
	if
	:: nobody -> goal = 0
#ifndef WANT_NOTIFIED
	:: !nobody && online && WAITS && top > notified -> goal = top
#endif
	:: else -> goal = notified
	fi
}

/* push_done.lua of who has no device */
inline mark() {
	entry = NONE; notified = 0; nobody = true; told = 0; shown = false;
	woken = false;
#ifdef COUNTED
	claim = 0
#endif
}

/* ZADD NX, ZADD LT */
inline add(when) {
	if
	:: entry == NONE -> entry = when
	:: else -> skip
	fi
}
inline bring_forward(when) {
	if
	:: entry == NONE || entry > when -> entry = when
	:: else -> skip
	fi
}

/* parts/notify.lua; is_cut: after its first write */
inline notify(is_high, is_cut) {
	if
	:: !nobody && top > notified ->
#ifdef SET_FIRST
		notified = top;
		if
		:: is_cut -> skip
		:: else ->
			add(LATER);
			if
			:: is_high && !busy -> bring_forward(DUE)
			:: else -> skip
			fi
		fi
#else
		add(LATER);
		if
#ifdef HIGH_LOWERS
		:: is_high -> bring_forward(DUE)
#else
		:: is_high && !busy -> bring_forward(DUE)
#endif
		:: else -> skip
		fi;
		if
		:: is_cut -> skip
		:: else -> notified = top
		fi
#endif
	:: else -> skip
	fi
}

inline route(is_high, is_cut) {
	if
#ifdef ONLINE_SILENT
	:: online -> skip
#else
	:: online -> add(LATER)
#endif
	:: else -> notify(is_high, is_cut)
	fi;
	half = is_cut
}

active proctype Worker() {
	do
	:: d_step { !half && !is_direct && sent < SENDS -> sent++; top++;
		printf("route.lua of %d\n", top); route(false, false) }
	:: d_step { !half && !is_direct && sent < SENDS -> sent++; top++;
		printf("route.lua of %d, high band\n", top);
		route(true, false) }
	:: d_step { !half && !is_direct && sent < SENDS && cuts > 0 ->
		cuts--; sent++; top++;
		printf("route.lua of %d is CUT\n", top); route(false, true) }
	:: d_step { half -> printf("route.lua of %d again\n", top);
		route(false, false) }
#if REGISTERS
	:: d_step { !half && !is_direct && sent < SENDS -> sent++; is_direct = true;
		printf("%d goes straight to disk\n", top + 1) }
	:: d_step { is_direct -> is_direct = false; top++;
		printf("landed.lua of %d\n", top); notify(false, false) }
#endif
	:: !half && !is_direct -> break
	od
}

/* parts/settle.lua */
inline settle() {
	if
#ifdef SETTLE_NX
	:: shown && !WAITS && !busy -> add(LATER)
#else
#ifdef SETTLE_LOWERS
	:: shown && !WAITS -> bring_forward(DUE)
#else
	:: shown && !WAITS && !busy -> bring_forward(LATER)
#endif
#endif
	:: else -> skip
	fi
}

/* push_wake.lua of a registration. What is in ingress has not been asked for,
 * and half a route call is there as well. */
inline registered() {
	printf("push_wake.lua of a registration\n");
#ifndef REGISTER_DEAF
	woken = woken || busy;
#endif
	if
#ifndef REGISTER_SILENT
#ifdef REGISTER_KNOWN
	:: nobody ->
#else
	:: nobody || (notified == 0 && WAITS) ->
#endif
#ifndef REGISTER_SHY
		if
#ifdef REGISTER_LOWERS
		:: true -> bring_forward(LATER)
#else
		:: !busy -> bring_forward(LATER)
		:: else -> skip
#endif
		fi;
#endif
		nobody = false;
#ifdef REGISTER_AHEAD
		notified = top + is_direct
#else
		notified = top - half
#endif
#endif
	:: else -> skip
	fi
}

active proctype User() {
	do
	:: d_step { moves < MOVES && !online -> moves++; online = true;
		printf("connect.lua\n") }
	:: d_step { moves < MOVES && online -> moves++; online = false;
		printf("disconnect.lua\n");
#ifndef GO_SILENT
		if
#ifdef GO_LOWERS
		:: entry != NONE -> bring_forward(LATER)
#else
		:: entry != NONE && !busy -> bring_forward(LATER)
#endif
		:: else -> skip
		fi;
		if
		:: WAITS -> notify(false, false)
		:: else -> skip
		fi
#endif
	   }
	:: d_step { WAITS -> acked++;
		printf("ack.lua of %d\n", acked);
#ifndef SETTLE_NEVER
		settle()
#endif
	   }
	:: d_step { mutes > 0 && !muted -> mutes--; muted = true;
		printf("muted\n") }
	:: d_step { muted && !to_wake -> muted = false; to_wake = true;
		printf("no longer muted\n") }
	:: d_step { to_wake -> to_wake = false;
		printf("push_wake.lua\n");
		if
#ifdef WAKE_LOWERS
		:: entry != NONE -> bring_forward(DUE)
#else
		:: busy -> woken = true
		:: !busy && entry != NONE -> bring_forward(DUE)
#endif
		:: else -> skip
		fi }
	:: d_step { onces < ONCES -> onces++; once = onces;
		printf("push_wake.lua, once %d\n", once);
		if
		:: busy -> skip
		:: else -> bring_forward(DUE)
		fi }
	:: d_step { registers > 0 -> registers--; has_device = true;
		to_tell = true; printf("POST /api/devices\n") }
	:: d_step { to_tell -> to_tell = false; registered() }
	:: !to_wake && !to_tell -> break	/* whatever waits, waits */
	od
}

active proctype Time() {
	do
	:: d_step { entry == LATER -> entry = DUE }
	:: d_step { entry == CLAIMED && holder == NOBODY -> entry = DUE;
		printf("the claim of the dead lapses\n") }
	:: d_step { entry == CLAIMED && holder != NOBODY && lapses > 0 ->
		lapses--; entry = DUE; holder = NOBODY;
		printf("a claim LAPSES\n") }
	:: d_step { nobody && expiries > 0 -> expiries--; nobody = false;
		printf("the mark EXPIRES\n") }
	od
}

inline claim_it(n, what, id) {
#ifndef COUNTED
	claim = last_seq;
#endif
	claim++;
	last_seq++;
	c[n] = claim; seq[n] = last_seq; want[n] = id; kind[n] = what;
	asked[n] = once; next[n] = NONE; has_sent[n] = false;
	is_over[n] = false; is_looked[n] = has_device && REGISTERS == 0;
	is_drop[n] = false;
	printf("push_take.lua by %d: kind %d, want %d, claim %d\n", n, what,
	       want[n], claim);
	busy = true; woken = false; entry = CLAIMED; holder = n
}

inline let_lapse() {
#ifndef LAPSE_UNSHOWN
	shown = shown || busy;
#endif
#ifndef LAPSE_KEPT
	if
	:: busy -> claim = 0
	:: else -> skip
	fi;
#endif
	busy = false
}

inline take(n) {
	/* Nobody else is at it; what has left cannot be called back */
	assert(holder == NOBODY);
	let_lapse();
	look();
	if
#ifdef TAKE_BLINDLY
	:: goal > told -> claim_it(n, TELL, goal)
#else
	:: WAITS && goal > told -> claim_it(n, TELL, goal)
#ifdef TAKE_FORGETS
	:: !WAITS && shown && once != 0 -> claim_it(n, CLEAR, goal)
#else
	:: !WAITS && shown -> claim_it(n, CLEAR, goal)
#endif
#endif
	:: else ->
		if
		:: once != 0 -> claim_it(n, ONCE, told)
		:: else -> entry = NONE
		fi
	fi;
	goal = 0
}

/* The plan, push_check.lua, the request and its answer */
inline request(n) {
	is_over[n] = true;
	if
	:: asked[n] != 0 && given < asked[n] -> given = asked[n]
	:: else -> skip
	fi;
	if
	:: kind[n] == TELL && muted -> next[n] = FAR
#ifdef UNCHECKED
	:: kind[n] == TELL && !muted ->
#else
	:: kind[n] == TELL && !muted && !(WAITS && claim == c[n]) -> skip
	:: kind[n] == TELL && !muted && WAITS && claim == c[n] ->
#endif
		assert(WAITS);	/* N2 */
		printf("notifier %d tells of %d\n", n, want[n]);
		has_sent[n] = true; seen_id = want[n]; badge = true
	:: kind[n] == CLEAR -> printf("notifier %d clears\n", n);
		has_sent[n] = true; badge = false
	:: kind[n] == ONCE -> skip
	fi
}

inline put_off(n) {
	is_over[n] = true; asked[n] = 0; next[n] = LATER
}

/* push_done.lua of an accepted claim */
inline finish(n) {
	printf("push_done.lua by %d of claim %d\n", n, c[n]);
	assert(seq[n] == last_seq);	/* whoever writes has the last claim */
	busy = false;
	if
	:: holder == n -> holder = NOBODY
	:: else -> skip
	fi;
	if
	:: has_sent[n] -> shown = (kind[n] == TELL)
	:: else -> skip
	fi;
	if
#ifdef DONE_ANY
	:: is_over[n] -> once = 0
#else
	:: once == asked[n] -> once = 0
#endif
	:: else -> skip
	fi;
	look();
	if
#ifdef DONE_FORGETS
	:: once != 0 || woken -> entry = DUE
#else
#ifdef DONE_DEAF
	:: goal > want[n] || once != 0 -> entry = DUE
#else
	:: goal > want[n] || once != 0 || woken -> entry = DUE
#endif
#endif
	:: else ->
		if
		:: is_drop[n] -> mark()
#ifndef DONE_KEEPS
		:: !is_drop[n] && !WAITS && shown -> entry = DUE
#endif
		:: else ->
			entry = next[n];
			if
			:: entry == NONE && told < want[n] -> told = want[n]
			:: else -> skip
			fi
		fi
	fi;
	goal = 0
}

inline done_with(n) {
	if
#ifdef DONE_BLINDLY
	:: true -> finish(n)
#else
	:: claim == c[n] -> finish(n)
#endif
	:: else -> printf("push_done.lua by %d: too late\n", n)
	fi;
	c[n] = 0; seq[n] = 0; want[n] = 0; kind[n] = 0; asked[n] = 0;
	next[n] = NONE; has_sent[n] = false; is_over[n] = false;
	is_looked[n] = false; is_drop[n] = false
}

proctype Notifier(byte n) {
	do
	:: d_step { alive[n] && kind[n] == 0 && entry == DUE -> take(n) }
	:: d_step { alive[n] && kind[n] == 0 && entry == DUE && online &&
		    WAITS && once == 0 && waits_online > 0 ->
		waits_online--; entry = LATER;
		assert(holder == NOBODY);
		let_lapse();
		printf("push_take.lua by %d: there for less than a minute\n",
		       n) }
	:: d_step { alive[n] && kind[n] != 0 && !is_looked[n] ->
		is_looked[n] = true; is_drop[n] = !has_device;
		is_over[n] = is_drop[n];
		printf("notifier %d finds %d devices\n", n, has_device) }
	:: d_step { alive[n] && kind[n] != 0 && is_looked[n] && !is_over[n] &&
		    holder == n -> request(n) }
	:: d_step { alive[n] && kind[n] == TELL && is_looked[n] && !is_over[n] &&
		    holder == n && ladders > 0 -> ladders--; put_off(n) }
	/* Too old a claim: nothing was started on it */
	:: d_step { alive[n] && kind[n] != 0 && is_looked[n] && !is_over[n] &&
		    holder != n ->
		asked[n] = 0; next[n] = LATER; is_over[n] = true }
	:: d_step { alive[n] && is_over[n] -> done_with(n) }
	:: d_step { alive[n] && alive[1 - n] && crashes > 0 && kind[n] != 0 ->
		crashes--; alive[n] = false;
		printf("notifier %d is KILLED\n", n);
		if
		:: holder == n -> holder = NOBODY
		:: else -> skip
		fi }
	od
}

init {
	atomic { run Notifier(0); run Notifier(1) }
}

/* Nothing is left to do, and nothing more will come. */
active proctype Monitor() {
	timeout ->
	printf("END: entry %d, up to %d, acked %d, told of %d, badge %d\n",
	       entry, top, acked, seen_id, badge);
	assert(!busy && !to_wake && !to_tell && once == 0);
	assert(!has_device || given == onces);
	assert(entry == NONE || (entry == FAR && muted));
	assert(!WAITS || muted || !has_device || seen_id == top);	/* N1 */
	assert(WAITS || !badge)
}
