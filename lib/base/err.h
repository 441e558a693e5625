/*
 * err.h - how a call says that it could not do what was asked.
 *
 * Three kinds of trouble, three answers: a bug is assert()ed, a start that
 * cannot succeed travels up to main() with one sentence, and life (a peer went
 * away, a queue is full) is an enum wp_err that the caller decides about.
 * struct wp_error carries the sentence and needs no allocation.
 */
#ifndef WP_LIB_BASE_ERR_H
#define WP_LIB_BASE_ERR_H

#include <stddef.h>
#ifdef __clang_analyzer__
#include <stdio.h>
#endif

#define WP_MUST_USE __attribute__((warn_unused_result))
#define WP_PRINTF(fmt_index, first_arg) \
	__attribute__((format(printf, fmt_index, first_arg)))

enum wp_err {
	WP_OK = 0,
	WP_ERR_INVAL,    /* the input is malformed or out of range */
	WP_ERR_NOMEM,    /* memory is exhausted */
	WP_ERR_FULL,     /* a configured bound would be exceeded */
	WP_ERR_NOTFOUND, /* what was asked for does not exist */
	WP_ERR_STALE,    /* somebody else changed it first; read again */
	WP_ERR_CONFLICT, /* it exists already, and differs */
	WP_ERR_DENIED,   /* the caller may not do this */
	WP_ERR_UNAVAIL,  /* a peer or store is down, slow or refusing */
	WP_ERR_PROTO,    /* a peer answered what it never should */
	WP_ERR_SYS,      /* a system call failed; sys_errno tells which way */
};

struct wp_error {
	enum wp_err code;
	int sys_errno; /* 0 when no system call was involved */
	char msg[256]; /* one sentence, no secrets, no trailing newline */
};

/*
 * Fill err and return code, so that a caller can write `return wp_error_set`.
 *
 * err:      may be NULL when nobody wants the sentence
 * Returns:  code
 */
enum wp_err wp_error_set(struct wp_error *err, enum wp_err code,
			 const char *fmt, ...) WP_PRINTF(3, 4);

/* Like wp_error_set(WP_ERR_SYS) with ": <strerror(errno)>" appended. */
enum wp_err wp_error_sys(struct wp_error *err, const char *fmt, ...)
	WP_PRINTF(2, 3);

#ifdef __clang_analyzer__
/* It does not look into functions with varying arguments, and takes each for
 * one that may return WP_OK. */
static inline enum wp_err wp_error_code(struct wp_error *err, enum wp_err code)
{
	if (err != NULL)
		err->code = code;
	return code;
}
#define wp_error_set(err, code, ...) \
	((void)snprintf(NULL, 0, __VA_ARGS__), wp_error_code(err, code))
#define wp_error_sys(err, ...) wp_error_set(err, WP_ERR_SYS, __VA_ARGS__)
#endif

enum { WP_FAULTS_MAX = 32 };

/*
 * All that is wrong with a start, so that it can be told at once: an operator
 * who must change five things should not have to start five times. Whoever
 * looks at things that do not depend on each other notes each verdict here and
 * goes on; the first bad one is also the error that travels up.
 */
struct wp_faults {
	size_t n; /* also counts those that found no room */
	struct wp_error list[WP_FAULTS_MAX];
};

/*
 * Note a verdict; a good one changes nothing. The same sentence is noted once:
 * several may come upon one fault.
 *
 * faults:   NULL when nobody wants more than the first
 * rc, err:  keep the first that is bad; err may be NULL
 */
void wp_faults_note(struct wp_faults *faults, enum wp_err verdict,
		    const struct wp_error *why, enum wp_err *rc,
		    struct wp_error *err);

#endif /* WP_LIB_BASE_ERR_H */
