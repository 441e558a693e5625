/*
 * reload.c - one bit of the signal mask.
 */
#include "lib/sys/reload.h"

#include <signal.h>
#include <stddef.h>

static void mask(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	(void)pthread_sigmask(how, &signals, NULL);
}

void wp_reload_hold(void)
{
	mask(SIG_BLOCK);
}

void wp_reload_take(void)
{
	mask(SIG_UNBLOCK);
}
