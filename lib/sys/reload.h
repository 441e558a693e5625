/*
 * reload.h - SIGHUP before a program can answer it.
 */
#ifndef WP_LIB_SYS_RELOAD_H
#define WP_LIB_SYS_RELOAD_H

/*
 * Let a SIGHUP wait: it would end a program that is still starting, and a start
 * may take as long as Redis is silent. Whoever takes signals by signalfd or
 * sigwait gets it then; whoever has a handler says wp_reload_take().
 *
 * Threads: before any other is started; they inherit it
 * Source:  signal(7), "Signal mask and pending signals"
 */
void wp_reload_hold(void);

/* The handler is there: let it have what waited. */
void wp_reload_take(void);

#endif /* WP_LIB_SYS_RELOAD_H */
