/*
 * program.h - what every program does alike around its own work: read its
 * settings, --check, log, reload, end.
 */
#ifndef WP_LIB_SYS_PROGRAM_H
#define WP_LIB_SYS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/sys/conf.h"

/* How programs end; there are no other exit statuses. */
enum wp_exit {
	/*
	 * It did what it was asked to. A stop by SIGTERM or SIGINT is that too,
	 * also the second one and one that ran out of time.
	 */
	WP_EXIT_DONE = 0,
	/* It could not start or go on, or --check found a fault. */
	WP_EXIT_FAILED = 1,
	/* Only waypost: the command line is none of its. */
	WP_EXIT_USAGE = 2,
	/* Only waypost doctor --strict: nothing is broken, but it warns. */
	WP_EXIT_WARNED = 3,
};

/* One life of a program. */
struct wp_program {
	const struct wp_conf_program *about;
	int argc; /* how many of argv are options */
	char **argv;
	struct wp_faults faults; /* all that is wrong with a start or --check */
	bool is_over;            /* what was asked for has been printed */
	wp_conf_look_fn look;    /* what looks at the settings; may be NULL */
	void *look_ctx;
	bool is_check;     /* --check: look, change nothing, and end */
	bool is_ping;      /* --ping: ask the one that runs, and end */
	bool has_looked;   /* wp_program_check() was there */
	bool has_listened; /* its own addresses are no question any more */
};

/*
 * The first call of main(). Puts /dev/null where descriptors 0 to 2 are closed:
 * else the first socket would be one of them, and what is meant for standard
 * error would be written into it. Makes a peer that is gone an answer of
 * write(2). Lets a SIGHUP wait: it would end a service that is still starting,
 * which may take as long as Redis is silent. Who takes signals by signalfd or
 * sigwait gets it then; who has a handler says wp_program_take_reload().
 *
 * about, argv:  borrowed for good
 * Returns:      false when that cannot be had: go no further, tell nobody
 * Threads:      before any other is started; they inherit it
 * Source:       signal(7), "Signal mask and pending signals"
 */
bool wp_program_begin(struct wp_program *program,
		      const struct wp_conf_program *about, int argc,
		      char **argv) WP_MUST_USE;

/*
 * Read the settings as wp_conf_load() does and set up the log. Then is_over,
 * is_check and is_ping are known.
 *
 * Ownership:  conf is the caller's; end with wp_conf_release(), also on error
 * Errors:     WP_ERR_INVAL  each fault is in program->faults
 */
enum wp_err wp_program_load(struct wp_program *program, struct wp_conf *conf,
			    struct wp_error *err) WP_MUST_USE;

/* What --check looks at when the settings are good. */
struct wp_program_look {
	const char *key;       /* of the address that we would listen on */
	const char *address;   /* "": none */
	const char *group_key; /* of who shall reach it; NULL: nobody is said */
	const char *group;
	const char *metrics_key;     /* the same of GET /metrics; NULL: it is */
	const char *metrics_address; /* the address above, or there is none */
	/* All else; it notes in conf->faults what it can. */
	enum wp_err (*look)(void *ctx, struct wp_error *err);
	void *ctx;
	const char *fine; /* said when there is no fault */
};

/*
 * Do what --check is for. An address in use is worth a line of the log: we may
 * be who uses it.
 *
 * Errors:  the first fault; each is in program->faults
 */
enum wp_err wp_program_check(struct wp_program *program,
			     const struct wp_program_look *look,
			     struct wp_error *err) WP_MUST_USE;

/*
 * A start or --check was refused: find out what else is wrong, so that all of
 * it can be told, and mended, at once. Nothing when that is known, or when not
 * even the settings could be read: what they do not say is not looked at.
 *
 * rc, err:  what run() of the program ended with
 */
void wp_program_look_further(struct wp_program *program,
			     const struct wp_conf *conf,
			     const struct wp_program_look *look, enum wp_err rc,
			     const struct wp_error *err);

/* Whom --ping asks, and what. */
struct wp_program_ping {
	const char *key;     /* of the address */
	const char *address; /* as for wp_listen(); "": there is none */
	const char
		*request; /* len bytes, which ask for an answer and its end */
	size_t len;
	const char *answer; /* what stands in one of who is well */
};

/* GET /healthz and GET /metrics over HTTP, for the request and its answer. */
#define WP_PING_GET(path)                         \
	"GET " path " HTTP/1.1\r\nHost: ping\r\n" \
	"Connection: close\r\n\r\n"
#define WP_PING_OK "HTTP/1.1 200 "

/*
 * Do what --ping is for, such as the health check of a container: one exchange
 * with the program that runs with these settings, in three seconds.
 *
 * Errors:  WP_ERR_INVAL  there is no address that could be asked
 *          WP_ERR_SYS, WP_ERR_UNAVAIL  nobody answers there, or not as one who
 *                                      is well
 */
enum wp_err wp_program_ping(const struct wp_program *program,
			    const struct wp_program_ping *ping,
			    struct wp_error *err) WP_MUST_USE;

/* wp_program_ping() by GET /metrics at this address, which key says. */
enum wp_err wp_program_ping_metrics(const struct wp_program *program,
				    const char *key, const char *address,
				    struct wp_error *err) WP_MUST_USE;

/*
 * Could what is made at address be given to group? Always, when it is no unix
 * socket or group is "".
 *
 * key:     of group; err begins with it
 * Errors:  as wp_listen_look_group()
 */
enum wp_err wp_program_look_group(const char *key, const char *address,
				  const char *group,
				  struct wp_error *err) WP_MUST_USE;

/* Could the program run with next? What it makes for that is ctx's. */
typedef enum wp_err (*wp_program_fit_fn)(void *ctx, const struct wp_conf *next,
					 struct wp_error *err);

/*
 * Answer SIGHUP: read the settings anew. They are refused as a whole, with a
 * line of the log that says why, when one is wrong, when one differs that only
 * a restart can change, or when fit (may be NULL) says no. Good ones give the
 * log its level.
 *
 * now:      what the program runs with
 * Returns:  true: *next is the caller's. false: nothing has changed
 */
bool wp_program_reload(const struct wp_program *program,
		       const struct wp_conf *now, struct wp_conf *next,
		       wp_program_fit_fn fit, void *ctx) WP_MUST_USE;

/* There is a handler of SIGHUP: let it have what waited. */
void wp_program_take_reload(void);

/*
 * Take all descriptors that we may have.
 *
 * Returns:  how many, as far as known; UINT64_MAX when there is no limit
 */
uint64_t wp_program_raise_descriptors(void);

/* Tell what was wrong, if anything was. Returns: enum wp_exit, for main() */
int wp_program_end(const struct wp_program *program, enum wp_err rc,
		   const struct wp_error *err);

#endif /* WP_LIB_SYS_PROGRAM_H */
